"""How requests are shown at a terminal, and what their commands have in common."""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import LARGEST_NUMBER
from etl.mapping.read.documents import hospital_folders
from etl.pages.formats import DASH, moment
from etl.quality.findings.actions import today
from etl.research.fulfilment.access import settle
from etl.research.requests.actions import act
from etl.research.requests.case import Case, Step
from etl.research.requests.chain import chain
from etl.research.requests.forms import pledge
from etl.research.requests.read import Listed, show_request, told
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger

Number = Annotated[int, typer.Argument(max=LARGEST_NUMBER, metavar="N", help="Number of the request.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in your words, for the record; no patient's data.")]
MayWhy = Annotated[str | None, typer.Option("--reason", help="Why, in your words, for the record; no patient's data.")]
Account = Annotated[
    str | None,
    typer.Option("--by", metavar="NAME", help="Whose account does it; default: that of the user logged in."),
]
Seen = Annotated[
    int | None,
    typer.Option(metavar="STEP", help="The last step that you saw; if another came since, nothing is done."),
]


@dataclass(frozen=True, slots=True)
class Desk:
    """Where a command works, and for whom."""

    settings: Settings
    ledger: Ledger
    actor: str
    user: str
    hospitals: Sequence[str]


@contextmanager
def desk_of(by: str | None = None, *, as_json: bool = False) -> Iterator[Desk]:
    """Where a command works, whose account does it, and who enters it; errors become messages and exit codes."""
    with errors_to_exit_codes(as_json=as_json):
        settings, user = load_settings(), getpass.getuser()
        hospitals = [folder.name for folder in hospital_folders(settings.mappings)]
        yield Desk(settings, Ledger(settings.ledger_url), by or user, user, hospitals)


def make(
    request: int, move: str, by: str | None, seen: int | None, /, *, as_json: bool, reason: str | None = None,
    **said: Any,
) -> None:  # fmt: skip
    """Make a move and tell how the request stands since."""
    with desk_of(by, as_json=as_json) as desk:
        step = act(desk.ledger, request, move, actor=desk.actor, said={**said, "reason": reason}, seen=seen,
                   entered_by=desk.user)  # fmt: skip
        settle(desk.settings, show_request(desk.ledger, request))
        tell(request, step, as_json=as_json)


def tell(number: int, step: Step, *, as_json: bool) -> None:
    """How a request stands after a step."""
    if as_json:
        print_json({"request": number, **step_plain(step)})
        return
    state = chain().states[step.after]
    waits = f"; {titles(state.waits_for)} to move it on" if state.waits_for else ""
    out.print(f"request {number}: {chain().moves[step.move].title.en}; it is {state.title.en}{waits}", soft_wrap=True)


def show_pledge() -> None:
    """The text of the pledge, and how it is signed."""
    for line in pledge().lines:
        out.print(f"· {line.ko}\n  {line.en}", soft_wrap=True)
    err.print(f"version {pledge().version}; signed with --name")


def titles(roles: Sequence[str]) -> str:
    """Roles in words."""
    return " or ".join(chain().roles[role].title.en for role in roles)


def listed_plain(each: Listed, day: date) -> Mapping[str, Any]:
    """A request of a list, for a script."""
    return {
        **asdict(each),
        "people": sorted(each.people),
        "hospitals": sorted(each.hospitals),
        "waits_for": each.waits_for,
        "due": each.due,
        "late": each.late(day),
    }


def step_plain(step: Step) -> Mapping[str, Any]:
    """A step, for a script."""
    return asdict(step)


def case_plain(case: Case) -> Mapping[str, Any]:
    """A request, for a script."""
    return {
        "request": case.number, "state": case.state, "until": case.until, "last": case.last, "form": case.form,
        "conditions": case.conditions, "hospitals": case.hospitals, "kept_out": sorted(case.kept_out),
        "seats": case.seats, "declared": case.declared, "votes": case.votes, "pledges": case.pledges,
        "possible": chain().possible(case.state),
        "steps": [{**step_plain(t.step), "due": t.due, "late": t.late} for t in told(case)],
    }  # fmt: skip


def requests_table(found: Sequence[Listed]) -> Table:
    """Requests, one a line."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("request", "title", "state", "since", "waits for", "due", "late"):
        table.add_column(column, no_wrap=column not in ("title", "waits for"))
    day = today()
    for each in found:
        late = each.late(day)
        table.add_row(
            str(each.number), each.title, chain().states[each.state].title.en, str(each.since),
            titles(each.waits_for) or DASH, str(each.due or DASH), f"{late} days" if late else "",
            style="red" if late else "",
        )  # fmt: skip
    return table


def case_lines(case: Case) -> list[str]:
    """One request in lines."""
    lines = [f"request {case.number}: {case.form['title']}", f"it is {chain().states[case.state].title.en}"]
    lines += [f"  {name}: {_short(value)}" for name, value in case.form.items() if name not in ("title", "people")]
    lines += [f"  {p['part']}: {p['name']} ({p['account']}), {p['affiliation']}" for p in case.form["people"]]
    if case.kept_out:
        lines.append(f"kept out by their stewards: {', '.join(sorted(case.kept_out))}")
    lines += ["approved:", *(f"  {n}: {_short(v)}" for n, v in case.conditions.items())] if case.conditions else []
    lines.append("steps:")
    for t in told(case):
        step = t.step
        late = f", {t.late} working days late" if t.late else ""
        why = f": {step.reason}" if step.reason else ""
        who = (
            f"{step.actor} (entered by {step.entered_by})" if step.entered_by not in (None, step.actor) else step.actor
        )
        lines.append(f"  {step.number}  {moment(step.at)}  {who} {chain().moves[step.move].title.en}{late}{why}")
    return [*lines, f"possible are {', '.join(chain().possible(case.state)) or 'none'}"]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return " to ".join(map(str, value.values()))
    if isinstance(value, list):
        return ", ".join(f"{v['name']} ({v['digest'][:12]})" if isinstance(v, dict) else str(v) for v in value)
    return str(value)
