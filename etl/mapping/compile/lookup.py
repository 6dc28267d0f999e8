"""Look-up tables: what every code that a source holds becomes, worked out once per distinct code.

`lookup."<entry>.<field>"(k0 …, valid_from, valid_to, n, concept_id, source_id, target, value_id, vocabulary, step,
description)`: the rows of a source join it on their code(s) and, when a master with windows is involved, their day.
`n` numbers the several targets of one code; every code has a row with n = 1, concept 0 when nothing was found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.shapes import FALLBACK_TABLE, domains
from etl.engine import rows_in
from etl.files import packaged
from etl.mapping.compile.masters import FIRST_DAY, LAST_DAY
from etl.mapping.compile.relation import Rows
from etl.mapping.expression import columns_of, render
from etl.mapping.language.lookups import Lookup, Step
from etl.mapping.language.mapping import HospitalMapping
from etl.sql import literal, quote
from etl.vocabulary.release import LOOKUPS, Release

_STANDARD = ("concept", "concept_ancestor", "concept_relationship", "drug_strength", "vocabulary")


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A look-up that has been built: its table, SQL of the codes to join on, and whether the day matters."""

    table: str
    keys: tuple[str, ...]
    dated: bool

    def join(self, alias: str, keys: list[str], day: str | None) -> str:
        """SQL that joins the table to rows whose codes are `keys` and whose day is `day`."""
        alone = len(keys) == 1
        on = [f"{alias}.k{i} {'=' if alone else 'is not distinct from'} {k}" for i, k in enumerate(keys)]
        if self.dated:
            # a row without a day takes the present meaning of its code
            at = f"coalesce({day or 'null'}, {LAST_DAY} - 1)"
            on.append(f"{at} >= {alias}.valid_from and {at} < {alias}.valid_to")
        return f"left join {self.table} {alias} on {' and '.join(on)}"


def create_vocabulary_views(con: DuckDBPyConnection, release: Release) -> None:
    """Views `vocab.<table>` over a release's Parquet files."""
    con.execute("create schema if not exists vocab")
    for name in (*_STANDARD, *LOOKUPS):
        con.execute(f"create or replace view vocab.{name} as from {rows_in(release.table(name))}")


def create_maps(con: DuckDBPyConnection, mapping: HospitalMapping) -> None:
    """Make `map.domain(domain_id, target)` and, for every code map, `map.<name>(code, valid_from, valid_to, concept_id,
    target_id, domain_id, value_id, source_id, source_domain)`; the views of the vocabulary must be there.

    `concept_id` is what the map says, `target_id` the same if it is standard and valid in the release; 0 in both says
    that the code is deliberately unmapped.
    """
    con.execute("create schema if not exists map")
    said = [
        rows.rows.append_column("map", pa.repeat(name, len(rows.rows))).append_column(
            "vocabulary", pa.repeat(pa.scalar(mapping.maps[name].vocabulary, pa.string()), len(rows.rows))
        )
        for name, rows in mapping.map_rows.items()
    ]
    if said:
        con.register("given_rows", pa.concat_tables(said))
        con.execute(packaged(__name__, "maps.sql"))
        con.unregister("given_rows")
    for name in mapping.map_rows:
        rows = f"select * exclude (map) from map_row where map = {literal(name)}"
        con.execute(f"create or replace view map.{quote(name)} as {rows}")
    rows = ", ".join(f"({literal(domain)}, {literal(target)})" for domain, target in domains().items())
    con.execute(f"create or replace table map.domain as from (values {rows}) given(domain_id, target)")


def searched(step: Step, key: int, mapping: HospitalMapping) -> str:
    """SQL of what one step searches for: keys, the code as cleaned, what the master makes of it and when (`outside`
    of every window or not)."""
    code = f"c.k{key}"
    if step.clean:
        code = render(mapping.clean[step.clean], ["code"], {"code": code})
    cleaned = f"(select c.*, {code} as cleaned from code c) c"
    if not step.through:
        return (
            f"select c.*, c.cleaned as code, {FIRST_DAY} as valid_from, {LAST_DAY} as valid_to, false as outside "
            f"from {cleaned}"
        )
    return (
        "select c.*, m.target as code, m.valid_from, m.valid_to, m.outside "
        f"from {cleaned} join master.{quote(step.through)} m on m.code = c.cleaned"
    )


