"""What is told of a data set in counts: by the one rule of few persons, also where numbers could be subtracted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from duckdb import DuckDBPyConnection

from etl.pages.disclosure import is_few
from etl.research.datasets.columns import WIDE, type_of
from etl.research.datasets.definition import Dataset
from etl.research.datasets.find import COHORT
from etl.research.datasets.series import MEMBERS, Asked, seen, series_of
from etl.research.datasets.words import Long, Variable
from etl.sql import literal, quote

Told = int | str
_SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
_MOST_VALUES = 20


def told(number: int, cell: int) -> Told:
    """A number of persons or episodes, or below what it lies."""
    return f"<{cell}" if is_few(number, cell) else number


def part(number: int, whole: int, cell: int) -> Told | None:
    """A part of a whole that is told: None where it, or what is left of the whole, is of few."""
    return None if is_few(number, cell) or is_few(whole - number, cell) else number


def steps(numbers: Sequence[int], cell: int) -> list[Told | None]:
    """Persons left rule by rule; None where fewer than `cell` were lost since the last that is told."""
    found: list[Told | None] = []
    last: int | None = None
    for number in numbers:
        is_near = last is not None and is_few(last - number, cell)
        found.append(None if is_near else told(number, cell))
        last = last if is_near else number
    return found


def whole(parts: Sequence[int], shown: Sequence[Told | None], cell: int) -> Told | None:
    """The sum of the hospitals' numbers; None where it would tell a number that is not shown."""
    hidden = [n for n, s in zip(parts, shown, strict=True) if not isinstance(s, int)]
    if len(hidden) == 1 or is_few(sum(hidden), cell):
        return None if len(parts) > 1 else shown[0]
    return told(sum(parts), cell)


def attrition(con: DuckDBPyConnection, hospitals: Mapping[str, int], cell: int) -> list[dict[str, Any]]:
    """By rule in their order: the persons left, of every hospital and of all."""
    rows = con.execute(
        "select rule_number, rule, hospital_number, persons from found_attrition "
        f"where cohort_definition_id = {COHORT:d} order by rule_number"
    ).fetchall()
    rules = {number: rule for number, rule, _, _ in rows}
    left = {(number, hospital): persons for number, _, hospital, persons in rows}
    by_hospital = {h: [left.get((rule, n), 0) for rule in rules] for h, n in hospitals.items()}
    shown = {h: steps(numbers, cell) for h, numbers in by_hospital.items()}
    return [
        {
            "rule": name, "hospitals": {h: shown[h][place] for h in hospitals},
            "persons": whole([by_hospital[h][place] for h in hospitals], [shown[h][place] for h in hospitals], cell),
        }
        for place, name in enumerate(rules.values())
    ]  # fmt: skip


def sizes(con: DuckDBPyConnection, hospitals: Mapping[str, int], cell: int) -> dict[str, Any]:
    """Persons and episodes, of every hospital and of all; and persons by the year of their index days."""
    query = f"select hospital_number, count(distinct person_id), count(*) from {MEMBERS} group by 1"
    found = {number: (persons, episodes) for number, persons, episodes in con.execute(query).fetchall()}
    by_hospital = {h: found.get(n, (0, 0)) for h, n in hospitals.items()}
    shown = {h: [told(n, cell) for n in both] for h, both in by_hospital.items()}
    of_all = [
        whole([each[i] for each in by_hospital.values()], [each[i] for each in shown.values()], cell) for i in (0, 1)
    ]
    years = con.execute(
        f"select year(index_date), count(distinct person_id) from {MEMBERS} group by 1 order by 1"
    ).fetchall()
    return {
        "persons": of_all[0], "episodes": of_all[1], "years": {str(y): told(n, cell) for y, n in years},
        "hospitals": {h: {"persons": both[0], "episodes": both[1]} for h, both in shown.items()},
    }  # fmt: skip


