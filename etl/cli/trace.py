"""Shows where rows of the CDM come from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from etl.cli.console import errors_to_exit_codes, out, print_json
from etl.cli.options import AsJson, Night, command_app, day_of
from etl.errors import UsageError
from etl.mapping.reasons import texts
from etl.quality.lineage.codes import Concept, LookedUp, Tried
from etl.quality.lineage.columns import Filled, Said
from etl.quality.lineage.line import LineTrace, Outcome, trace_line
from etl.quality.lineage.row import Made, RowTrace, trace_row
from etl.settings import Settings, load_settings
from etl.store.recorded import tell

app = command_app()
_SHOWN_IDS = 12
_OUTCOMES = {"mapped": "green", "melted": "green", "quarantined": "yellow", "rejected": "red"}


def show_trace(
    settings: Settings, what: str, id_: int | None, place: str | None, night: date | None, *, as_json: bool
) -> None:
    """Trace a row (`what` is a table) or, given a place FILE:LINE, a line (`what` is a hospital)."""
    if place is not None:
        if id_ is not None:
            raise UsageError("--file takes a hospital and no id", hint="etl trace --file FILE:LINE HOSPITAL")
        file, _, line = place.rpartition(":")
        if not file or not (line.isascii() and line.isdigit()):
            raise UsageError(f"'{place}' is not FILE:LINE", hint="such as: etl trace --file patients.csv:17 HOSPITAL")
        tell(settings, "line traced", f"{what} {place}")
        found = trace_line(settings, what, file, int(line), night)
        print_json(_line_json(found)) if as_json else _show_line(found)
        return
    if id_ is None or night is not None:
        raise UsageError("give TABLE and ID, or --file FILE:LINE and HOSPITAL", hint="etl trace --help")
    tell(settings, "row traced", f"{what} {id_}", returned=1)
    row = trace_row(settings, what, id_)
    print_json(_row_json(row)) if as_json else _show_row(row)


def _facts(rows: Sequence[tuple[str, str]]) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, Text(value))
    out.print(table)


def _show_row(row: RowTrace) -> None:
    out.print(Text(f"{row.table} {row.id}", style="bold"))
    facts = [("hospital", row.hospital), ("night", f"{row.night}  (run {row.run_id})")]
    made = row.made
    if made is None:
        _facts(facts)
        _show_parts("derived from", row.parts)
        return
    origin = made.origin
    line = f"line {origin.line:,}" if origin.line else f"row {origin.record:,}"
    facts += [
        ("delivery", origin.delivery),
        ("source", f"{origin.file}, {line}  (source {origin.source})"),
        ("entry", f"{made.entry}  {made.place}"),
        *(("where", f"{name}: {sql}") for name, sql in made.rules.items()),
    ]
    if made.melted:
        facts.append(("melted", "later rows with the same key are part of this row"))
    _facts(facts)
    _show_columns(made)
    _show_lookups(made.lookups)
    if row.parts:
        _show_parts("encounters of this visit", row.parts)


def _show_columns(made: Made) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for name in ("column", "is", "from", "written in"):
        table.add_column(name, overflow="fold")
    for column in made.columns:
        for i, said in enumerate(column.fields):
            rule = (column.rule or said.field) if i == 0 else ""
            value = f"{said.field}: {said.expression}" if column.rule else said.expression
            table.add_row(column.column if i == 0 else "", Text(rule), Text(value), made.places[said.field])
    out.print()
    out.print(table)


def _show_lookups(lookups: Sequence[LookedUp]) -> None:
    for lookup in lookups:
        code = "a value that is not shown" if lookup.withheld else lookup.code or "no code"
        out.print()
        out.print(Text.assemble((lookup.field, "bold"), f"  {code}"))
        _facts([(f"  {t.step}", f"{t.search}{_found(t, withheld=lookup.withheld)}") for t in lookup.steps])


def _found(tried: Tried, *, withheld: bool) -> str:
    if withheld:
        return ""
    source = f"\nsource concept {_concept(tried.source)}" if tried.source else ""
    if tried.targets:
        return source + "".join(f"\n→ {_concept(t)}" for t in tried.targets)
    return f"{source}\nno standard concept" if source else ": not found"


def _concept(concept: Concept) -> str:
    return f"{concept.concept_id} {concept.name} ({concept.vocabulary} {concept.code})"


def _show_parts(title: str, parts: dict[str, list[int]]) -> None:
    out.print(f"\n{title}", style="bold")
    rows = []
    for table, ids in parts.items():
        more = f" … {len(ids) - _SHOWN_IDS:,} more; --json lists all" if len(ids) > _SHOWN_IDS else ""
        rows.append((f"{len(ids):,} {table}", " ".join(map(str, ids[:_SHOWN_IDS])) + more))
    _facts(rows)


def _show_line(line: LineTrace) -> None:
    out.print(Text(f"{line.file}, line {line.line:,}", style="bold"))
    facts = [("hospital", line.hospital), ("night", f"{line.night}  (run {line.run_id})")]
    if line.replaced_by:
        facts.append(("replaced", f"by the night {line.replaced_by}: the ids are those of {line.night}"))
    _facts(facts)
    for outcome in line.outcomes:
        style = _OUTCOMES.get(outcome.became, "")
        reason = f"  {outcome.reason}" if outcome.reason else ""
        out.print()
        out.print(Text.assemble((outcome.entry or f"source {outcome.source}", "bold"), f"  {outcome.place or ''}"))
        out.print(Text.assemble(("  " + outcome.became, style), reason, _explained(outcome)))
        _facts([(f"  {table}", str(id_)) for table, id_ in outcome.rows])


def _explained(outcome: Outcome) -> str:
    said = texts().get(outcome.became, {}).get(outcome.reason, {}).get("text")
    return f"  {said}" if said else ""


def _line_json(line: LineTrace) -> dict[str, Any]:
    outcomes = [{**asdict(o), "rows": [{"table": table, "id": id_} for table, id_ in o.rows]} for o in line.outcomes]
    return {**asdict(line), "outcomes": outcomes}


def _row_json(row: RowTrace) -> dict[str, Any]:
    made = row.made
    said = None if made is None else {
        "origin": asdict(made.origin),
        "entry": made.entry,
        "place": made.place,
        "where": made.rules,
        "melted": made.melted,
        "columns": [_column_json(made, c) for c in made.columns],
        "lookups": [asdict(lookup) for lookup in made.lookups],
    }  # fmt: skip
    head = {"table": row.table, "id": row.id, "hospital": row.hospital, "night": row.night, "run_id": row.run_id}
    return {**head, "made": said, "parts": row.parts}


def _column_json(made: Made, column: Filled) -> dict[str, Any]:
    return {
        "column": column.column,
        "rule": column.rule,
        "fields": [dict(_said_json(made, said)) for said in column.fields],
    }


def _said_json(made: Made, said: Said) -> Iterator[tuple[str, Any]]:
    yield "field", said.field
    yield "expression", said.expression
    yield "search", [s.text for s in said.searches]
    yield "inputs", [f"{i.source}.{i.column}" for i in said.inputs]
    yield "place", made.places[said.field]


@app.command()
def trace(
    what: Annotated[
        str, typer.Argument(metavar="TABLE|HOSPITAL", help="CDM table of the row; with --file, the hospital.")
    ],
    id_: Annotated[int | None, typer.Argument(metavar="[ID]", help="Id of the row (of death: its person_id).")] = None,
    place: Annotated[
        str | None,
        typer.Option("--file", metavar="FILE:LINE", help="What became of a line of a delivered file (1: the header)."),
    ] = None,
    night: Night = None,
    as_json: AsJson = False,
) -> None:
    """Trace a published CDM row to file, line and mapping entry; or, with --file, a line to its CDM rows.

    Shows expressions, vocabulary steps and ids, never a value of a patient. A derived row (era, observation period)
    leads to the rows it was made of. Exit code 3: the published night has no such row or line; ids are good for the
    night they were read from.

    etl trace condition_occurrence 8866463058231297

    etl trace --file conditions.csv:17 synthea --night 2026-01-01
    """
    with errors_to_exit_codes(as_json=as_json):
        show_trace(load_settings(), what, id_, place, day_of(night), as_json=as_json)