def _candidates(number: int, step: Step, key: int, mapping: HospitalMapping) -> str:
    """SQL of what one step finds: keys, window, source concept, target concept and its domain, value concept."""
    coded = searched(step, key, mapping)
    found = _in_map(step.map, coded) if step.map else _in_vocabulary(step, coded)
    label = literal(step.vocabulary or step.map or "")
    return f"select *, {number} as step, {label} as vocabulary from ({found})"


def _in_map(name: str, coded: str) -> str:
    return f"""
      select c.* replace (greatest(c.valid_from, m.valid_from) as valid_from,
        least(c.valid_to, m.valid_to) as valid_to), m.source_id, m.source_domain, m.target_id, m.domain_id, m.value_id
      from ({coded}) c join map.{quote(name)} m
        on m.code = c.code and m.valid_from < c.valid_to and c.valid_from < m.valid_to
    """


def _in_vocabulary(step: Step, coded: str) -> str:
    assert step.vocabulary is not None
    known = f"(select * from vocab.source_code where vocabulary_id = {literal(step.vocabulary)})"
    if step.prefix:
        # the longest known beginning, never shorter than `prefix` letters
        matched = f"""
          select c.* exclude (kept), arg_max(s.concept_id, kept) as source_id,
            arg_max(s.domain_id, kept) as source_domain
          from (select c.*, unnest(range(length(c.code), {step.prefix} - 1, -1)) as kept from ({coded}) c) c
          join {known} s on s.concept_code = rtrim(left(c.code, c.kept), '.')
          group by all
        """
    else:
        matched = f"""
          select c.*, s.concept_id as source_id, s.domain_id as source_domain
          from ({coded}) c join {known} s on s.concept_code = c.code
        """
    return f"""
      select c.*, m.target_id, m.domain_id, m.value_id from ({matched}) c
      left join vocab.maps_to m on m.vocabulary_id = {literal(step.vocabulary)} and m.concept_id = c.source_id
    """


def forms_of_code(lookup: Lookup, rows: Rows) -> list[bool]:
    """Which of `Lookup.keys` are the code itself or made of it, and not another column."""
    of = set(columns_of(lookup.code, rows.known))
    return [set(columns_of(key.code, rows.known)) <= of for key in lookup.keys]


def narrowed(lookup: Lookup, rows: Rows, *, result: bool) -> list[str]:
    """SQL of what is looked up in a row, in the order of `Lookup.keys`.

    Of the code of a `result`, and of other forms of it, numbers are not looked up: they say what they are.
    """
    texts = [rows.code(key) for key in lookup.keys]
    return _without_numbers(texts, forms_of_code(lookup, rows)) if result else texts


def _without_numbers(texts: Sequence[str], narrow: Sequence[bool]) -> list[str]:
    return [
        f"case when omop_result_number({text}) is null then {text} end" if one else text
        for text, one in zip(texts, narrow, strict=True)
    ]


def collect_codes(con: DuckDBPyConnection, lookup: Lookup, rows: Rows, *, result: bool) -> None:
    """Make the table `code(k0 …, description)` of the distinct codes in the rows; `result`: of measured values."""
    names = [f"k{i}" for i in range(len(lookup.keys))]
    groups = ", ".join(names)
    selected = ", ".join(f"{rows.code(key)} as {name}" for key, name in zip(lookup.keys, names, strict=True))
    description = rows.text(lookup.description) if lookup.description else "null::varchar"
    told = "any_value(description) as description"
    query = (
        f"select {groups}, {told} from (select {selected}, {description} as description from {rows.sql}) group by all"
    )
    if result:  # once per code and not per row
        kept = _without_numbers(names, forms_of_code(lookup, rows))
        listed = ", ".join(f"{sql} as {name}" for sql, name in zip(kept, names, strict=True))
        query = f"select {groups}, {told} from (select {listed}, description from ({query})) group by all"
    con.execute(f"create or replace temp table code as select * from ({query}) where coalesce({groups}) is not null")


def choose(con: DuckDBPyConnection, mapping: HospitalMapping, lookup: Lookup, table: str, default_table: str) -> None:
    """Make `table` for the codes in `code`: what every step finds (`candidate`), and of that the first step's."""
    candidates = " union all by name ".join(
        _candidates(i, step, lookup.keys.index(key), mapping) for i, (step, key) in enumerate(lookup.steps)
    )
    con.execute(f"create or replace temp table candidate as {candidates}")
    groups = ", ".join(f"k{i}" for i in range(len(lookup.keys)))
    dated = is_dated(lookup, mapping)
    con.execute(f"create or replace table {table} as {_choice(groups, default_table, dated=dated)}")


