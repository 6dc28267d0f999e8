"""Commands that change what is published: a run that is ready, or an earlier night."""

from __future__ import annotations

import getpass
from datetime import date
from typing import Annotated

import typer

from etl.cli import console
from etl.cli.changes import changes_as_json, changes_of, changes_table
from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Hospital, command_app
from etl.errors import UsageError
from etl.night.pipeline import run_stage, stage_by_name
from etl.night.publish.rollback import Target, roll_back
from etl.night.publish.stage import refuse_publication
from etl.night.remember import resume
from etl.pages.formats import moment
from etl.settings import load_settings
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Night

app = command_app()


@app.command()
def publish(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Id of the run, as `etl status --json` shows it.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change, table by table.")] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a run whose gates have passed, or show what that would change.

    `etl run` and the DAGs publish by themselves; this is the last stage alone, for a night that stopped before it.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        run = resume(settings, run_id)
        if not dry_run:
            refuse_publication(run)
            with console.progress(f"publishing {run_id}", quiet=as_json) as tell:
                rows = run_stage(run, stage_by_name("publish"), lambda text: tell("publish", text))
            if as_json:
                print_json({"run": run_id, "rows": rows})
            else:
                out.print(f"published {run_id}: {rows:,} rows")
            return
        found = changes_of(run)
    if as_json:
        print_json(changes_as_json(found))
    else:
        out.print(changes_table(run_id, found))


@app.command()
def rollback(
    hospital: Hospital,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="[NIGHT|nothing]",
            help="Night to go back to, YYYY-MM-DD; default: what was published before the last. "
            "`nothing` takes the hospital out of the warehouse.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why; kept with the publication. No patient's data.")] = None,
    by: Annotated[str | None, typer.Option(help="Who asked for it; default: the user of this machine.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Only list the publications that are kept.")] = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Go back to an earlier published night, in seconds, without loading it again.

    The last ETL_KEEP_NIGHTS publications of each hospital are kept. Readers see what was before or the earlier one,
    never both. To come forward again, publish the later run again: its stages are reused.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if show:
            _list(open_warehouse(settings).nights(hospital), as_json=as_json)
            return
        with console.progress(f"{hospital}: going back", quiet=as_json) as tell:
            done = roll_back(
                settings, hospital, _target(to), actor=by or getpass.getuser(), reason=reason,
                progress=lambda text: tell("rollback", text),
            )  # fmt: skip
    rows = sum(done.rows.values())
    if as_json:
        run, night = (done.target.run_id, done.target.night) if done.target else (None, None)
        print_json({"run": run, "night": night, "left": [n.run_id for n in done.left]})
        return
    left = ", ".join(str(n.night) for n in done.left)
    if done.target:
        out.print(f"{hospital}: the night {done.target.night} is published again, {rows:,} rows"
                  f"{f'; left: {left}' if left else ''}")  # fmt: skip
    else:
        out.print(f"{hospital}: nothing is published any more, {rows:,} rows left the warehouse"
                  f"{f'; left: {left}' if left else ''}")  # fmt: skip
    for run_id in dict.fromkeys(n.run_id for n in reversed(done.left)):
        out.print(f"→ to publish it again: etl publish {run_id}", soft_wrap=True)


def _target(to: str | None) -> Target:
    """What `--to` names; UsageError when it is neither a day nor `nothing`."""
    if to is None or to == "nothing":
        return to  # type: ignore[return-value]
    try:
        return date.fromisoformat(to)
    except ValueError:
        raise UsageError("--to is a night, YYYY-MM-DD, or `nothing`", hint="etl rollback HOSPITAL --list") from None


def _list(nights: list[Night], *, as_json: bool) -> None:
    """The publications that are kept: night, when it was published, with which version of the mappings."""
    if as_json:
        print_json([{"night": n.night, "run": n.run_id, "published_at": n.published_at, "mappings": n.mappings}
                    for n in nights])  # fmt: skip
        return
    for i, night in enumerate(nights):
        at = f"{moment(night.published_at)} KST" if night.published_at else ""
        version = f"mappings {night.mappings[:8]}" if night.mappings else ""
        out.print(f"{night.night}  {at}  {version}  {night.run_id}{'  (published)' if i == 0 else ''}")
