"""From a line of a delivered file to every row of the CDM that it made, or to the reason why it made none."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import ENTITIES
from etl.errors import InputError, UsageError, nearest
from etl.mapping.compile.duplicates import PER, PREFER, SUPERSEDED
from etl.mapping.compile.relation import Rows, source_relation
from etl.mapping.language.entries import Entry
from etl.night.land.contract import find_files
from etl.night.map.accounts import EMPTY, reason_without_entry
from etl.night.run import Run
from etl.quality.lineage.lines import Found, line_index
from etl.quality.lineage.places import (
    Position,
    create_landed,
    create_landed_row,
    landed_rows,
    night_of_run,
    numbered,
    published,
    quarantined,
    replaced,
    same_rows,
    tables_of,
)
from etl.quality.lineage.row import YamlPlaces, id_column, open_night
from etl.settings import Settings
from etl.sql import literal, quote

Became = Literal["mapped", "melted", "quarantined", "filtered", "rejected", "no row"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one entry made of the line: rows of the CDM by table, or a reason (a code or the name of a rule).

    `melted` rows carry the key of an earlier row and are part of the one row named.
    """

    source: str
    became: Became
    entry: str | None = None
    place: str | None = None
    reason: str = ""
    rows: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class LineTrace:
    """What became of one line; `line` is the first of its record, `replaced_by` a later published night."""

    hospital: str
    night: str
    run_id: str
    file: str
    line: int
    outcomes: tuple[Outcome, ...]
    replaced_by: str | None


def trace_line(settings: Settings, hospital: str, file: str, line: int, night: date | None = None) -> LineTrace:
    """Trace a line (1 is the header; of a Parquet file the row, from 1) of a file of a published night.

    Raises InputError when no source has such a file, or the file no such line.
    """
    run = published(settings, hospital, night)
    sources = [n for n, s in run.mapping.sources.items() if file in _names(run, n)]
    if not sources:
        told = [f.told for n, s in run.mapping.sources.items() for f in find_files(n, s, run.delivery)]
        raise InputError(f"no source of {hospital} is read from '{file}'{nearest(file, told)}")
    newest = published(settings, hospital) if night else run
    outcomes: list[Outcome] = []
    first = line
    for source in sources:
        at, number = numbered(run, source, file)
        found = _found(run, at, line)
        first = found.line or line
        outcomes += _outcomes(run, source, at, number, found)
    return LineTrace(
        hospital, str(run.delivery.night), run.run_id, file, first, tuple(outcomes),
        None if newest.run_id == run.run_id else str(newest.delivery.night),
    )  # fmt: skip


def _names(run: Run, source: str) -> list[str]:
    """What the files of a source are called; an archive's may be named as if they lay in its place."""
    files = find_files(source, run.mapping.sources[source], run.delivery)
    return [name for f in files for name in (f.told, f.name, *f.also)]


def _found(run: Run, at: Position, line: int) -> Found:
    source = run.mapping.sources[at.source]
    index = line_index(run.settings, source, at)
    if index is None and source.format == "csv":
        raise InputError(
            f"{at.file.told} is gone from the delivery, and without it its lines cannot be counted",
            hint="put the delivery back where it was",
        )
    found = index.at(line) if index else _row_of_parquet(run.settings, at, line)
    if found.kind == "beyond":
        raise InputError(f"{at.file.told} has no line {line:,}")
    if found.kind in ("header", "blank"):
        raise UsageError(f"{at.file.told}:{line} is {'the header' if found.kind == 'header' else 'a blank line'}")
    return found


def _row_of_parquet(settings: Settings, at: Position, row: int) -> Found:
    rows = landed_rows(settings, at)
    return Found("row", row - 1, row) if 1 <= row <= rows else Found("beyond")