def completeness(con: DuckDBPyConnection, dataset: Dataset, hospitals: Mapping[str, int], cell: int) -> dict[str, Any]:
    """By variable and hospital how many episodes have a value; None where these, or those without, are few."""
    if not dataset.columns:
        return {}
    counts = ", ".join(f"count({quote(name)})" for name in dataset.columns)
    rows = con.execute(f"select person_id >> 24, count(*), {counts} from {WIDE} group by 1").fetchall()
    found = {row[0]: row[1:] for row in rows}
    nothing = (0,) * (1 + len(dataset.columns))
    return {
        name: {h: part(found.get(n, nothing)[place], found.get(n, nothing)[0], cell) for h, n in hospitals.items()}
        for place, name in enumerate(dataset.columns, 1)
    }


def units(con: DuckDBPyConnection, dataset: Dataset, wanted: Asked, cell: int) -> dict[str, dict[str, Told]]:
    """By variable and long table with a unit the values that are none: without a unit, or one that does not convert."""
    found = {}
    both: tuple[Variable | Long, ...] = (*dataset.said.variables, *dataset.said.long)
    for said in (each for each in both if each.unit):
        row = con.execute(
            "select count(*) filter (coalesce(unit, 0) = 0), count(*) filter (coalesce(unit, 0) <> 0) "
            f"from {seen(said.table or '')} where series = {wanted.number(series_of(said)):d} "
            f"and {said.window('delta')} and given is not null and value is null"
        ).fetchone() or (0, 0)
        if any(row):
            found[said.name] = {"no unit": told(row[0], cell), "does not convert": told(row[1], cell)}
    return found


def distributions(con: DuckDBPyConnection, dataset: Dataset, cell: int) -> dict[str, Any]:
    """By variable how its values lie; of values of fewer than `cell` persons nothing."""
    return {each.name: _distribution(con, each, cell) for each in dataset.said.variables}


def _distribution(con: DuckDBPyConnection, variable: Variable, cell: int) -> dict[str, Any] | None:
    name = quote(variable.name)
    persons = f"select count(distinct person_id) filter ({name} is not null) from {WIDE}"
    if (con.execute(persons).fetchone() or (0,))[0] < cell:
        return None
    if type_of(variable) in ("integer", "double"):
        shares = ", ".join(f"{share}" for share in _SHARES)
        row = con.execute(
            f"select avg({name}), stddev_samp({name}), quantile_cont({name}, [{shares}]) from {WIDE}"
        ).fetchone() or (None, None, [])
        points = {f"p{round(share * 100)}": _rounded(v) for share, v in zip(_SHARES, row[2], strict=True)}
        return {"mean": _rounded(row[0]), "sd": _rounded(row[1]), **points}
    rows = con.execute(
        f"select {name}::varchar, count(*), count(distinct person_id) from {WIDE} where {name} is not null "
        "group by 1 order by 2 desc, 1"
    ).fetchall()
    return {"values": _values([(value, n, persons) for value, n, persons in rows], cell)}


def _values(rows: Sequence[tuple[str, int, int]], cell: int) -> dict[str, Told]:
    """The most frequent values; those of few persons are one, with the next, where it would be alone or few."""
    shown = [row for row in rows if row[2] >= cell][:_MOST_VALUES]
    rest = [row for row in rows if row not in shown]
    while rest and shown and (len(rest) == 1 or sum(row[1] for row in rest) < cell):
        rest.append(shown.pop())
    found: dict[str, Told] = {value: n for value, n, _ in shown}
    if rest:
        found["other"] = told(sum(row[1] for row in rest), cell)
    return found


def _rounded(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def rows_digest(con: DuckDBPyConnection, query: str) -> str:
    """A digest of the rows of a query in their order, whatever file they lie in."""
    halves = ", ".join(f"bit_xor(md5_number_{half}(place::varchar || row_text))" for half in ("lower", "upper"))
    text = f"select row_number() over () as place, {literal('|')} || t::varchar as row_text from ({query}) t"
    row = con.execute(f"select count(*), {halves} from ({text})").fetchone() or (0, 0, 0)
    return f"{row[0]}-{row[2] or 0:016x}{row[1] or 0:016x}"
