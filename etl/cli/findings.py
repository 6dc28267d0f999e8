"""The commands of tracked findings: what is wrong over nights, and what is done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any

import typer

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.findings_shown import detail_lines, findings_table, plain, sentence
from etl.cli.options import LARGEST_NUMBER, AsJson, By, actor_of, command_app, day_of
from etl.errors import ConfigError, UsageError, nearest
from etl.mapping.read.documents import hospital_folders
from etl.quality.findings.actions import act
from etl.quality.findings.digest import digest as counts_of
from etl.quality.findings.digest import text
from etl.quality.findings.links import links_of
from etl.quality.findings.read import list_findings, show
from etl.quality.findings.states import states
from etl.quality.findings.told import small_cells
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger

app = command_app(
    "What is wrong at the hospitals over nights: see it, hand it to somebody, waive it, note what was done."
)

_SHOWN = 30
Number = Annotated[int, typer.Argument(max=LARGEST_NUMBER, metavar="N", help="Number of the finding.")]
Why = Annotated[str | None, typer.Option(help="Why, in your words, for the record; no patient's data.")]
MustSayWhy = Annotated[str, typer.Option(help="Why, in your words, for the record; no patient's data.")]
Seen = Annotated[
    int | None,
    typer.Option(metavar="ACTION", help="The last action that you saw; if another came since, nothing is done."),
]
Due = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="By which day, YYYY-MM-DD.")]


@app.command(
    "list",
    epilog="""[bold]Examples[/]

    etl findings list · all that is not resolved, what needs a person first

    etl findings list snuh --new · what is new, came back or became worse at one hospital

    etl findings list --owner lee --state in_work · what somebody has in work""",
)
def list_(
    hospital: Annotated[str | None, typer.Argument(help="Only this hospital; default: all.")] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="Only in this state (may be repeated); default: all but resolved."),
    ] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    new: Annotated[bool, typer.Option("--new", help="Only what is new, came back or became worse.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Findings that are shown.")] = _SHOWN,
    as_json: AsJson = False,
) -> None:
    """List findings: what needs a person first, among these the worst.

    A finding is what is wrong at one place of one hospital, however many checks of the gates and of the battery see it
    and on however many nights. Its course says what the last night told: new, still there, worse, better, gone, came
    back.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        _must_be_known(settings, hospital, state)
        chosen = state or [name for name in states().states if name != "resolved"]
        found = list_findings(Ledger(settings.ledger_url), hospital, chosen, owner=owner, news=new)
        cells = small_cells(settings)
        if as_json:
            print_json([plain(f, cells) for f in found])
            return
        out.print(sentence(found))
        if found:
            out.print()
            out.print(findings_table(found[:limit], cells, out.width))
        if len(found) > limit:
            out.print(f"\nthe first {limit} of {len(found):,}; --limit shows more, --json all", style="dim")


@app.command("show")
def show_(number: Number, as_json: AsJson = False) -> None:
    """Show a finding: its nights, which checks saw it, what was done, and the commands that lead to its rows."""
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        ledger = Ledger(settings.ledger_url)
        detail = show(ledger, number)
        links, cells = links_of(settings, ledger, detail), small_cells(settings)
        if as_json:
            print_json({
                **plain(detail.finding, cells), "possible": detail.possible,
                "course": [{"night": s.night, "run_id": s.run_id, "course": s.word} for s in detail.course],
                "actions": [asdict(a) for a in detail.actions], "links": asdict(links),
            })  # fmt: skip
            return
        for line in detail_lines(detail, links, cells):
            out.print(line, soft_wrap=True)


@app.command()
def acknowledge(number: Number, reason: Why = None, by: By = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Note that somebody has seen a finding and thought about it."""
    _act("acknowledge", number, by, seen, reason=reason, as_json=as_json)


@app.command()
def assign(
    number: Number,
    who: Annotated[str, typer.Argument(metavar="WHO", help="Who looks after it from now on.")],
    due: Due = None,
    reason: Why = None,
    by: By = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Hand a finding to somebody, if wanted with a day by which it is to be done."""
    _act("assign", number, by, seen, owner=who, due=day_of(due), reason=reason, as_json=as_json)


@app.command()
def work(
    number: Number,
    owner: Annotated[str | None, typer.Option(help="Who works on it.")] = None,
    due: Due = None,
    reason: Why = None,
    by: By = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Note that a finding is in work with the hospital."""
    _act("work", number, by, seen, owner=owner, due=day_of(due), reason=reason, as_json=as_json)


@app.command()
def waive(
    number: Number,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day it is waived, YYYY-MM-DD.")],
    reason: MustSayWhy,
    by: By = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Let a finding be until a day.

    The waiver ends by itself after its last day, when the fault is gone, and early when it becomes much worse: when at
    least twice the share of rows is wrong that was wrong when it was waived, and chance does not explain it.
    """
    _act("waive", number, by, seen, until=day_of(until), reason=reason, as_json=as_json)


@app.command()
def resolve(number: Number, reason: MustSayWhy, by: By = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Note that a finding is done with. When it is seen again it comes back by itself."""
    _act("resolve", number, by, seen, reason=reason, as_json=as_json)


@app.command()
def reopen(number: Number, reason: MustSayWhy, by: By = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Open a finding again that was acknowledged, in work, waived or resolved."""
    _act("reopen", number, by, seen, reason=reason, as_json=as_json)


@app.command()
def note(
    number: Number,
    words: Annotated[str, typer.Argument(metavar="TEXT", help="What there is to say; no patient's data.")],
    by: By = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Write something down beside a finding."""
    _act("note", number, by, seen, reason=words, as_json=as_json)


@app.command()
def digest(as_json: AsJson = False) -> None:
    """Tell how many findings of each hospital need a person, are new, late or in work: numbers only, for a mail."""
    with errors_to_exit_codes(as_json=as_json):
        counts = counts_of(Ledger(load_settings().ledger_url))
        if as_json:
            print_json([asdict(each) for each in counts])
        else:
            out.print(text(counts), soft_wrap=True)


def _act(
    action: str, number: int, by: str | None, seen: int | None, *, as_json: bool, reason: str | None = None,
    until: date | None = None, owner: str | None = None, due: date | None = None,
) -> None:  # fmt: skip
    with errors_to_exit_codes(as_json=as_json):
        ledger = Ledger(load_settings().ledger_url)
        done = act(
            ledger, number, action, actor=actor_of(by), reason=reason, until=until, owner=owner, due=due, seen=seen
        )
        found = show(ledger, number).finding
        said: dict[str, Any] = {"finding": number, "action": done, "state": found.state, "owner": found.owner,
                                "due": found.due, "until": found.until}  # fmt: skip
        if as_json:
            print_json(said)
            return
        more = [f"owner {found.owner}" if found.owner else "", f"due {found.due}" if found.due else "",
                f"until {found.until}" if found.until else ""]  # fmt: skip
        out.print(", ".join(part for part in (f"finding {number} is {found.state}", *more) if part), soft_wrap=True)


def _must_be_known(settings: Settings, hospital: str | None, chosen: Sequence[str] | None) -> None:
    known = [folder.name for folder in hospital_folders(settings.mappings)]
    if hospital is not None and hospital not in known:
        raise ConfigError(
            f"there is no hospital '{hospital}'{nearest(hospital, known)}",
            hint=f"a hospital is a folder of {settings.mappings}",
        )
    if unknown := [name for name in chosen or () if name not in states().states]:
        raise UsageError(
            f"there is no state '{unknown[0]}'{nearest(unknown[0], states().states)}", hint="etl findings list --help"
        )
