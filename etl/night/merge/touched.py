"""Whom a night touches: all persons any of whose CDM rows may differ from what is published.

These are the persons of rows that are new, changed or gone; of codes whose meaning changed in a code master; of staff,
departments and places that now have a row or no longer do; of records that were merged or parted; and of rows whose
mapping depends on the day (open stays, dates in the future).
"""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from etl.engine import one_number, rows_in
from etl.mapping.compile.relation import source_relation
from etl.mapping.language.landed import landed_columns_sql, person_columns
from etl.mapping.language.mapping import HospitalMapping
from etl.night.lake.layers import Layer, chain
from etl.night.lake.mapped import Mapped, current
from etl.night.lake.names import LOOKUPS
from etl.night.lake.state import DEAD, ENTITIES, State
from etl.night.lake.views import alive_rows, chain_sql, create_landed, create_merged, rows_sql
from etl.night.merge.codes import persons_of_changed_codes
from etl.sql import literal, quote
from etl.vocabulary.release import Release


def find_touched(
    con: DuckDBPyConnection, mapping: HospitalMapping, release: Release, before: State, now: State,
    published: Sequence[Mapped],
) -> None:  # fmt: skip
    """Make the table `touched(person)`. `before` is the published state, `published` its mapped layers."""
    con.execute("create or replace table found (person bigint)")
    con.execute("insert into found values (0)")  # rows of nobody are always looked at
    for name in mapping.sources:
        if person_columns(mapping.sources[name]):
            _changed_rows(con, mapping, name, before, now)
            _shared_keys(con, mapping, name, before, now)
    _changed_entities(con, mapping, before, now)
    _due(con, published)
    _changed_codes(con, mapping, release, before, now, published)
    _looked_into(con, mapping, before, now)
    _merged(con, mapping, before, now)
    _together(con, mapping, before, now)


def _persons(mapping: HospitalMapping, source: str, rows: str) -> str:
    """SQL of the persons that rows of a source name."""
    columns = person_columns(mapping.sources[source])
    return " union all ".join(f"select {quote(c)} as person from ({rows})" for c in columns)


def _find(con: DuckDBPyConnection, query: str) -> None:
    con.execute(f"insert into found select distinct coalesce(person, 0) from ({query})")


def _changed_rows(con: DuckDBPyConnection, mapping: HospitalMapping, name: str, before: State, now: State) -> None:
    old, new = chain(mapping, name, before.layers), chain(mapping, name, now.layers)
    # in free text the names of the night's patients are blanked out, so that the same file may read otherwise
    scrubbed = any(c.scrub for c in mapping.sources[name].declared.values())
    if [x.name for x in old] == [x.name for x in new] or (not scrubbed and _digests(name, old) == _digests(name, new)):
        return
    if mapping.delivers(name) == "delta" and old and [x.name for x in new[: len(old)]] == [x.name for x in old]:
        _appended(con, mapping, name, old, new[len(old) :], before, now)
    else:
        _find(con, _differences(mapping, name, before, now))


def _digests(name: str, layers: Sequence[Layer]) -> list[str]:
    """Digests of the files of a source; two chains of one whole file each are equal when the files are."""
    return (
        [x.sources[name] for x in layers]
        if len(layers) == 1 and name in layers[0].sources
        else [x.name for x in layers]
    )


def _appended(
    con: DuckDBPyConnection, mapping: HospitalMapping, name: str, old: Sequence[Layer], added: Sequence[Layer],
    before: State, now: State,
) -> None:  # fmt: skip
    """Persons of the rows that were added, and of the older rows that died of it."""
    for layer in added:
        if rows := rows_sql(mapping, name, layer):
            _find(con, _persons(mapping, name, " union all ".join(rows)))
    died = (
        f"select _row from dead where source = {literal(name)} except "
        f"select _row from {rows_in(before.file(DEAD))} where source = {literal(name)}"
    )
    older = chain_sql(mapping, name, old, now.fold)  # which folds no layer that `before` did not have
    con.execute(f"create or replace temp table died as {died}")
    _find(con, _persons(mapping, name, f"select * from ({older}) where _row in (from died)"))


