"""Commands of requests for data: from a form to the register, each step by whom it belongs to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import LARGEST_NUMBER, AsJson, command_app, day_of
from etl.cli.request_review import review_app
from etl.cli.request_role import role_app
from etl.cli.request_shown import (
    Account,
    MayWhy,
    Number,
    Seen,
    Why,
    case_lines,
    case_plain,
    desk_of,
    listed_plain,
    make,
    requests_table,
    show_pledge,
    tell,
)
from etl.cli.request_use import use_further
from etl.cli.request_work import work_app
from etl.files import write_atomically
from etl.quality.findings.actions import today
from etl.quality.names import hospital_names
from etl.research.fulfilment.access import settle
from etl.research.requests.actions import change as change_request
from etl.research.requests.actions import draft
from etl.research.requests.chain import chain
from etl.research.requests.forms import blank, pledge
from etl.research.requests.given import read_given
from etl.research.requests.guards import IRB_RESULTS
from etl.research.requests.read import late_requests, list_requests, show_request

app = command_app(
    "Requests for data: from a researcher's form over the IRB and the data review board to the register, in one chain."
)
app.add_typer(review_app, name="review")
app.add_typer(work_app)
app.add_typer(role_app, name="role")

FormFile = Annotated[Path, typer.Argument(metavar="FORM.yaml", help="The form, filled in.", dir_okay=False)]


@app.command()
def form(
    kind: Annotated[
        Literal["request", "conditions"], typer.Argument(help="What for: a request, or the conditions of an approval.")
    ] = "request",
) -> None:
    """Print a blank form, what each field takes beside it, to be filled in."""
    with errors_to_exit_codes():
        typer.echo(blank(kind), nl=False)


@app.command(
    epilog="""[bold]Example[/]

    etl request form > study.yaml · then fill it in

    etl request new study.yaml --by kim · and: etl request submit 1 --by kim"""
)
def new(file: FormFile, by: Account = None, as_json: AsJson = False) -> None:
    """Draft a request from a form. It may still lack what is needed only when it is submitted.

    Files that the form names are kept as they are, with their digests. The people that it names need accounts
    (etl office account), and who drafts it the role of a researcher.
    """
    with desk_of(by, as_json=as_json) as desk:
        number = draft(
            desk.ledger, read_given(file), actor=desk.actor, hospitals=desk.hospitals, entered_by=desk.user
        )  # fmt: skip
        tell(number, show_request(desk.ledger, number).steps[-1], as_json=as_json)


@app.command()
def change(
    number: Number,
    file: FormFile,
    reason: MayWhy = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Make a new version of a request from a form; it goes back to the earliest step that the changed fields touch."""
    with desk_of(by, as_json=as_json) as desk:
        step = change_request(desk.ledger, number, read_given(file), actor=desk.actor, hospitals=desk.hospitals,
                              reason=reason, seen=seen, entered_by=desk.user)  # fmt: skip
        settle(desk.settings, show_request(desk.ledger, number))
        tell(number, step, as_json=as_json)


