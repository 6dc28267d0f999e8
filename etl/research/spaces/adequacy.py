"""How far the persons of a space look alike in what others may know of them, measured on the rows as built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import one_number
from etl.research.spaces.definition import Definition
from etl.research.spaces.policy import Adequacy, Policy
from etl.sql import quote

#: What must not be learned of a person: SQL over the space, given its person `p`, and the table that has to be there.
SENSITIVE = {
    "main_condition": (
        "condition_occurrence",
        "select person_id, arg_max(concept, (n, -concept)) as value from (select person_id, "
        "condition_concept_id as concept, count(*) as n from {place}.condition_occurrence group by all) "
        "group by person_id",
    ),
    "death": ("death", "select person_id, true as value from {place}.death"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """The measures of a space; `risks` are those of prosecutor, journalist and marketer, from 0 to 1.

    `below` are the persons in classes smaller than the policy's k, `cured` how many fewer they would be without one
    quasi-identifier, `unique_here` and `unique_everywhere` who is alone in the space, and in the whole warehouse.
    `texts` are columns of text that are filled and not listed, `numbers` old numbers that were found again.
    """

    persons: int
    known: Sequence[str]
    classes: int
    k: int
    l: Mapping[str, int]  # noqa: E741 - the measure's name
    t: Mapping[str, float]
    risks: Mapping[str, float]
    below: int
    cured: Mapping[str, int]
    unique_here: int
    unique_everywhere: int
    texts: Sequence[str]
    numbers: Sequence[str]

    def failures(self, said: Adequacy) -> list[str]:
        """What does not hold, by the names of the measures."""
        wrong = [name for name, is_wrong in (
            ("k", self.k < said.k), ("l", any(n < said.l for n in self.l.values())),
            ("t", any(n > said.t for n in self.t.values())), ("risk", max(self.risks.values()) > said.risk),
            ("texts", bool(self.texts)), ("numbers", bool(self.numbers)),
        ) if is_wrong]  # fmt: skip
        return wrong


def measure(con: DuckDBPyConnection, definition: Definition, policy: Policy, known: Sequence[str]) -> Measured:
    """Measure the space that is attached as `space`, beside the temporary table `everybody`."""
    return _measured(con, definition, policy, known, _beside_everybody(con, known))


def measure_again(
    con: DuckDBPyConnection, definition: Definition, policy: Policy, known: Sequence[str], journalist: float
) -> Measured:
    """Measure the space that is attached as `space` by its rows alone; `journalist` is what was measured of that risk.

    The warehouse holds another night meanwhile, so who looks there is measured once, when the space is built.
    """
    con.execute(
        "create or replace temp view place_of as select location_id as number, state, county from space.main.location"
        if "location" in definition.tables
        else "create or replace temp view place_of as select distinct location_id as number, "
        "location_id::varchar as state, null::varchar as county from space.main.person"
        if "location_id" in definition.tables["person"]
        else "create or replace temp view place_of as select null::bigint as number, '' as state, '' as county"
    )
    return _measured(con, definition, policy, known, (journalist, 0))


def _measured(
    con: DuckDBPyConnection, definition: Definition, policy: Policy, known: Sequence[str], beside: tuple[float, int]
) -> Measured:
    con.execute(f"create temp table looks as {_looks(definition, known)}")
    rows = con.execute(f"select count(*), min(n), sum(n) from ({_classes(known)})").fetchone() or (0, 0, 0)
    classes, k, persons = (int(n or 0) for n in rows)
    sensitive = [name for name in policy.adequacy.sensitive if SENSITIVE[name][0] in definition.tables]
    found = {name: _diversity(con, known, name) for name in sensitive}
    everywhere, unique = beside
    below = _below(con, known, policy.adequacy.k)
    measured = Measured(
        persons, known, classes, k, {n: f[0] for n, f in found.items()}, {n: f[1] for n, f in found.items()},
        {"prosecutor": 1 / max(k, 1), "journalist": everywhere, "marketer": classes / max(persons, 1)},
        below, {name: below - _below(con, [o for o in known if o != name], policy.adequacy.k) for name in known},
        one_number(con, f"select count(*) from ({_classes(known)}) where n = 1"), unique,
        _filled_texts(con, definition, policy), _old_numbers(con, definition),
    )  # fmt: skip
    con.execute("drop table looks")
    return measured


def _classes(known: Sequence[str]) -> str:
    """SQL of how many persons look alike, by what is known; without anything known all do."""
    by = ", ".join(map(quote, known))
    return f"select {by + ', ' if by else ''}count(*) as n from looks {f'group by {by}' if by else ''}"


def _looks(definition: Definition, known: Sequence[str], place: str = "space.main") -> str:
    """SQL of the persons of the space by what is known of them, and what must not be learned."""
    sql = {
        "sex": "p.gender_concept_id", "birth": "p.year_of_birth",
        "died": f"p.person_id in (select person_id from {place}.death)",
        "place": "(select coalesce(county, state) from place_of l where l.number = p.location_id)",
    }  # fmt: skip
    columns = ["p.person_id", *(f"{sql[name]} as {quote(name)}" for name in known)]
    joins = []
    for name, (table, query) in SENSITIVE.items():
        if table in definition.tables:
            columns.append(f"coalesce({quote(f'x_{name}')}.value::varchar, '') as {quote(f's_{name}')}")
            joins.append(f"left join ({query.format(place=place)}) {quote(f'x_{name}')} using (person_id)")
    return f"select {', '.join(columns)} from {place}.person p {' '.join(joins)}"


def _diversity(con: DuckDBPyConnection, known: Sequence[str], name: str) -> tuple[int, float]:
    """l and t of what must not be learned: different values of the poorest class, distance of the farthest one.

    The distance of a class from all persons is half the sum of the differences of their shares, value by value.
    """
    value = quote(f"s_{name}")
    by = f"struct_pack({', '.join(f'{c} := {c}' for c in map(quote, known))})" if known else "1"
    row = con.execute(
        f"with c as (select {by} as class, {value} as v, count(*) as n from looks group by all), "
        "sizes as (select class, sum(n) as size, count(*) as kinds from c group by class), "
        "whole as (select v, sum(n) / (select sum(n) from c) as share from c group by v), "
        # of the values that a class does not have, the shares are the differences: one less those of the values it has
        "far as (select class, any_value(kinds) as kinds, "
        "0.5 * (sum(abs(n / size - share)) + 1 - sum(share)) as t from c join sizes using (class) join whole using (v) "
        "group by class) select min(kinds), max(t) from far"
    ).fetchone()
    return (int(row[0] or 0), float(row[1] or 0)) if row else (0, 0.0)


def _beside_everybody(con: DuckDBPyConnection, known: Sequence[str]) -> tuple[float, int]:
    """The risk of a journalist, who looks in the whole warehouse, and how many persons of the space are alone there."""
    by = ", ".join(map(quote, known)) or "true"
    row = con.execute(
        f"select max(1 / n), count_if(n = 1) from (select chosen, count(*) over (partition by {by}) as n "
        "from everybody) where chosen"
    ).fetchone()
    return (float(row[0] or 1), int(row[1])) if row else (1.0, 0)


def _below(con: DuckDBPyConnection, known: Sequence[str], k: int) -> int:
    return one_number(con, f"select sum(n) from ({_classes(known)}) where n < {k}")


def _filled_texts(con: DuckDBPyConnection, definition: Definition, policy: Policy) -> list[str]:
    """Columns of text that hold something and are not listed; a person's names can only stand in these."""
    structural = {f"location.{column}" for column in ("state", "county")}
    wrong = []
    for table, columns in definition.tables.items():
        texts = [f.name for f in tables()[table].fields if f.name in columns and f.type.startswith("varchar")]
        texts = [c for c in texts if f"{table}.{c}" not in {*policy.text.keep, *structural}]
        if texts:
            counted = ", ".join(f"count(nullif({quote(c)}, ''))" for c in texts)
            row = con.execute(f"select {counted} from space.main.{quote(table)}").fetchone() or ()
            wrong += [f"{table}.{c}" for c, n in zip(texts, row, strict=True) if n]
    return wrong


def _old_numbers(con: DuckDBPyConnection, definition: Definition) -> list[str]:
    """Columns with numbers as high as those of the warehouse, which begin above 2^24."""
    counted = {t: one_number(con, f"select count(*) from space.main.{quote(t)}") for t in definition.tables}
    wrong, most = [], max(1 << 24, *counted.values())
    for table, columns in definition.tables.items():
        ids = [f.name for f in tables()[table].fields if f.name in columns and _is_number(f.name)]
        highest = ", ".join(f"max({quote(c)})" for c in ids)
        row = con.execute(f"select {highest} from space.main.{quote(table)}").fetchone() if ids else ()
        wrong += [f"{table}.{c}" for c, n in zip(ids, row or (), strict=True) if n and n >= most]
    return wrong


def _is_number(column: str) -> bool:
    return column.endswith("_id") and "concept" not in column
