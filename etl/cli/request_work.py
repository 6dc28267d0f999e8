"""Commands that do the work of requests: their data are built, tested, opened, used and destroyed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from etl.cli import console
from etl.cli.answer import show_query
from etl.cli.asked import teller
from etl.cli.console import err, out, print_json
from etl.cli.options import AsJson
from etl.cli.request_shown import Account, Desk, Number, desk_of, step_plain, tell
from etl.cli.warehouse import AdminUrl, admin_of
from etl.errors import GateClosed
from etl.research.fulfilment.access import must_use
from etl.research.fulfilment.sweep import Swept, sweep
from etl.research.fulfilment.twins import make_twin, take_twin, twin_file
from etl.research.fulfilment.work import Worker, do
from etl.research.requests.case import Step
from etl.research.requests.read import show_request
from etl.research.spaces.kept import open_space, write_attach
from etl.store.recorded import tell as tell_log

work_app = typer.Typer()
NewFile = Annotated[Path, typer.Option("--to", metavar="FILE", help="A file that is not there yet.")]


@work_app.command(
    epilog="""[bold]Examples[/]

    etl request build 7 --by choi · choi is the board's secretary

    etl space check FILE · what a definition of one's own would give, before anything is asked for""",
)
def build(number: Number, by: Account = None, admin_url: AdminUrl = None, as_json: AsJson = False) -> None:
    """Build the project space of an approved request, of the nights that its hospitals have published.

    In it are the persons of its cohort, the approved columns and days, by the rules of its level: new numbers of
    persons, visits and events, days moved, rare codes lifted, texts out. How far persons look alike in what others may
    know of them is measured on the rows as built, and kept with the step. Where less holds than the policy asks,
    nothing stands (exit code 3); the step says so, and the request goes on waiting for its data.

    A space that stands from before, as when a hospital was kept out since, is destroyed first. The new one is shut
    until it is opened. On PostgreSQL --admin-url makes the schema and the role that may read it.
    """
    step = _do(number, "build", by, admin_url, as_json=as_json)
    if step.said["result"] == "failed":
        _closed(number, str(step.said["why"]))


@work_app.command()
def test(number: Number, by: Account = None, admin_url: AdminUrl = None, as_json: AsJson = False) -> None:
    """Test the adequacy of a space that was built: all measures anew, on the rows that stand, by somebody else.

    A file that was changed since, or rows of the server that are not those of the file, do not pass, whatever they
    measure. What does not pass is to be built anew (exit code 3).
    """
    step = _do(number, "test", by, admin_url, as_json=as_json)
    if step.said["result"] == "failed":
        _closed(number, f"it does not hold: {', '.join(step.said['fails'])}")


@work_app.command("open")
def open_(number: Number, by: Account = None, admin_url: AdminUrl = None, as_json: AsJson = False) -> None:
    """Open a space to its approved recipients, all of whom have signed the pledge.

    On PostgreSQL those of them who have a login of their account's name are let in; others by
    grant space_request_N to LOGIN. A space is shut in the moment in which its request is suspended, has ended or is to
    be built anew, and opens again where a stop is lifted.
    """
    step = _do(number, "open", by, admin_url, as_json=as_json)
    if missing := sorted({*step.said["recipients"]} - {*step.said.get("logins", step.said["recipients"])}):
        how = f"grant space_request_{number} to LOGIN"
        err.print(f"no login of the server: {', '.join(missing)}; {how}", style="yellow", soft_wrap=True)


@work_app.command()
def destroy(number: Number, by: Account = None, admin_url: AdminUrl = None, as_json: AsJson = False) -> None:
    """Destroy the data of a closed request with their keys; the certificate is kept with the step."""
    _do(number, "destroy", by, admin_url, as_json=as_json)


