"""Runs nights and shows what the ledger knows of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from etl.cli import console
from etl.cli.console import err, out, print_json, show_error
from etl.delivery import night_of
from etl.errors import ConfigError, EtlError, InputError, of_file_system
from etl.ledger import RUN, Ledger
from etl.mapping.check import load_mappings
from etl.mapping.load import hospital_folders, read_head
from etl.pipeline import run_delivery
from etl.publish.approval import waiting
from etl.report.terminal import summary_table
from etl.report.write import LINEAGE, HospitalName, write_reports
from etl.settings import Settings


@dataclass(frozen=True, slots=True)
class Night:
    """A delivery to run."""

    hospital: str
    folder: Path
    night: date | None = None


def newest_nights(settings: Settings, exports: Path) -> list[Night]:
    """The newest night below `exports/<hospital>/` of every hospital that has a mapping."""
    known = [f.name for f in hospital_folders(settings.mappings)]
    found = []
    for name in known:
        nights = sorted((f for f in (exports / name).glob("*") if f.is_dir() and f.name[0] != "."), key=night_of)
        if nights:
            found.append(Night(name, nights[-1]))
    if not found:
        raise InputError(
            f"no delivery of a known hospital below {exports}", hint=f"expected {exports}/<hospital>/<YYYY-MM-DD>/"
        )
    return found


def names(settings: Settings) -> dict[str, HospitalName]:
    """Hospitals' names as their `hospital.yaml` gives them; a broken file does not keep a report from being read."""
    found = {}
    for folder in hospital_folders(settings.mappings):
        name = read_head(folder).data.get("name")
        if isinstance(name, dict):
            found[folder.name] = HospitalName(str(name.get("ko")), str(name.get("en")))
    return found


def run_nights(settings: Settings, work: Sequence[Night], *, force: bool, as_json: bool) -> int:
    """Run nights one after the other, write their reports, show the table; returns the exit code.

    One hospital's failure stops nobody else; the exit code is the highest of all.
    """
    load_mappings(settings.mappings, [w.hospital for w in work])
    ledger = Ledger(settings.ledger_url)
    results: list[dict[str, Any]] = []
    for item in work:
        results.append(_run(settings, item, force=force, as_json=as_json))
    ids = [r["run_id"] for r in results if r["run_id"]]
    index = write_reports(ledger, settings.reports, names(settings), run_ids=ids)
    if as_json:
        print_json({"runs": results, "report": str(index), "warehouse": str(settings.warehouse)})
    elif ids:
        out.print(summary_table(ledger, ids, names(settings), out.width))
        out.print(f"\nwarehouse  {settings.warehouse}\nreport     {index}", soft_wrap=True)
    return max(int(r["exit_code"]) for r in results)


def _run(settings: Settings, item: Night, *, force: bool, as_json: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"hospital": item.hospital, "run_id": None, "exit_code": 0, "message": None}
    try:
        with console.progress(item.hospital, quiet=as_json) as tell:
            run_id, ran = run_delivery(settings, item.hospital, item.folder, item.night, force=force, progress=tell)
        result |= {"run_id": run_id, "state": "published", "changed": ran}
        if not ran and not as_json:
            err.print(f"{item.hospital}: this delivery is published already; nothing to do (--force runs it again)")
    except (EtlError, OSError) as raised:
        error = of_file_system(raised) if isinstance(raised, OSError) else raised
        result |= {"run_id": _last_run(settings, item.hospital), "state": "stopped", "exit_code": error.exit_code}
        result["message"] = error.message
        if not as_json:
            err.print(f"{item.hospital}:", style="bold red")
            show_error(error)
    return result


def _last_run(settings: Settings, hospital: str) -> str | None:
    rows = Ledger(settings.ledger_url).read(
        sa.select(RUN.c.run_id).where(RUN.c.hospital == hospital).order_by(RUN.c.started_at.desc()).limit(1)
    )
    return str(rows[0]["run_id"]) if rows else None


def show_status(settings: Settings, *, as_json: bool) -> None:
    """The newest run of every hospital."""
    ledger = Ledger(settings.ledger_url)
    newest = sa.select(RUN.c.hospital, sa.func.max(RUN.c.started_at).label("at")).group_by(RUN.c.hospital).subquery()
    query = sa.select(RUN).join(newest, (newest.c.hospital == RUN.c.hospital) & (newest.c.at == RUN.c.started_at))
    rows = ledger.read(query.order_by(RUN.c.hospital))
    held = {question["run_id"] for question in waiting(ledger)}
    if as_json:
        print_json([{**row, "waits_for_approval": row["run_id"] in held} for row in rows])
    elif rows:
        out.print(summary_table(ledger, [r["run_id"] for r in rows], names(settings), out.width))
        for row in rows:
            published = ledger.last_published(row["hospital"])
            if published and row["state"] != "published":
                out.print(f"{row['hospital']}: readers still see the night {published['night']}")
            if row["run_id"] in held:
                out.print(f"{row['hospital']}: {row['run_id']} waits for an approval; what for: etl approve")
    else:
        out.print("no night has been run yet; try: make demo")


def write_all_reports(settings: Settings) -> Path:
    """Write the lineage pages, every night's report and the index; returns the index."""
    from etl.lineage.pages import write_pages  # noqa: PLC0415 - a night does not need it

    with suppress(ConfigError):  # broken mappings keep no report from being read; etl check tells of them
        write_pages(settings, None, settings.reports / LINEAGE)
    return write_reports(Ledger(settings.ledger_url), settings.reports, names(settings))
