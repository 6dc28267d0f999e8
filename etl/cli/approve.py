"""`etl approve`: what waits for a person's approval, and the person's answer."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, By, actor_of, command_app
from etl.errors import UsageError
from etl.night.publish.approval import decide, question_of, waiting
from etl.night.remember import again
from etl.pages.formats import moment
from etl.quality.report.decisions import decided
from etl.settings import Settings, load_settings
from etl.store.ledger.ledger import Ledger

app = command_app()


@app.command()
def approve(
    run_id: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="The run to decide about; without it, list what waits.")
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Why, in your words, for the record; no patient's data. Required with RUN."),
    ] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="Refuse it: the last published night stays.")] = False,
    by: By = None,
    history: Annotated[
        bool,
        typer.Option(
            "--history", help="Decide nothing: list the newest 50 decisions, of all runs or of RUN, newest first."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Approve a night whose warnings are above their limit, or refuse it; without RUN, list what waits.

    A night stops before publishing (exit code 3) when more rows break a warning than its `approve_above` allows.
    After the approval, run the night again: finished stages are reused, and it is published. An approval holds for the
    findings as they were: if they change, the night is asked about again. A night that waits in Airflow is decided
    there, under Required Actions.

    Who decided what, when and why stays in the ledger: --history lists it, and the night's page of
    `etl report` shows it. Listed are approved, refused, and expired: nobody answered in time, or the night was run
    again with another outcome.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        ledger = Ledger(settings.ledger_url)
        if history:
            if reason is not None or refuse or by is not None:
                raise UsageError(
                    "--history only lists", hint="leave it out to decide; else leave --reason, --refuse, --by out"
                )
            _show_decided(ledger, run_id, as_json=as_json)
            return
        if run_id is None:
            _show_waiting(ledger, as_json=as_json)
            return
        if not (reason and reason.strip()):
            raise UsageError("say why you decide so", hint=f'etl approve {run_id} --reason "…"')
        _decide(settings, ledger, run_id, reason.strip(), by, refuse=refuse, as_json=as_json)


def _show_waiting(ledger: Ledger, *, as_json: bool) -> None:

    rows = waiting(ledger)
    if as_json:
        print_json([{**row, "findings": json.loads(row["findings"])} for row in rows])
        return
    for row in rows:
        out.print(f"{row['run_id']}  {row['gate']} gate, asked {moment(row['asked_at'])} KST", soft_wrap=True)
        for line in question_of(row).lines:
            out.print(f"  {line}", soft_wrap=True)
    out.print("→ etl approve RUN --reason …" if rows else "nothing waits for an approval")


def _show_decided(ledger: Ledger, run_id: str | None, *, as_json: bool) -> None:

    if run_id is not None:
        _must_be_known(ledger, run_id)
    found = decided(ledger, run_id)
    if as_json:
        print_json([{**asdict(asked), "findings": json.loads(asked.findings)} for asked in found])
        return
    for asked in found:
        by = f" by {asked.actor}" if asked.actor else ""
        out.print(f"{asked.run_id}  {asked.gate} gate, {asked.decision}{by}", soft_wrap=True)
        decided_at = f", decided {moment(asked.decided_at)} KST" if asked.decided_at else ""
        out.print(f"  asked {moment(asked.asked_at)} KST{decided_at}")
        out.print(f"  {asked.reason or 'no reason given'}", soft_wrap=True)
        for line in asked.lines:
            out.print(f"    {line}", soft_wrap=True)
    if not found:
        out.print("nothing has been decided yet")


def _must_be_known(ledger: Ledger, run_id: str) -> None:
    if ledger.run(run_id) is None:
        raise UsageError(f"the run {run_id} is not known", hint="`etl approve` lists what waits")


def _decide(
    settings: Settings, ledger: Ledger, run_id: str, reason: str, by: str | None, *, refuse: bool, as_json: bool
) -> None:

    actor = actor_of(by)
    _must_be_known(ledger, run_id)
    asked = decide(ledger, run_id, "refused" if refuse else "approved", actor, reason)
    decision = "refused" if refuse else "approved"
    said: dict[str, Any] = {"run_id": run_id, "decision": decision, "actor": actor, "gates": [q.gate for q in asked]}
    if as_json:
        print_json(said)
        return
    for question in asked:
        for line in question.lines:
            out.print(f"{decision}  {line}", soft_wrap=True)
    if not refuse:
        command = again(settings, run_id)
        err.print(f"→ run the night again{f': {command}' if command else ''}", soft_wrap=True)