@work_app.command()
def twin(number: Number, to: NewFile, by: Account = None) -> None:
    """Write the dummy twin of a request to a file: same tables, codes and units, nobody of ours.

    There is one from the submission on, so that queries can be written before anything is approved. Who is named on
    the request may take it.
    """
    with desk_of(by) as desk:
        case = show_request(desk.ledger, number)
        if desk.actor in case.people and not twin_file(desk.settings, case).exists():
            with console.progress("dummy twin") as progress:
                make_twin(desk.settings, case, progress)
        take_twin(desk.settings, case, desk.actor, to)
        err.print(f"wrote {to}", soft_wrap=True)


@work_app.command()
def attach(number: Number, to: NewFile, by: Account = None) -> None:
    """Write the SQL that opens a request's space in DuckDB, for one of its recipients: only they can read the file.

    The key is in it. While the space is shut, it opens nothing.
    """
    with desk_of(by) as desk:
        name = must_use(show_request(desk.ledger, number), desk.actor)
        tell_log(desk.settings, "project space entered", f"request {number}", actor=desk.actor)
        write_attach(desk.settings, name, to)
        err.print(f"wrote {to}: it holds the key, hand it to nobody else", soft_wrap=True)


@work_app.command(
    epilog="""[bold]Example[/]

    etl request sql 7 "select year_of_birth, count(*) from person group by all" --by kim""",
)
def sql(
    number: Number,
    query: Annotated[str, typer.Argument(help="SQL over the tables of the space.")],
    by: Account = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows shown at most.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Write all rows as CSV.")] = False,
) -> None:
    """Query the space of a request, for one of its recipients; the audit log has the query without its literals."""
    with desk_of(by) as desk:
        name = must_use(show_request(desk.ledger, number), desk.actor)
        with open_space(desk.settings, name) as con:
            show_query(con, query, limit, teller(desk.settings, f"request {number}", desk.actor), as_csv=as_csv)


@work_app.command()
def work(admin_url: AdminUrl = None, as_json: AsJson = False) -> None:
    """Do what requests need done by themselves, as often as one likes; Airflow does it every quarter of an hour.

    What was ordered in the office is built, tested, opened or destroyed in the name of who ordered it. Spaces are
    opened and shut as their requests stand, requests whose last day has passed expire, dummy twins are made, and what
    no request has any more is destroyed. One request that fails stops no other; the exit code is that of the first.
    """
    with desk_of(as_json=as_json) as desk:
        done: list[Swept] = []
        with console.progress("requests", quiet=as_json) as progress:
            for each in sweep(_worker(desk, admin_url, progress)):
                done.append(each)
                if not as_json:
                    (err if each.error else out).print(f"request {each.request}: {each.text}", soft_wrap=True)
        if as_json:
            print_json([{"request": each.request, "did": each.text, "failed": bool(each.error)} for each in done])
        if failed := next((each.error for each in done if each.error), None):
            raise failed


def _do(number: int, work: str, by: str | None, admin_url: str | None, *, as_json: bool) -> Step:
    with desk_of(by, as_json=as_json) as desk:
        with console.progress(work, quiet=as_json) as progress:
            step = do(_worker(desk, admin_url, progress), number, work)
        if as_json:
            print_json({"request": number, **step_plain(step)})
        else:
            tell(number, step, as_json=False)
            _show_measures(step)
    return step


def _worker(desk: Desk, admin_url: str | None, progress: Any) -> Worker:
    is_server = desk.settings.warehouse.get_backend_name() == "postgresql"
    admin = admin_of(desk.settings, admin_url) if is_server else None
    return Worker(desk.settings, desk.ledger, desk.actor, desk.user, admin, progress)


def _show_measures(step: Step) -> None:
    if measures := step.said.get("measures"):
        risks = ", ".join(f"{name} {risk:.3f}" for name, risk in measures["risks"].items())
        out.print(f"{measures['persons']} persons; k = {measures['k']} over {', '.join(measures['known'])}; {risks}")


def _closed(number: int, why: str) -> None:
    with console.errors_to_exit_codes():
        raise GateClosed(why, hint=f"what was measured: etl request show {number} --json")
