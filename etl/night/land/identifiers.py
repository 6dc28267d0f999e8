"""Replaces direct identifiers while rows land: record numbers become ids, free text is blanked.

What a value becomes is looked up in tables that live in memory only (`ident.*`), made from the sources that register
people, staff, departments and places.
"""

from __future__ import annotations

from itertools import combinations

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.namespaces import Namespace
from etl.engine import one_number
from etl.mapping.compile.texts import without
from etl.mapping.expression import render
from etl.mapping.language.contract import Computed, Source
from etl.mapping.language.landed import namespace_of, numbers_its_rows
from etl.night.land.contract import SourceFile
from etl.night.land.decode import is_utf8
from etl.night.land.freetext.folding import folded
from etl.night.land.freetext.numbers import plain_number
from etl.night.land.freetext.scrub import FUNCTION, HIDDEN
from etl.night.land.lookup import define
from etl.sql import literal, quote
from etl.store.keys.keystore import KeyStore

# a text so short and without letters is a value: 12.5, <0.01
_VALUE = "[-+<>=.,:/%0-9 ]{0,6}"
_SHORTEST_OWN = 3  # of a person's own texts that are blanked as they are; shorter names may be words
_PLAIN = "[1-9][0-9]*"  # a record number that is compared as it was delivered
_HIDDEN_KINDS = ("name", "rrn", "phone", "address")
NAMESPACES: tuple[Namespace, ...] = ("person", "provider", "care_site", "location")


def create_tables(con: DuckDBPyConnection) -> None:
    """Empty look-up tables in memory: `raw` identifier, `id`, for persons the texts to hide and whether a row of theirs
    ever came; and the names that the delivery holds.
    """
    con.execute("attach ':memory:' as ident")
    for name in NAMESPACES:
        con.execute(f"create table ident.{name} (raw varchar, id bigint, hide varchar[], known boolean)")
    con.execute("create table ident.name (name varchar)")


def raw_sql(source: Source, file: SourceFile, name: str) -> str:
    """SQL of a contract column over the raw file; NULL where the file does not have it."""
    column = source.declared[name]
    if isinstance(column, Computed):
        raw = {c: _file_column(source, file, c) for c in source.columns}
        return f"({render(column.sql, source.columns, raw)})::varchar"
    return _file_column(source, file, name)


def _file_column(source: Source, file: SourceFile, name: str) -> str:
    if name not in file.raw:
        return "null::varchar"
    text = f"r.{quote(file.raw[name])}"
    # of what is read as it lies there it is known that there are none
    zeros = file.file.zeros or source.format == "parquet" or not is_utf8(source.encoding)
    return without(f"omop_text({text})" if zeros else text, source.reading(name).null)


def registers(source: Source, *, naming: bool = False) -> bool:
    """Whether `register` reads anything of a source's files."""
    return bool(_registering(source, naming) or (not naming and _named(source)))


def _registering(source: Source, naming: bool) -> dict[str, Namespace]:
    declared = source.declared.items()
    return {n: ns for n, c in declared if c.registers is not naming and (ns := namespace_of(c))}


def _named(source: Source) -> list[str]:
    return [n for n, column in source.declared.items() if column.identifier == "name"]


def register(
    con: DuckDBPyConnection, keys: KeyStore, source: Source, file: SourceFile, relation: str, *, naming: bool = False
) -> None:
    """Hand out ids for every value of the file's registering columns; fills `ident.*`. Reads `relation` once.

    `naming`: of the other columns instead, which name somebody. Where nights bring changes only, the row that
    registers a patient may have come earlier or come later.
    """
    registering = _registering(source, naming)
    hidden = (
        [] if naming else [n for n, c in source.declared.items() if c.identifier in _HIDDEN_KINDS and n in file.raw]
    )
    names = [n for n in _named(source) if n in hidden]
    if not registering and not names:
        return
    picked = {n: f"omop_blank({raw_sql(source, file, n)})" for n in dict.fromkeys([*registering, *hidden])}
    select = ", ".join(f"{sql} as {quote(n)}" for n, sql in picked.items())
    con.execute(f"create or replace table ident.seen as select {select} from {relation} r")
    for name, namespace in registering.items():
        _hand_out(con, keys, name, namespace, hidden if namespace == "person" else [], naming=naming)
    if names:
        _collect_names(con, names)
    con.execute("drop table ident.seen")