def _differences(mapping: HospitalMapping, name: str, before: State, now: State) -> str:
    """SQL of the persons whose rows of a source are not the same set before and now."""
    columns = ", ".join(map(quote, landed_columns_sql(mapping.sources[name])))

    def sums(state: State) -> str:
        parts = " union all ".join(
            f"select {quote(c)} as person, hash({columns}) as h from ({alive_rows(mapping, name, state)})"
            for c in person_columns(mapping.sources[name])
        )
        return f"select person, count(*) as n, sum(h) as h from ({parts}) group by person"

    was, now_ = sums(before), sums(now)
    return f"select person from (({was}) except all ({now_}) union all (({now_}) except all ({was})))"


def _shared_keys(con: DuckDBPyConnection, mapping: HospitalMapping, name: str, before: State, now: State) -> None:
    """Persons who share a key that should be one row's: which of the rows counts depends on both persons."""
    source = mapping.sources[name]
    persons = person_columns(mapping.sources[name])
    if mapping.delivers(name) == "delta" or not source.key or set(persons) & set(source.key):
        return
    known = landed_columns_sql(source)
    keys = ", ".join(f"omop_blank({quote(c if c in known else f'{c}__id')}::varchar)" for c in source.key)
    person = quote(persons[0])
    states = [before, now] if _digests(name, chain(mapping, name, before.layers)) != _digests(
        name, chain(mapping, name, now.layers)
    ) else [now]  # fmt: skip
    for state in states:
        rows = alive_rows(mapping, name, state)
        _find(
            con,
            f"""
          select unnest(persons) as person from (
            select list(distinct {person}) as persons from ({rows}) group by {keys}
            having min({person}) <> max({person}))
        """,
        )


def _changed_entities(con: DuckDBPyConnection, mapping: HospitalMapping, before: State, now: State) -> None:
    """Persons of rows that name somebody who has a row of their own only since tonight, or no longer."""
    old, new = (f"select * from {rows_in(s.file(ENTITIES))}" for s in (before, now))
    con.execute(f"create or replace temp table other as ({old}) except ({new}) union all (({new}) except ({old}))")
    if not one_number(con, "select count(*) from other"):
        return
    for name, source in mapping.sources.items():
        named = [(c, d.entity) for c, d in source.declared.items() if d.entity]
        if not named or not person_columns(mapping.sources[name]):
            continue
        hit = " or ".join(_is_other(column, entity) for column, entity in named)
        for state in (before, now):  # whom nobody registers any more, the same row named before
            rows = alive_rows(mapping, name, state)
            _find(con, _persons(mapping, name, f"select * from ({rows}) where {hit}"))


def _due(con: DuckDBPyConnection, published: Sequence[Mapped]) -> None:
    _find(con, f"select person from ({current(published, 'due')})")


def _changed_codes(
    con: DuckDBPyConnection, mapping: HospitalMapping, release: Release, before: State, now: State,
    published: Sequence[Mapped],
) -> None:  # fmt: skip
    """Persons with a code that a code master maps to something else since tonight."""
    masters = {
        master
        for master, steps in mapping.masters.items()
        for step in steps
        if _digests(step.source, chain(mapping, step.source, before.layers))
        != _digests(step.source, chain(mapping, step.source, now.layers))
    }
    if masters:
        create_landed(con, mapping, now)
        for query in persons_of_changed_codes(con, mapping, release, masters, published[-1].folder / LOOKUPS):
            _find(con, query)


def _looked_into(con: DuckDBPyConnection, mapping: HospitalMapping, before: State, now: State) -> None:
    """Persons whose rows look into a source of nobody, such as a list of wards, that says something else tonight.

    That is also so when one whom it names has a row of their own only since tonight, or no longer (`other`).
    """
    for entry in mapping.entries:
        if not person_columns(mapping.sources[entry.from_]):
            continue  # such rows are looked at every night
        for other in entry.with_.values():
            source = mapping.sources[other.source]
            if person_columns(source):
                continue
            keys = ", ".join(f"omop_blank({quote(c)}::varchar) as k{i}" for i, c in enumerate(other.on))
            changed = _changed_rows_of_nobody(mapping, other.source, before, now)
            con.execute(f"create or replace temp table other_key as select distinct {keys} from ({changed})")
            if not one_number(con, "select count(*) from other_key"):
                continue
            create_landed(con, mapping, now)
            rows = source_relation(mapping, entry.model_copy(update={"with_": {}}), "landed")
            given = " and ".join(f"k.k{i} = {rows.text(sql)}" for i, sql in enumerate(other.on.values()))
            hit = f"select * from {rows.sql} where exists (select 1 from other_key k where {given})"
            _find(con, _persons(mapping, entry.from_, hit))


