"""How outputs are shown at a terminal, and what their commands have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from etl.cli.console import err, out, print_json
from etl.cli.options import LARGEST_NUMBER
from etl.cli.request_shown import Desk, desk_of
from etl.errors import UsageError
from etl.pages.formats import DASH, moment
from etl.quality.findings.actions import today
from etl.research.concepts.usage import strictest_small_cell
from etl.research.disclosure.rules import Rules, read_rules
from etl.research.outbox.actions import decide
from etl.research.outbox.batch import Step
from etl.research.outbox.engine import Said
from etl.research.outbox.fetch import contents, write_to
from etl.research.outbox.policy import WAITING, policy
from etl.research.outbox.read import Listed, Shown
from etl.research.outbox.who import By
from etl.settings import Settings

Batch = Annotated[int, typer.Argument(max=LARGEST_NUMBER, metavar="BATCH", help="Number of the batch.")]
Comment = Annotated[str | None, typer.Option(help="On the batch as a whole, in your words; no patient's data.")]
OnFile = Annotated[
    list[str] | None, typer.Option("--on", metavar="FILE=TEXT", help="On one file, by its number (may be repeated).")
]
Seen = Annotated[
    int | None,
    typer.Option(metavar="STEP", help="The last step that you saw; if another came since, nothing is done."),
]
To = Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Folder to write them into.", file_okay=False)]


def rules_of(settings: Settings) -> Rules:
    """The rules that files are handed in by."""
    return read_rules(None, strictest_small_cell(settings))


def by_of(desk: Desk) -> By:
    """Who does it, and who enters it."""
    return By(desk.actor, desk.user)


def decide_on(
    number: int, verdict: str, comment: str | None, on: Sequence[str] | None, by: str | None, seen: int | None, *,
    as_json: bool,
) -> None:  # fmt: skip
    """Decide, and tell how the batch stands since."""
    with desk_of(by, as_json=as_json) as desk:
        said = Said(verdict, comment, _on_files(on or ()))
        step = decide(desk.ledger, number, said, by_of(desk), rules_of(desk.settings), seen=seen)
        tell(number, step, as_json=as_json)


def take(number: int, move: str, to: Path, by: str | None) -> None:
    """Write files of a batch into a folder, and tell where."""
    with desk_of(by) as desk:
        paths = write_to(to, contents(desk.ledger, number, move, by_of(desk)))
        err.print(f"wrote {len(paths):,} files of batch {number} into {to}", soft_wrap=True)


def tell(number: int, step: Step, *, as_json: bool, **more: Any) -> None:
    """How a batch stands after a step."""
    if as_json:
        print_json({"batch": number, **more, **step_plain(step)})
        return
    title = policy().states[step.after].title.en
    out.print(f"batch {number}: {policy().moves[step.move].title.en}; it is {title}"
              if step.after != WAITING else f"batch {number}: {policy().moves[step.move].title.en}; it {title}",
              soft_wrap=True)  # fmt: skip


def step_plain(step: Step) -> Mapping[str, Any]:
    """A step, for a script."""
    return asdict(step)


def listed_plain(each: Listed, day: date) -> Mapping[str, Any]:
    """A batch of a list, for a script."""
    return {**asdict(each), "due": each.due, "late": each.late(day)}


def shown_plain(shown: Shown) -> Mapping[str, Any]:
    """A batch as somebody is shown it, for a script."""
    batch = shown.batch
    kept = {key: getattr(batch, key) for key in ("number", "request", "at", "actor", "note", "digest", "threshold")}
    return {
        **kept, "state": batch.state, "round": batch.round, "seats": batch.seats, "due": shown.due, "seen": shown.seen,
        "has_differed": batch.has_differed,
        "files": [asdict(file) for file in batch.files], "findings": [asdict(each) for each in batch.findings],
        "steps": [step_plain(step) for step in shown.steps], "may": sorted(shown.may),
    }  # fmt: skip


def batches_table(found: Sequence[Listed]) -> Table:
    """Batches, one a line."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("batch", "request", "of", "by", "handed in", "files", "state", "due", "late"):
        table.add_column(column, no_wrap=column != "of")
    day = today()
    for each in found:
        late = each.late(day)
        table.add_row(
            str(each.number), str(each.request), each.title, each.actor, str(each.handed_in), str(each.files),
            policy().states[each.state].title.en, str(each.due or DASH), f"{late} days" if late else "",
            style="red" if late else "",
        )  # fmt: skip
    return table


def shown_lines(shown: Shown) -> list[str]:
    """One batch in lines."""
    batch = shown.batch
    lines = [
        f"batch {batch.number} of request {batch.request}, handed in by {batch.actor} at {moment(batch.at)}",
        f"  {policy().states[batch.state].title.en}; round {batch.round} of {policy().rounds}",
        f"  what and why: {batch.note}", "files:",
    ]  # fmt: skip
    rules = read_rules().findings
    for file in batch.files:
        lines.append(f"  {file.number}  {file.name}  {file.bytes:,} bytes  sha256 {file.digest}")
        for left in (each for each in batch.findings if each.file == file.number):
            places = "; ".join(map(str, left.places))
            title = rules[left.rule].title.en if left.rule in rules else "a rule that there was"
            lines.append(f"       · {title}: {places}  [{left.rule}]")
    lines.append("steps:")
    for step in shown.steps:
        verdict = f": {policy().verdicts[step.verdict].en}" if step.verdict else ""
        round_ = f" (round {step.round})" if step.verdict else ""
        why = f"; {step.comment}" if step.comment else ""
        who = (
            f"{step.actor} (entered by {step.entered_by})" if step.entered_by not in (None, step.actor) else step.actor
        )
        lines.append(
            f"  {step.number}  {moment(step.at)}  {who} {policy().moves[step.move].title.en}{verdict}{round_}{why}"
        )
        lines += [f"       on file {number}: {text}" for number, text in sorted(step.comments.items())]
    if batch.has_differed:
        lines.append("the checkers differed to the last: what they do not agree on does not leave")
    if shown.due:
        lines.append(f"to be decided until {shown.due}; taken up by {', '.join(batch.seats) or 'nobody yet'}")
    return [*lines, f"you may: {', '.join(sorted(shown.may)) or 'look'}"]


def _on_files(on: Sequence[str]) -> dict[int, str]:
    found = {}
    for each in on:
        number, equals, text = each.partition("=")
        if not equals or not (number.isascii() and number.isdigit()):
            raise UsageError("--on takes the number of a file and a text: 2=TEXT", hint="etl output release --help")
        found[int(number)] = text
    return found
