"""The commands of the audit log: is it whole, who did what, what is unusual."""

from __future__ import annotations

import csv
import getpass
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
import typer
from rich.table import Table

from etl.cli.console import err, errors_to_exit_codes, out, print_json
from etl.cli.options import LARGEST_NUMBER, AsJson, command_app, day_of
from etl.errors import InputError, UsageError
from etl.pages.formats import moment
from etl.quality.findings.actions import today
from etl.research.oversight.unusual import Thing, look_at, look_through, things
from etl.settings import load_settings
from etl.spreadsheets import as_result
from etl.store.audit.anchors import place_of, read
from etl.store.audit.entry import line
from etl.store.audit.kinds import PRUNED, kinds, known
from etl.store.audit.prune import prune as empty
from etl.store.audit.search import Asked
from etl.store.audit.tables import ENTRY
from etl.store.audit.unusual import unusual as found_unusual
from etl.store.audit.verify import Verdict, entries
from etl.store.audit.verify import verify as held_together
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import anchor as note_end
from etl.store.recorded import audit_log, tell
from etl.store.two import Two

app = command_app("The audit log: who did what, when and why; whether it is whole; what is unusual in it.")
Since = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day, in Korea.")]
Until = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day, in Korea.")]
Actor = Annotated[str, typer.Option(help="Who did it.")]
KindOf = Annotated[str, typer.Option("--kind", help="What was done: see `etl audit kinds`.")]
Words = Annotated[str, typer.Option("--text", help="A text in what it was done to, why, or its details.")]
_COLUMNS = tuple(column.name for column in ENTRY.columns)


