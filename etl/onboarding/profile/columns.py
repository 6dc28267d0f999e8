"""Figures of a file's columns, set-based over their distinct values, each weighted by the rows that hold it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from duckdb import DuckDBPyConnection

from etl.onboarding.profile.model import Column, Kind
from etl.onboarding.profile.rules import Format, rules
from etl.sql import literal, quote

DISTINCT = "distinct_values"  # temporary table of the file at hand: column by position, value (NULL: empty), n rows
_SHOWN_INTEGERS = 60  # whole numbers with more distinct values count or measure something
_LONG = 40  # characters beyond which a value is a text
_CODED = 0.8  # share of values written as a vocabulary's codes are
_CLASSES = 3  # ways of writing that are told of a column
_HOURS = 6  # different hours that times without a colon must show


@dataclass(frozen=True, slots=True)
class Figures:
    """A column's figures, and the share of its filled rows that look like each kind of identifier."""

    column: Column
    shapes: dict[str, float]


def _stamp(format_: Format) -> str:
    """SQL of a value read in a format: seconds' fractions and the letters of ISO 8601 do not matter."""
    text = "left(replace(value, 'T', ' '), 19)" if format_.native else "value"
    return f"try_strptime({text}, {literal(format_.parse)})"


def _readable(format_: Format) -> str:
    """SQL condition: the value has the format, and names a day that records have or an open end."""
    stamp = _stamp(format_)
    said = f"{stamp} is not null"
    if format_.kind != "time":
        first, last, open_end = rules().years
        said = f"coalesce(year({stamp}) between {first} and {last} or year({stamp}) >= {open_end}, false)"
    return _only_if(f"regexp_full_match(value, {literal(format_.pattern)})", said)


def _only_if(cheap: str, dear: str) -> str:
    """SQL of a condition that is asked only of values with a cheaper one; `and` promises no order."""
    return f"case when {cheap} then {dear} else false end"


def _aggregates() -> dict[str, str]:
    """SQL of every figure, by name."""
    known = rules()
    filled = "value is not null"
    digit = "regexp_matches(value, '[0-9０-９]')"
    sums = {
        "integers": "regexp_full_match(value, '[-+]?[0-9]+')",
        "zeros": "regexp_full_match(value, '0[0-9]+')",
        "numbers": _only_if(digit, "omop_try_number(value) is not null"),
        "results": _only_if(digit, "omop_result_number(value) is not null"),
        "flags": f"value in ({', '.join(map(literal, known.flags))})",
        "sentences": r"regexp_full_match(value, '.*\s.*\.')",
        "compact": r"regexp_full_match(value, '[A-Za-z0-9._/+*#:-]+')",
        "open_ends": _only_if(
            "value[1:2] in ('29', '99')", f"coalesce(year(omop_try_timestamp(value)) >= {known.years[2]}, false)"
        ),
        **{f"format {f.name}": _readable(f) for f in known.formats},
        **{f"shape {s.name}": f"regexp_full_match(value, {literal(s.pattern)})" for s in known.shapes},
        **{f"code {name}": f"regexp_full_match(value, {literal(p)})" for name, p in known.codes.items()},
        "hangul": "regexp_matches(value, '[가-힣]')",
    }
    return {
        "rows": "coalesce(sum(n), 0)",
        "filled": f"coalesce(sum(n) filter ({filled}), 0)",
        "distinct": "count(value)",
        "min_length": "coalesce(min(length(value)), 0)",
        "max_length": "coalesce(max(length(value)), 0)",
        "mean_length": f"coalesce(sum(length(value) * n) / nullif(sum(n) filter ({filled}), 0), 0)",
        "hours": "count(distinct left(value, 2))",
        **{name: f"coalesce(sum(n) filter ({condition}), 0)" for name, condition in sums.items()},
    }