def build_lookup(
    con: DuckDBPyConnection, mapping: HospitalMapping, name: str, lookup: Lookup, rows: Rows, default_table: str, *,
    result: bool = False,
) -> LookupTable:  # fmt: skip
    """Make the table `lookup.<name>` for the codes found in the rows; `result`: they are measured values."""
    con.execute("create schema if not exists lookup")
    table = f"lookup.{quote(name)}"
    collect_codes(con, lookup, rows, result=result)
    choose(con, mapping, lookup, table, default_table)
    con.execute("drop table code; drop table candidate")
    keys = tuple(narrowed(lookup, rows, result=result))
    return LookupTable(table, keys, is_dated(lookup, mapping))


def is_dated(lookup: Lookup, mapping: HospitalMapping) -> bool:
    """Whether a code may mean something else on another day."""
    return any(_dated(step, mapping) for step, _ in lookup.steps)


def _dated(step: Step, mapping: HospitalMapping) -> bool:
    return step.through is not None or (step.map is not None and mapping.map_rows[step.map].dated)


def _pieces(keys: str) -> str:
    """SQL of the pieces of time of every code within which nothing that was found begins or ends."""
    return f"""
      select {keys}, cut as valid_from,
        coalesce(lead(cut) over (partition by {keys} order by cut), {LAST_DAY}) as valid_to
      from (
        select {keys}, {FIRST_DAY} as cut from code union select {keys}, valid_from from candidate
        union select {keys}, valid_to from candidate
      ) edge where cut < {LAST_DAY}
    """


def _choice(keys: str, default_table: str, *, dated: bool) -> str:
    """SQL that chooses, per code and piece of time, the first step that finds a standard concept."""
    pieces = _pieces(keys) if dated else f"select {keys}, {FIRST_DAY} as valid_from, {LAST_DAY} as valid_to from code"
    same = " and ".join(f"x.{k} is not distinct from p.{k}" for k in keys.split(", "))
    prefixed = ", ".join(f"p.{k}" for k in keys.split(", "))
    return f"""
    with piece as ({pieces}),
    found as (
      select {prefixed}, p.valid_from, p.valid_to, x.source_id, x.source_domain, x.target_id, x.domain_id, x.value_id,
        x.vocabulary, x.step,
        min(x.step) filter (where x.target_id is not null) over same_piece as winner,
        coalesce(min(x.step) filter (where x.source_id <> 0) over same_piece,
          min(x.step) filter (where x.source_id is not null) over same_piece) as origin
      from piece p left join candidate x on {same} and x.valid_from <= p.valid_from and x.valid_to >= p.valid_to
      window same_piece as (partition by {prefixed}, p.valid_from)
    ),
    origin as (
      select {keys}, valid_from, any_value(source_id) as source_id, any_value(source_domain) as source_domain,
        any_value(vocabulary) as vocabulary
      from found where step = origin group by {keys}, valid_from
    ),
    target as (
      select distinct {keys}, valid_from, valid_to, target_id, domain_id, value_id, vocabulary, winner
      from found where winner is null or (step = winner and target_id is not null)
    ),
    one as (
      select {keys}, valid_from, valid_to, target_id, domain_id, value_id, winner, any_value(vocabulary) as vocabulary
      from target group by all
    )
    select {prefixed}, p.valid_from, p.valid_to,
      row_number() over (partition by {prefixed}, p.valid_from order by p.target_id, p.value_id) as n,
      coalesce(p.target_id, 0) as concept_id, x.source_id,
      case when coalesce(p.domain_id, x.source_domain) is null then {literal(default_table)}
           else coalesce(d.target, {literal(FALLBACK_TABLE)}) end as target,
      p.value_id, coalesce(x.vocabulary, p.vocabulary) as vocabulary, p.winner as step, c.description
    from one p
    left join origin x on {same} and x.valid_from = p.valid_from
    left join code c on {same.replace("x.", "c.")}
    left join map.domain d on d.domain_id = coalesce(p.domain_id, x.source_domain)
    """