def _outcomes(run: Run, source: str, at: Position, number: int, found: Found) -> list[Outcome]:
    if found.kind == "rejected":
        return [Outcome(source, "rejected", reason=found.reason)]
    row = number + found.row
    if reason := replaced(run, source, row):
        return [Outcome(source, "filtered", reason=reason)]
    entries = {n: e for n, e in enumerate(run.mapping.entries) if e.from_ == source}
    if not entries:
        return [Outcome(source, "filtered", reason=reason_without_entry(run.mapping, source))]
    yaml = YamlPlaces(run.settings, run.delivery.hospital)
    with open_night(run) as con:
        create_landed(con, run)
        create_landed_row(con, run, replace(at, row=found.row), row)
        rows = [row, *same_rows(con, run, source)]
        made = _made(con, run, list(entries), rows)
        kept_out = _quarantined(con, run, source, rows)
        return [
            _of_entry(con, run, n, e, made.get(n, ()), kept_out.get(e.label), yaml.of(("entries", e.label)))
            for n, e in entries.items()
        ]


def _of_entry(
    con: DuckDBPyConnection, run: Run, number: int, entry: Entry, rows: tuple[tuple[str, int], ...],
    reason: str | None, place: str,
) -> Outcome:  # fmt: skip
    head: dict[str, Any] = {"source": entry.from_, "entry": entry.label, "place": place}
    if rows:
        return Outcome(became="mapped", rows=rows, **head)
    if reason:
        return Outcome(became="quarantined", reason=reason, **head)
    read = source_relation(run.mapping, entry)
    if entry.unpivot and not con.execute(f"select 1 from {read.sql} limit 1").fetchone():
        return Outcome(became="filtered", reason=EMPTY, **head)
    setting = entry.shape.setting
    off = setting is not None and not getattr(run.mapping.hospital, setting)
    rule = f"{setting}_off" if off else _rule(con, entry, read)
    rule = rule or (PER if entry.per else PREFER if entry.prefer else SUPERSEDED if read.source.version else None)
    if rule:
        return Outcome(became="filtered", reason=rule, **head)
    melted = _melted(con, entry, read.sql)
    if melted is not None:
        return Outcome(became="melted", rows=((entry.target, melted),), **head)
    return Outcome(became="no row", reason="its row melted into another one", **head)


def _rule(con: DuckDBPyConnection, entry: Entry, read: Rows) -> str | None:
    """The first rule that the row does not satisfy."""
    cases = " ".join(
        f"when not coalesce({read.write(sql)}, false) then {literal(name)}" for name, sql in entry.rules.items()
    )
    if not cases:
        return None
    row = con.execute(f"select min(reason) from (select case {cases} end as reason from {read.sql})").fetchone()
    return str(row[0]) if row and row[0] else None


def _melted(con: DuckDBPyConnection, entry: Entry, relation: str) -> int | None:
    """The id of the staff member or place that the row names and an earlier row described already."""
    key = entry.shape.unique
    if not entry.shape.merge or key not in ENTITIES:
        return None
    row = con.execute(f"select {quote(f'{entry.said()[key]}__id')} from {relation}").fetchone()
    return int(row[0]) if row and row[0] else None


def _made(
    con: DuckDBPyConnection, run: Run, entries: list[int], numbers: list[int]
) -> dict[int, tuple[tuple[str, int], ...]]:
    """Rows of the CDM that carry one of the row's numbers, by entry."""
    labels = {run.mapping.entries[n].label for n in entries}
    fed = {a["cdm_table"] for a in run.ledger.accounts(run.run_id).tables if a["entry"] in labels}
    among = ", ".join(map(str, entries))
    parts = [
        f"select {literal(table)} as cdm_table, {quote(id_column(table) or '_row')} as id, _entry "
        f"from ({rows}) where _row in ({', '.join(map(str, numbers))}) and _entry in ({among})"
        for table, rows in tables_of(night_of_run(run)).items()
        if table in fed
    ]
    if not parts:
        return {}
    found: dict[int, tuple[tuple[str, int], ...]] = {}
    for table, id_, entry in con.execute(f"{' union all '.join(parts)} order by all").fetchall():
        found[entry] = (*found.get(entry, ()), (table, id_))
    return found


def _quarantined(con: DuckDBPyConnection, run: Run, source: str, numbers: list[int]) -> dict[str, str]:
    """Reason by entry."""
    rows = con.execute(
        f"select entry, min(reason) from ({quarantined(night_of_run(run))}) "
        f"where source = {literal(source)} and _row in ({', '.join(map(str, numbers))}) group by entry"
    ).fetchall()
    return dict(rows)