def gather(con: DuckDBPyConnection, table: str, names: Sequence[str]) -> None:
    """Fill `distinct_values` with those of all columns of a table of texts."""
    con.execute(f"create or replace temp table {DISTINCT} (col integer, value varchar, n bigint)")
    for position, name in enumerate(names):
        # the inner query leaves one column, so that none of the file's can be taken for it, whatever it is called
        values = f"select omop_blank({quote(name)}) as value from {table}"
        con.execute(f"insert into {DISTINCT} select {position}, value, count(*) from ({values}) group by value")


def measure(con: DuckDBPyConnection, names: Sequence[str], min_count: int) -> list[Figures]:
    """Figures of the columns whose values were gathered; of a file without rows, all are empty."""
    wanted = _aggregates()
    rows = con.execute(
        f"select col, {', '.join(f'{sql} as {quote(key)}' for key, sql in wanted.items())} from {DISTINCT} group by col"
    ).fetchall()
    found = {position: dict(zip(wanted, figures, strict=True)) for position, *figures in rows}
    nothing = dict.fromkeys(wanted, 0)
    return [_figures(con, i, name, found.get(i, nothing), min_count) for i, name in enumerate(names)]


def _figures(con: DuckDBPyConnection, position: int, name: str, found: dict[str, Any], min_count: int) -> Figures:
    filled = found["filled"] or 1
    kind, formats = _kind(found)
    words = 1 - found["results"] / filled if kind == "number" else 0.0
    column = Column(
        name, kind, int(found["rows"]), int(found["filled"]), found["distinct"], found["min_length"],
        found["max_length"], float(found["mean_length"]),
        formats=_told(formats, found),
        years=_years(con, position, formats, min_count),
        open_ends=int(found["open_ends"]) if kind in ("date", "datetime") else 0,
        words=words,
        quartiles=_quartiles(con, position) if _measures(kind, found, min_count) else None,
        classes=_classes(con, position, min_count) if kind in ("code", "integer", "text") else (),
        codes=tuple(c for c in rules().codes if found[f"code {c}"] >= _CODED * filled) if found["filled"] else (),
        hangul=bool(found["hangul"]),
    )  # fmt: skip
    return Figures(column, {s.name: found[f"shape {s.name}"] / filled for s in rules().shapes})


def _told(formats: list[Format], found: dict[str, Any]) -> tuple[tuple[str, float], ...]:
    """Formats with their shares; those that read as much of the same texts stand together, for a person to decide."""
    filled = found["filled"] or 1
    groups: dict[str, list[str]] = {}
    for f in formats:
        groups.setdefault(f.alike or f.name, []).append(f.name)
    return tuple((" or ".join(names), found[f"format {names[0]}"] / filled) for names in groups.values())


def _classes(con: DuckDBPyConnection, position: int, min_count: int) -> tuple[tuple[str, int], ...]:
    """How values are written, the most frequent first: A for a letter, 9 for a digit, 가 for Hangul; never a value."""
    written = "value"
    for pattern, stands in ((r"[^A-Za-z0-9가-힣 -/:-@]", "?"), ("[A-Za-z]", "A"), ("[0-9]", "9"), ("[가-힣]", "가")):
        written = f"regexp_replace({written}, {literal(pattern)}, {literal(stands)}, 'g')"
    rows = con.execute(
        f"select {written} as class, sum(n) as n from {DISTINCT} where col = {position} and value is not null "
        f"and length(value) <= {_LONG} group by class having sum(n) >= {min_count} order by n desc, class "
        f"limit {_CLASSES}"
    ).fetchall()
    return tuple((re.sub(r"(A|9|가)\1{4,}", lambda m: f"{m[1]}{{{len(m[0])}}}", text), int(n)) for text, n in rows)


def _kind(found: dict[str, Any]) -> tuple[Kind, list[Format]]:
    """What a column holds, and the formats of its dates or times."""
    known, filled = rules(), found["filled"]
    if not filled:
        return "empty", []
    if found["flags"] == filled and found["distinct"] <= 3:
        return "flag", []
    timed = _time_formats(found)
    if timed:
        return _kind_of(timed), timed
    if found["integers"] >= known.readable * filled:
        return ("code" if found["zeros"] else "integer"), []
    if found["results"] >= 0.8 * filled and found["numbers"] >= 0.5 * filled:
        return "number", []
    return _words(found), []