def _collect_names(con: DuckDBPyConnection, names: list[str]) -> None:
    """Keep the names of `ident.seen`; of several columns also each two together, which may be a name's parts."""
    pairs = [f"{quote(a)} || ' ' || {quote(b)}" for a, b in combinations(names, 2)]
    listed = ", ".join([*map(quote, names), *pairs])
    con.execute(f"insert into ident.name select distinct replace(unnest([{listed}]), chr(10), ' ') from ident.seen")


def _hand_out(
    con: DuckDBPyConnection, keys: KeyStore, name: str, namespace: Namespace, hidden: list[str], *, naming: bool
) -> None:
    """Ids for the values of one column of `ident.seen`; `hidden` are the columns whose texts belong to the person."""
    texts = ", ".join(map(quote, [name, *hidden]))
    new = f"{quote(name)} is not null and {quote(name)} not in (select raw from ident.{namespace})"
    # lists that grow by groups are held in memory as a whole; where nobody has two rows there is nothing to group
    twice = one_number(con, f"select count(*) - count(distinct {quote(name)}) from ident.seen where {new}")
    own = f"flatten(list([{texts}]))" if twice else f"[{texts}]"
    con.execute(
        f"create or replace table ident.new as select {quote(name)} as raw, "
        f"list_filter(list_distinct({own}), lambda x: length(x) >= {_SHORTEST_OWN}) as hide from ident.seen "
        f"where {new} {'group by 1' if twice else ''}"
    )
    values = con.execute("select raw from ident.new").to_arrow_table()["raw"].combine_chunks()
    con.register("given", keys.register(namespace, values, naming=naming).select(["id"]))
    con.register("waiting", pa.table({"id": keys.waiting()}))
    con.execute(
        f"insert into ident.{namespace} select raw, id, hide, id not in (from waiting) "
        "from ident.new positional join given"
    )
    con.unregister("given")
    con.unregister("waiting")
    if namespace == "person":
        odd = con.execute(f"select raw from ident.new where not regexp_full_match(raw, {literal(_PLAIN)})").fetchall()
        keys.vault.add_plain_numbers(map(plain_number, folded([str(raw) for (raw,) in odd])))
    con.execute("drop table ident.new")


def seal(con: DuckDBPyConnection) -> None:
    """Close the look-up tables after the last registration: a macro per namespace finds ids in them."""
    for namespace in NAMESPACES:
        define(con, namespace)


def id_sql(namespace: Namespace, raw: str) -> str:
    """SQL of the id of a raw value: NULL when there is none, 0 when nobody is registered under it."""
    return f"omop_id_{namespace}(omop_blank({raw}))"


def _scrubbed(sql: str, hide: str | None) -> str:
    """SQL that blanks out of a text what identifies anybody and, given their list, the row's person's own texts."""
    if hide:
        sql = f"list_reduce(coalesce({hide}, []), lambda a, x: replace(a, x, {literal(HIDDEN)}), {sql})"
    return f"case when regexp_full_match({sql}, {literal(_VALUE)}) then {sql} else {FUNCTION}({sql}) end"


def _free_text(raw: str, *, of_person: bool) -> str:
    """SQL of a free text as it lands; one of nobody, or of nobody known, may name anybody and is blanked as a whole."""
    if not of_person:
        return _scrubbed(raw, None)
    whole = f"case when {raw} is not null then {literal(HIDDEN)} end"
    return f"case when h.known is not true then {whole} else {_scrubbed(raw, 'h.hide')} end"


def landing_query(source: Source, file: SourceFile, relation: str) -> str:
    """SQL of the rows as they land: contract columns only, identifiers replaced, everything else text.

    Rows keep the order of the file, or carry their position in it as `_row` (see `numbers_its_rows`).
    """
    columns = source.declared
    numbered = numbers_its_rows(source)
    select = ["_row"] if numbered else []
    join = ""
    for name, column in columns.items():
        raw = raw_sql(source, file, name)
        namespace = namespace_of(column)
        if namespace:
            target = name if namespace == "person" else f"{name}__id"
            select.append(f"{id_sql(namespace, raw)} as {quote(target)}")
        if namespace == "person" and numbered:
            join = f"left join ident.person h on h.raw = omop_blank({raw})"
        if column.identifier is None:
            text = _free_text(raw, of_person=numbered) if column.scrub else raw
            select.append(f"{text} as {quote(name)}")
    rows = f"(select *, row_number() over () - 1 as _row from {relation})" if numbered else relation
    return f"select {', '.join(select)} from {rows} r {join}"
