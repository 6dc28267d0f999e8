"""Commands of outputs: what leaves a project space, checked by rules first, then by two persons."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from etl.cli.console import err, out, print_json, show_error
from etl.cli.disclosure import checked_plain, show_checked
from etl.cli.options import AsJson, command_app
from etl.cli.output_shown import (
    Batch,
    Comment,
    OnFile,
    Seen,
    To,
    batches_table,
    by_of,
    decide_on,
    listed_plain,
    rules_of,
    shown_lines,
    shown_plain,
    take,
    tell,
)
from etl.cli.request_shown import Account, Number, desk_of
from etl.errors import InputError
from etl.quality.findings.actions import today
from etl.research.outbox.actions import withdraw as withdraw_batch
from etl.research.outbox.given import read_handed
from etl.research.outbox.hand_in import NotTaken, check_beside
from etl.research.outbox.hand_in import hand_in as hand_in_files
from etl.research.outbox.policy import REFUSE, RELEASE, policy
from etl.research.outbox.read import list_batches, show_batch

app = command_app("What leaves a project space: files are handed in, checked by rules and by two persons, released.")

Files = Annotated[list[Path], typer.Argument(metavar="FILE…", help="Files that are to leave.")]


@app.command(
    epilog="""[bold]Example[/]

    etl output check 12 table1.csv figure2.png · as often as you like, before etl output hand-in"""
)
def check(number: Number, files: Files, by: Account = None, as_json: AsJson = False) -> None:
    """Check files as `etl disclosure check` does, beside all that was released of a request before; nothing is kept.

    You need not have the released files at hand. The rules and the threshold are those by which files are handed in.

    Exit code 0: nothing is refused · 3: something is.
    """
    with desk_of(by, as_json=as_json) as desk:
        rules = rules_of(desk.settings)
        handed = read_handed(files, int(rules.limit("file_bytes")))
        checked = check_beside(desk.ledger, number, handed, by_of(desk), rules)
        if as_json:
            print_json(checked_plain(checked))
        else:
            show_checked(checked)
        raise typer.Exit(InputError.exit_code if checked.refused else 0)


@app.command(
    "hand-in",
    epilog="""[bold]Example[/]

    etl output hand-in 12 table1.csv table2.csv --note "baseline tables of the paper" --by kim""",
)
def hand_in(
    number: Number,
    files: Files,
    note: Annotated[str, typer.Option(help="What the files are, and why they are to leave; no patient's data.")],
    by: Account = None,
    as_json: AsJson = False,
) -> None:
    """Hand files of an open request in, to be checked and released. Together they are a batch, with a number.

    The automatic check comes first, beside all that was released of the request before; what it refuses is not taken,
    and each finding is explained. Then two checkers decide, whom the request does not name. Names of files are plain:
    no path, no sign that is not seen.

    Exit code 0: it is handed in · 3: the check refuses something, or the request is not open.
    """
    with desk_of(by, as_json=as_json) as desk:
        rules = rules_of(desk.settings)
        handed = read_handed(files, int(rules.limit("file_bytes")))
        try:
            batch = hand_in_files(desk.ledger, number, handed, note, by_of(desk), rules)
        except NotTaken as refused:
            if as_json:
                said = {"error": refused.message, "hint": refused.hint, "exit_code": refused.exit_code}
                print_json({**said, **checked_plain(refused.checked)})
            else:
                show_checked(refused.checked)
            show_error(refused)
            raise typer.Exit(refused.exit_code) from None
        tell(batch.number, batch.steps[0], as_json=as_json, request=number)


@app.command("list")
def list_(
    request: Annotated[int | None, typer.Option(metavar="N", help="Only of this request.")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help=f"Only these: {', '.join(policy().states)} (may be repeated).")
    ] = None,
    late: Annotated[bool, typer.Option("--late", help="Only those not decided in time, the oldest first.")] = False,
    mine: Annotated[bool, typer.Option("--mine", help="Only those that wait for your decision.")] = False,
    by: Account = None,
    as_json: AsJson = False,
) -> None:
    """List batches that you may see, the newest first: whose, how each stands, until when it is to be decided."""
    with desk_of(by, as_json=as_json) as desk:
        states = [policy().state(name) for name in state or ()]
        found = list_batches(desk.ledger, desk.actor, request=request, states=states, late=late, mine=mine)
        if as_json:
            print_json([listed_plain(each, today()) for each in found])
        else:
            out.print(batches_table(found) if found else "there is no such batch that you may see")


@app.command()
def show(number: Batch, by: Account = None, as_json: AsJson = False) -> None:
    """Show a batch: its files with their digests, what the automatic check left to the checkers, what was decided.

    What a checker decided is shown to others when all have decided in that round, and to the request's researchers
    when the batch is released or refused.
    """
    with desk_of(by, as_json=as_json) as desk:
        shown = show_batch(desk.ledger, number, desk.actor)
        if as_json:
            print_json(shown_plain(shown))
        else:
            for line in shown_lines(shown):
                out.print(line, soft_wrap=True)


@app.command("open")
def open_(number: Batch, to: To, by: Account = None) -> None:
    """Write the files of a batch into a folder, for a checker to look at; that you did is written down."""
    take(number, "open", to, by)


@app.command()
def release(
    number: Batch,
    comment: Comment = None,
    on: OnFile = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Decide as a checker that a batch may leave. It leaves when the other checker decides so, too.

    Neither sees what the other decided before both have. Where you differ both see the other's words and decide once
    more; where you differ again it does not leave.
    """
    decide_on(number, RELEASE, comment, on, by, seen, as_json=as_json)


@app.command()
def refuse(
    number: Batch,
    comment: Comment = None,
    on: OnFile = None,
    by: Account = None,
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Decide as a checker that a batch may not leave, and say why, on the batch or on single files."""
    decide_on(number, REFUSE, comment, on, by, seen, as_json=as_json)


@app.command()
def withdraw(
    number: Batch, comment: Comment = None, by: Account = None, seen: Seen = None, as_json: AsJson = False
) -> None:
    """Take back a batch that you handed in, as long as it is not decided."""
    with desk_of(by, as_json=as_json) as desk:
        step = withdraw_batch(desk.ledger, number, by_of(desk), comment=comment, seen=seen)
        tell(number, step, as_json=as_json)


@app.command()
def get(number: Batch, to: To, by: Account = None) -> None:
    """Write the files of a released batch into a folder, for the people of its request; that you did is written down.

    Nothing that is there is written over.
    """
    take(number, "fetch", to, by)
    err.print("what is published of them is under the conditions of the request")