def _words(found: dict[str, Any]) -> Kind:
    """Codes are short, and either written without blanks and Hangul or repeated; everything else is text.

    A full stop behind several words makes a sentence, unless ten rows share it.
    """
    short = found["max_length"] <= 3 * _LONG and found["mean_length"] <= _LONG
    compact = found["compact"] >= rules().readable * found["filled"]
    repeated = found["distinct"] <= found["filled"] / 10
    if found["sentences"] >= 0.2 * found["filled"] and not repeated:
        return "text"
    return "code" if short and (compact or found["distinct"] <= found["filled"] / 2) else "text"


def _measures(kind: Kind, found: dict[str, Any], min_count: int) -> bool:
    """Whether quartiles say something; whole numbers of many digits are numbers of records."""
    counted = kind == "number" or (kind == "integer" and found["max_length"] < 7)
    return counted and bool(found["filled"] >= 4 * min_count)


def _time_formats(found: dict[str, Any]) -> list[Format]:
    """Formats that nearly all filled values have; of those that read the same values the first."""
    known, filled = rules(), found["filled"]
    bare = found["distinct"] >= known.bare_time_values and found["hours"] >= _HOURS
    used = [
        f
        for f in known.formats
        if found[f"format {f.name}"] > 0 and (f.kind != "time" or ":" in f.name or bare)
    ]  # fmt: skip
    most: dict[str, int] = {}
    for f in used:
        most[f.alike or f.name] = max(most.get(f.alike or f.name, 0), found[f"format {f.name}"])
    used = [f for f in used if found[f"format {f.name}"] == most[f.alike or f.name]]
    for kinds in (("date", "datetime"), ("time",)):
        chosen = [f for f in used if f.kind in kinds]
        groups = {f.alike or f.name for f in chosen}
        if sum(most[g] for g in groups) >= known.readable * filled:
            return [f for f in chosen if found[f"format {f.name}"] >= 0.001 * filled]
    return []


def _kind_of(formats: list[Format]) -> Kind:
    kinds = {f.kind for f in formats}
    return "datetime" if "datetime" in kinds else "date" if "date" in kinds else "time"


def _years(con: DuckDBPyConnection, position: int, formats: list[Format], min_count: int) -> tuple[int, int] | None:
    """First and last year in which at least `min_count` rows lie; open ends do not count."""
    dated = [f for f in formats if f.kind != "time"]
    if not dated:
        return None
    year = f"coalesce({', '.join(f'case when {_readable(f)} then year({_stamp(f)}) end' for f in dated)})"
    row = con.execute(
        f"with years as (select {year} as y, sum(n) as n from {DISTINCT} where col = {position} group by y) "
        f"select min(y), max(y) from years where n >= {min_count} and y < {rules().years[2]}"
    ).fetchone()
    return (row[0], row[1]) if row and row[0] is not None else None


def _quartiles(con: DuckDBPyConnection, position: int) -> tuple[float, float, float] | None:
    """Quartiles of the numbers, by rows."""
    row = con.execute(
        "with x as (select omop_result_number(value) as x, sum(n) as n "
        f"from {DISTINCT} where col = {position} group by 1), "
        "w as (select x, sum(n) over (order by x) / sum(n) over () as until from x where x is not null) "
        "select min(x) filter (until >= 0.25), min(x) filter (until >= 0.5), min(x) filter (until >= 0.75) from w"
    ).fetchone()
    return (row[0], row[1], row[2]) if row and row[0] is not None else None


def shows_values(column: Column) -> bool:
    """Whether the column's frequent values tell what its codes are."""
    if column.kind == "integer":
        return column.distinct <= _SHOWN_INTEGERS
    return column.kind in ("flag", "code") or (column.kind == "number" and column.words > 0)