@app.command()
def submit(number: Number, by: Account = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Submit a draft that is complete; it waits for the IRB since."""
    make(number, "submit", by, seen, as_json=as_json)


@app.command()
def irb(
    number: Number,
    result: Annotated[str, typer.Option(help=f"What the IRB decided: {', '.join(IRB_RESULTS)}.")],
    irb_number: Annotated[str, typer.Option("--number", help="The IRB's own number.")],
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The last day of its approval, YYYY-MM-DD.")
    ] = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Record what the IRB decided."""
    day = day_of(until)
    make(number, "irb", by, seen, as_json=as_json, result=result, number=irb_number, until=str(day) if day else None)


@app.command("keep-out")
def keep_out(
    number: Number,
    hospital: Annotated[str, typer.Argument(help="The hospital, of which you are the steward.")],
    reason: Why,
    undo: Annotated[bool, typer.Option("--undo", help="Let its data in again; until a decision is made.")] = False,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Keep your own hospital's data out of a request, at any time; what was built already is to be built anew."""
    make(number, "let_in" if undo else "keep_out", by, seen, as_json=as_json, hospital=hospital, reason=reason)


@app.command("pledge")
def pledge_(
    number: Number,
    name: Annotated[str | None, typer.Option(help="Your name, as a signature; without it the text is shown.")] = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Sign the security pledge, as everybody on a request does before the data are opened."""
    if name is None:
        show_pledge()
        return
    make(number, "pledge", by, seen, as_json=as_json, name=name, text=pledge().version)


@app.command()
def withdraw(number: Number, reason: Why, by: Account = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Withdraw a request; where data of it were built, they are given up: it is closed, to be destroyed."""
    with desk_of(by, as_json=as_json) as desk:
        move = "give_up" if show_request(desk.ledger, number).has_data else "withdraw"
    make(number, move, by, seen, as_json=as_json, reason=reason)


@app.command()
def suspend(
    number: Number,
    reason: Why,
    undo: Annotated[bool, typer.Option("--undo", help="Lift a suspension, or the stop after a breach.")] = False,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Stop the use of a request's data at once, or (--undo) let it go on."""
    make(number, "resume" if undo else "suspend", by, seen, as_json=as_json, reason=reason)


@app.command()
def breach(number: Number, reason: Why, by: Account = None, seen: Seen = None, as_json: AsJson = False) -> None:
    """Report a breach, such as data lost or somebody recognised. The use stops at once; say no patient's data."""
    make(number, "breach", by, seen, as_json=as_json, reason=reason)


@app.command()
def close(
    number: Number, reason: MayWhy = None, by: Account = None, seen: Seen = None, as_json: AsJson = False
) -> None:
    """End the use of a request's data, when its outputs are checked, or it is expired or stopped."""
    make(number, "close", by, seen, as_json=as_json, reason=reason)


app.command("use-further")(use_further)


@app.command("list")
def list_(
    state: Annotated[list[str] | None, typer.Option(help="Only in this state (may be repeated).")] = None,
    as_json: AsJson = False,
) -> None:
    """List requests, the newest first: how each stands, whom it waits for, and how late it is."""
    with desk_of(as_json=as_json) as desk:
        found = list_requests(desk.ledger, [chain().state(name) for name in state] if state else None)
        if as_json:
            print_json([listed_plain(each, today()) for each in found])
        else:
            out.print(requests_table(found) if found else "there is no such request\n→ etl request new --help")


@app.command()
def show(number: Number, as_json: AsJson = False) -> None:
    """Show a request: what it asks for, what was approved, every step with who, when and why, and what is possible."""
    with desk_of(as_json=as_json) as desk:
        case = show_request(desk.ledger, number)
        if as_json:
            print_json(case_plain(case))
        else:
            for line in case_lines(case):
                out.print(line, soft_wrap=True)


@app.command()
def late(as_json: AsJson = False) -> None:
    """List requests that wait longer than they are to, in working days in Korea, the latest first."""
    with desk_of(as_json=as_json) as desk:
        found = [each for each, _ in late_requests(desk.ledger)]
        if as_json:
            print_json([listed_plain(each, today()) for each in found])
        else:
            out.print(requests_table(found) if found else "no request is late")


@app.command()
def register(
    number: Annotated[
        int | None,
        typer.Argument(max=LARGEST_NUMBER, metavar="[N]", help="Request to be entered; none: list them."),
    ] = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Enter a request that has ended in the register, for good; or list what is in it."""
    if number is None:
        list_(["registered"], as_json=as_json)
    else:
        make(number, "register", by, seen, as_json=as_json)


@app.command("print")
def print_(
    number: Number,
    file: Annotated[Path, typer.Argument(metavar="FILE.html", help="Page to write; one that is there is replaced.")],
    language: Annotated[Literal["ko", "en"], typer.Option(help="In which language.")] = "ko",
) -> None:
    """Write a request as a page to be printed on A4: form, IRB, review, decision, steps, pledges, certificate."""
    with desk_of() as desk:
        # the page's templates take a moment to load, which no other command waits for
        from etl.research.requests.views import printed  # noqa: PLC0415

        case = show_request(desk.ledger, number)
        write_atomically(file, printed(case, hospital_names(desk.settings), language))
        err.print(f"wrote request {number} to {file}", soft_wrap=True)
