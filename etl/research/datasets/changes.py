"""What is otherwise in one version than in another, and why: persons in and out, values, and what they depend on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from duckdb import DuckDBPyConnection

from etl.engine import open_reader
from etl.pages.language import noted
from etl.research.datasets import kept
from etl.research.datasets.kept import Manifest
from etl.research.datasets.snapshot import Snapshot, State
from etl.research.datasets.told import part, told
from etl.research.datasets.words import Variable
from etl.settings import Settings
from etl.sql import literal, quote

#: Why rows may be otherwise, the reason that counts first.
DEFINITION, VOCABULARY, MAPPINGS, PROGRAM = (
    noted("another definition"),
    noted("another vocabulary"),
    noted("another mapping"),
    noted("another program"),
)
NEW, CORRECTED, ROLLED_BACK = noted("new data"), noted("corrected data"), noted("a night was rolled back")


def causes(old: tuple[str, Snapshot], new: tuple[str, Snapshot]) -> dict[str, list[str]]:
    """What two versions were built of that differs: by reason, the hospitals it holds for (none: all)."""
    (old_digest, before), (new_digest, after) = old, new
    every: dict[str, list[str]] = {}
    if old_digest != new_digest:
        every[DEFINITION] = []
    if before.vocabulary != after.vocabulary:
        every[VOCABULARY] = []
    if before.program != after.program:
        every[PROGRAM] = []
    both = {h: (before.hospitals[h], after.hospitals[h]) for h in before.hospitals if h in after.hospitals}
    of_hospitals = {
        MAPPINGS: [h for h, (a, b) in both.items() if a.mappings != b.mappings],
        ROLLED_BACK: [h for h, (a, b) in both.items() if _is_back(a, b)],
        NEW: [h for h, (a, b) in both.items() if (a.run, a.step) != (b.run, b.step) and not _is_back(a, b)]
        + sorted(set(before.hospitals) ^ set(after.hospitals)),
    }
    return every | {reason: hospitals for reason, hospitals in of_hospitals.items() if hospitals}


def _is_back(old: State, new: State) -> bool:
    return new.step < old.step or (new.night or "") < (old.night or "")


def compare(
    con: DuckDBPyConnection, old: str, new: str, variables: Mapping[str, Variable], why: Mapping[str, list[str]],
    nights: Mapping[int, str], cell: int,
) -> dict[str, Any]:  # fmt: skip
    """Compare the rows (SQL) of two versions; `variables` are those that both have, `nights` of hospitals the old ones.

    Where neither definition nor vocabulary, mapping or program differ, a change is of new data where the days it looks
    at reach beyond the old night, else the data were corrected.
    """
    con.execute(
        "create or replace temp table both_versions as select coalesce(o.person_id, n.person_id) as person_id, "
        "o.person_id is not null as was, n.person_id is not null as is_now, coalesce(n.index_date, o.index_date) as "
        f"index_date, {_night(nights)} as night, o, n from ({old}) o full join ({new}) n using (person_id, index_date)"
    )
    others = [reason for reason in why if reason in (DEFINITION, VOCABULARY, MAPPINGS, PROGRAM, ROLLED_BACK)]
    return {
        "why": {reason: list(hospitals) for reason, hospitals in why.items()},
        "in": _moved(con, "not bool_or(was)", others, cell),
        "out": _moved(con, "not bool_or(is_now)", others, cell),
        "values": {
            name: found for name, each in variables.items() if (found := _values(con, each, others, cell))
        },
    }  # fmt: skip


def _night(nights: Mapping[int, str]) -> str:
    cases = " ".join(f"when {number:d} then date {literal(night)}" for number, night in nights.items())
    return f"(case person_id >> 24 {cases} end)" if cases else "null::date"


def _moved(con: DuckDBPyConnection, condition: str, others: list[str], cell: int) -> dict[str, Any]:
    """Persons who came or went, by reason."""
    rows = con.execute(
        "select coalesce(index_date > night, true), count(*) from (select min(index_date) as index_date, "
        f"min(night) as night from both_versions group by person_id having {condition}) group by 1"
    ).fetchall()
    return _by_reason(rows, others, cell)


def _values(con: DuckDBPyConnection, variable: Variable, others: list[str], cell: int) -> dict[str, Any]:
    """Episodes of both versions whose value of a variable is another one, by reason."""
    name, last = quote(variable.name), variable.within[1]
    reaches = "true" if last is None or variable.is_ else f"index_date + {last:d} > night"
    rows = con.execute(
        f"select coalesce({reaches}, true), count(*) from both_versions where was and is_now "
        f"and o.{name} is distinct from n.{name} group by 1"
    ).fetchall()
    return _by_reason(rows, others, cell) if rows else {}


def _by_reason(rows: list[tuple[bool, int]], others: list[str], cell: int) -> dict[str, Any]:
    """A number, and its parts by reason; None: a part that is not told."""
    number = sum(n for _, n in rows)
    new = sum(n for is_new, n in rows if is_new)
    parts = {" or ".join(others): number} if others else {NEW: new, CORRECTED: number - new}
    return {
        "number": told(number, cell),
        "because": {reason: part(n, number, cell) for reason, n in parts.items() if n},
    }


def between(settings: Settings, old: Manifest, new: Manifest, cell: int) -> dict[str, Any]:
    """Compare two versions that stand."""
    why = causes((old.digest, old.snapshot), (new.digest, new.snapshot))
    nights = {state.number: state.night for state in old.snapshot.hospitals.values() if state.night}
    titles = ("title", "type")
    variables = {
        name: Variable.model_validate({"name": name} | {k: v for k, v in said.items() if k not in titles})
        for name, said in new.columns.items()
        if name in old.columns
    }
    rows = [f"from {kept.rows_of(settings, each.name, each.version)}" for each in (old, new)]
    with open_reader(settings) as con:
        return compare(con, rows[0], rows[1], variables, why, nights, max(cell, old.small_cell, new.small_cell))