def _changed_rows_of_nobody(mapping: HospitalMapping, name: str, before: State, now: State) -> str:
    """SQL of the rows of a source without persons that differ, or name somebody of `other`."""
    was, is_ = (alive_rows(mapping, name, state) for state in (before, now))
    named = {c: d.entity for c, d in mapping.sources[name].declared.items() if d.entity}
    hit = " or ".join(_is_other(column, entity) for column, entity in named.items())
    parts = [f"select * exclude (_row) from ({rows}) where {hit}" for rows in (was, is_) if hit]
    if _digests(name, chain(mapping, name, before.layers)) != _digests(name, chain(mapping, name, now.layers)):
        was, is_ = (f"select * exclude (_row) from ({rows})" for rows in (was, is_))
        parts += [f"({was}) except all ({is_})", f"({is_}) except all ({was})"]
    return " union all ".join(f"({part})" for part in parts) or f"{alive_rows(mapping, name, now)} limit 0"


def _is_other(column: str, entity: str) -> str:
    """SQL of whether a column names somebody who has a row of their own only since tonight, or no longer."""
    return f"{quote(f'{column}__id')} in (select id from other where namespace = {literal(entity)})"


def _together(con: DuckDBPyConnection, mapping: HospitalMapping, before: State, now: State) -> None:
    """Everybody whom a row ties to somebody found, as a mother to her child: rows of several persons stay whole.

    Whom nobody registers any more, the same row named before (`other` in `_changed_entities` likewise).
    """
    tied = []
    for name, source in mapping.sources.items():
        columns = person_columns(source)
        if len(columns) > 1 and not source.merges:
            listed = ", ".join(map(quote, columns))
            rows = (alive_rows(mapping, name, state) for state in (before, now))
            tied += [f"select [{listed}] as persons from ({one})" for one in rows]
    if not tied:
        return
    # a row that names a record number which was given up is tied to whom it is now, and was before
    tied += [f'select [person, "into"] as persons from {merged}' for merged in ("merged", "merged_before")]
    con.execute(
        "create or replace temp table tied as select row_number() over () as tie, unnest(persons) as person "
        f"from (select distinct persons from ({' union all '.join(tied)}))"
    )
    grown = -1
    while grown != (grown := count_touched(con)):
        _find(con, "select person from tied where tie in "
                   "(select tie from tied where person > 0 and person in (select person from found))")  # fmt: skip


def _merged(con: DuckDBPyConnection, mapping: HospitalMapping, before: State, now: State) -> None:
    """Both records of every pair that was merged or parted; and for whoever is touched, the patient they are now."""
    was = create_merged(con, mapping, before, "merged_before")
    now_ = create_merged(con, mapping, now)
    if was or now_:
        con.execute("create or replace temp table pair as (from merged_before except from merged) union all "
                    "(from merged except from merged_before)")  # fmt: skip
        con.execute('insert into found select person from pair union all select "into" from pair')
        con.execute('insert into found select m."into" from merged m where m.person in (from found)')
        con.execute('insert into found select m."into" from merged_before m where m.person in (from found)')


def count_touched(con: DuckDBPyConnection) -> int:
    """How many persons `found` holds."""
    return one_number(con, "select count(distinct person) from found where person > 0")


def persons_of(con: DuckDBPyConnection, layers: Sequence[Mapped]) -> int:
    """About how many persons the layers hold: a person who came again counts again."""
    files = [f for x in layers if (f := x.folder / "person.parquet").exists()]
    return one_number(con, f"select count(*) from {rows_in(*files)}") if files else 0