@app.command(
    epilog="""[bold]Examples[/]

    etl audit verify · exit code 0: whole; 3: not, and where

    etl audit verify --anchors /mnt/other/audit-anchors.jsonl --json""",
)
def verify(
    anchors: Annotated[
        Path | None, typer.Option(help="File or folder of anchors; default: ETL_AUDIT_ANCHORS.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find whether the log was changed, and where: read it once, digest by digest.

    The chain shows what was changed, taken out, put in or moved. What was cut off at the end, a chain begun anew, and
    entries written anew with new digests are shown by the anchors, the ends of the log that each night notes elsewhere.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        place = anchors or settings.audit_anchors
        with audit_log(settings) as con:
            found = held_together(con, read(place_of(place)) if place else ())
        if as_json:
            print_json({"whole": found.whole, **asdict(found)})
        else:
            _show(found, anchored=place is not None)
        if not found.whole:
            raise typer.Exit(InputError.exit_code)


def _show(found: Verdict, *, anchored: bool) -> None:
    for fault in found.faults:
        where = f"entry {fault.first}" if fault.first == fault.last else f"entries {fault.first} to {fault.last}"
        out.print(f"{where}: {fault.says}", style="red", soft_wrap=True)
    whole = "the log is whole" if found.whole else f"{len(found.faults)} faults"
    out.print(f"{whole}: {found.entries:,} entries, {found.pruned:,} of them emptied, {found.anchors:,} anchors")
    if not anchored:
        err.print("no anchors were given: what is cut off at the end, or written anew, cannot be seen\n"
                  "→ set ETL_AUDIT_ANCHORS to a place on another machine: docs/audit.md", soft_wrap=True)  # fmt: skip


@app.command(
    epilog="""[bold]Examples[/]

    etl audit search --actor kim --since 2026-11-01

    etl audit search --kind "warehouse exported" --json | jq '.[].actor'""",
)
def search(
    actor: Actor = "", kind: KindOf = "", since: Since = None, until: Until = None, text: Words = "",
    limit: Annotated[int, typer.Option(min=1, help="Entries shown at most, the newest.")] = 50, as_json: AsJson = False,
) -> None:  # fmt: skip
    """List entries, the newest first. That the log was searched is an entry, too."""
    with errors_to_exit_codes(as_json=as_json):
        settings, asked = load_settings(), _asked(actor, kind, since, until, text)
        tell(settings, "log read", details=_said(asked))
        query = sa.select(ENTRY).where(asked.condition()).order_by(ENTRY.c.number.desc()).limit(limit)
        with audit_log(settings) as con:
            rows = [dict(row) for row in con.execute(query).mappings()]
        if as_json:
            print_json(rows)
            return
        shown = Table("no.", "when (KST)", "who", "what", "about", "why", "rows", box=None, header_style="bold")
        for row in rows:
            who = f"{row['actor']} ({row['role']})" if row["role"] else row["actor"]
            about, why = row["subject"] or "", row["reason"] or ""
            rows_seen = "" if row["returned"] is None else f"{row['returned']:,}"
            shown.add_row(str(row["number"]), moment(row["happened_at"]), who, row["kind"], about, why, rows_seen)
        out.print(shown)


@app.command()
def export(
    target: Annotated[Path, typer.Argument(metavar="FILE", help="File to write: .csv, or .jsonl with all digests.")],
    actor: Actor = "", kind: KindOf = "", since: Since = None, until: Until = None, text: Words = "",
) -> None:  # fmt: skip
    """Write entries into a file, the oldest first, for an audit: a table (.csv), or all that was sealed (.jsonl).

    With a .jsonl of the whole log who was given it can verify it without this program: docs/audit.md.
    """
    with errors_to_exit_codes():
        if target.suffix not in (".csv", ".jsonl") or target.exists():
            raise UsageError(f"{target} is there already, or ends neither in .csv nor in .jsonl", hint="another name")
        settings, asked = load_settings(), _asked(actor, kind, since, until, text)
        tell(settings, "log exported", target.name, details=_said(asked))
        with audit_log(settings) as con, target.open("x", encoding="utf-8", newline="") as file:
            target.chmod(0o600)
            rows = csv.writer(file)
            if target.suffix == ".csv":
                rows.writerow(_COLUMNS)
            count = 0
            for count, entry in enumerate(entries(con, asked.condition()), start=1):  # noqa: B007
                values = [getattr(entry, name) for name in _COLUMNS]
                if target.suffix == ".csv":
                    rows.writerow([as_result(value) for value in values])
                else:
                    file.write(line(*(v.isoformat("T", "microseconds") if isinstance(v, datetime) else v
                                      for v in values)) + "\n")  # fmt: skip
        out.print(f"wrote {count:,} entries into {target}", soft_wrap=True)


@app.command()
def unusual(since: Since = None, until: Until = None, as_json: AsJson = False) -> None:
    """Tell what is unusual, for the privacy officer: reading at odd hours, many rows, many sign-ins that fail.

    Without days: the last seven. What is unusual is said by rules, each a query: etl/store/audit/unusual.yaml. What
    `etl audit look` has found has a number, by which it is worked off: `etl audit looked-at`, or a page of the office.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings, last = load_settings(), day_of(until) or today()
        with audit_log(settings) as con:
            found = found_unusual(con, day_of(since) or last - timedelta(days=6), last)
            known = {thing.key: thing for thing in things(con)}
        told = [(each, known.get((each.rule, each.actor, each.day))) for each in found]
        if as_json:
            print_json([{**asdict(each), **_standing(thing)} for each, thing in told])
            return
        for each, thing in told:
            stands = (
                "" if thing is None else f" [{thing.number}] " + (f"{thing.by}: {thing.note}" if thing.by else "new")
            )
            out.print(f"{each.day}  {each.actor}: {each.means} ({each.n:,}){stands}", soft_wrap=True)
        if not found:
            out.print("nothing unusual")


def _standing(thing: Thing | None) -> dict[str, Any]:
    """How an unusual thing stands; its number is that by which it is worked off."""
    if thing is None:
        return {"number": None, "looked_at_by": None, "note": None}
    return {"number": thing.number, "looked_at_by": thing.by, "note": thing.note}


@app.command()
def look(as_json: AsJson = False) -> None:
    """Look through the days before today for what is unusual, and give it to the privacy officer to be worked off.

    The DAG etl_reports does it once a day. What is known already is not found again; days on which nobody looked are
    made up for, thirty at most.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        with audit_log(settings) as con:
            found = look_through(con, today())
        if as_json:
            print_json({"found": found})
            return
        out.print(f"{found} unusual things are new\n→ etl audit unusual" if found else "nothing new is unusual")


@app.command(
    "looked-at",
    epilog="""[bold]Example[/]

    etl audit looked-at 812 --note "the ward's own count, asked for by phone" --by park""",
)
def looked_at(
    number: Annotated[
        int,
        typer.Argument(max=LARGEST_NUMBER, metavar="N", help="Number of the unusual thing: etl audit unusual."),
    ],
    note: Annotated[str, typer.Option(help="What it was, in your words; no patient's data.")],
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Whose account; default: the user logged in.")] = None,
    as_json: AsJson = False,
) -> None:
    """Note what an unusual thing was; it is not new any more. Privacy officers and auditors do, nobody their own."""
    with errors_to_exit_codes(as_json=as_json):
        settings, user = load_settings(), getpass.getuser()
        thing = look_at(Ledger(settings.ledger_url), number, note, actor=by or user, entered_by=user)
        if as_json:
            print_json({"number": thing.number})
            return
        out.print(f"noted: {thing.about}, {thing.day}")


@app.command()
def prune(
    by: Annotated[str, typer.Option(help="Who prunes.")],
    agreed: Annotated[str, typer.Option(help="The second person, who agreed.")],
    reason: Annotated[str, typer.Option(help="Why, such as the number of the decision.")],
    as_json: AsJson = False,
) -> None:
    """Empty entries that are older than their kind is kept: two years, five where it is about persons.

    Number, time, kind and digest of each stay, and an entry says who signed it off, so that the log can be verified as
    before. Nothing younger can be emptied; on PostgreSQL the server sees to that, for an auditor's login.
    """
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        two = Two(settings, PRUNED, by, agreed, reason)
        with audit_log(settings) as con:
            done = empty(con, two.by, two.agreed, two.reason)
        if as_json:
            print_json(asdict(done))
            return
        out.print(f"{done.emptied:,} entries were emptied" if done.entry else "no entry is old enough")


@app.command()
def anchor(as_json: AsJson = False) -> None:
    """Note where the log ends, in ETL_AUDIT_ANCHORS. Every night does it, too."""
    with errors_to_exit_codes(as_json=as_json):
        settings = load_settings()
        if settings.audit_anchors is None:
            raise UsageError("ETL_AUDIT_ANCHORS is not set", hint="name a file or folder on another machine or medium")
        noted = note_end(settings)
        if as_json:
            print_json(noted and asdict(noted))
            return
        out.print(f"noted: entry {noted.number}" if noted else "the log is empty")


@app.command("kinds")
def list_kinds(as_json: AsJson = False) -> None:
    """List what the log tells of: the name, what it means, and how long it is kept."""
    if as_json:
        print_json({name: kind.model_dump() for name, kind in kinds().items()})
        return
    shown = Table("kind", "means", "years", box=None, header_style="bold")
    for name, kind in kinds().items():
        shown.add_row(name, kind.means, str(kind.years or "for good"))
    out.print(shown)


def _asked(actor: str, kind: str, since: datetime | None, until: datetime | None, text: str) -> Asked:
    return Asked(actor, known(kind) if kind else "", day_of(since), day_of(until), text)


def _said(asked: Asked) -> Mapping[str, Any]:
    """What was asked for, without the words that were searched: they may be a name."""
    return {name: str(value) for name, value in asdict(asked).items() if value and name != "text"}
