"""Replaces direct identifiers while rows land: record numbers become ids, free text is blanked.

What a value becomes is looked up in tables that live in memory only (`ident.*`), made from the sources that register
people, staff, departments and places.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.cdm.namespaces import Namespace
from etl.engine import one_number
from etl.mapping.compile.texts import without
from etl.mapping.expression import render
from etl.mapping.language.contract import Computed, Source
from etl.mapping.language.landed import namespace_of, numbers_its_rows
from etl.night.land.contract import SourceFile
from etl.sql import literal, quote
from etl.store.keys.keystore import KeyStore

HIDDEN = "***"


# resident registration numbers and Korean telephone numbers, as they hide in free text
_PATTERNS = (r"[0-9]{6}[- ]?[0-9][0-9]{6}", r"0[0-9]{1,2}[-. ]?[0-9]{3,4}[-. ]?[0-9]{4}")
_HIDDEN_KINDS = ("name", "rrn", "phone", "address")
NAMESPACES: tuple[Namespace, ...] = ("person", "provider", "care_site", "location")


def create_tables(con: DuckDBPyConnection) -> None:
    """Empty look-up tables in memory: `raw` identifier, `id`, and for persons the texts to hide."""
    con.execute("attach ':memory:' as ident")
    for name in NAMESPACES:
        con.execute(f"create table ident.{name} (raw varchar, id bigint, hide varchar[])")


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
    return without(f"r.{quote(file.raw[name])}", source.reading(name).null)


def register(
    con: DuckDBPyConnection, keys: KeyStore, source: Source, file: SourceFile, relation: str, *, naming: bool = False
) -> None:
    """Hand out ids for every value of the file's registering columns; fills `ident.*`. Reads `relation` once.

    `naming`: of the other columns instead, which name somebody. Where nights bring changes only, the row that
    registers a patient may have come earlier or come later.
    """
    columns = source.declared
    registering = {n: ns for n, c in columns.items() if c.registers is not naming and (ns := namespace_of(c))}
    if not registering:
        return
    hidden = [] if naming else [n for n, c in columns.items() if c.identifier in _HIDDEN_KINDS and n in file.raw]
    picked = {n: f"omop_blank({raw_sql(source, file, n)})" for n in dict.fromkeys([*registering, *hidden])}
    select = ", ".join(f"{sql} as {quote(n)}" for n, sql in picked.items())
    con.execute(f"create or replace table ident.seen as select {select} from {relation} r")
    for name, namespace in registering.items():
        _hand_out(con, keys, name, namespace, hidden if namespace == "person" else [])
    con.execute("drop table ident.seen")


def _hand_out(con: DuckDBPyConnection, keys: KeyStore, name: str, namespace: Namespace, hidden: list[str]) -> None:
    """Ids for the values of one column of `ident.seen`; `hidden` are the columns whose texts belong to the person."""
    texts = ", ".join(map(quote, [name, *hidden]))
    con.execute(
        f"create or replace table ident.new as select {quote(name)} as raw, "
        f"list_filter(list_distinct(flatten(list([{texts}]))), lambda x: length(x) >= 2) as hide from ident.seen "
        f"where {quote(name)} is not null and {quote(name)} not in (select raw from ident.{namespace}) group by 1"
    )
    values = [str(raw) for (raw,) in con.execute("select raw from ident.new").fetchall()]
    con.register("given", keys.register(namespace, values))
    con.execute(f"insert into ident.{namespace} select raw, id, hide from ident.new join given using (raw)")
    con.unregister("given")
    con.execute("drop table ident.new")


def seal(con: DuckDBPyConnection, number: int) -> None:
    """Close the look-up tables after the last registration: an enumeration per namespace, in the order of the ids.

    A text cast to the enumeration gives its id's n - 1. Unlike a join this keeps the rows in the order of the file,
    which is how a landed row leads back to its line. Numbers that nobody has in this delivery hold a text that no
    identifier can be, because it begins with a blank.
    """
    base = number << 24
    for namespace in NAMESPACES:
        largest = one_number(con, f"select max(id) - {base} from ident.{namespace}")
        con.execute(
            f"create type ident.main.{namespace}_text as enum (select coalesce(raw, ' ' || n) "
            f"from range(1, {largest + 2}) r(n) left join ident.{namespace} on id = {base} + n order by n)"
        )


def id_sql(namespace: Namespace, number: int, raw: str) -> str:
    """SQL of the id of a raw value: NULL when there is none, 0 when nobody is registered under it."""
    code = f"enum_code(try_cast(omop_blank({raw}) as ident.main.{namespace}_text))"
    return f"case when omop_blank({raw}) is not null then coalesce({number << 24} + 1 + {code}::bigint, 0) end"


def scrubbed(sql: str, hide: str | None) -> str:
    """SQL that blanks out of a text the patterns of identifiers and, given their list, the row's person's own."""
    for pattern in _PATTERNS:
        sql = f"regexp_replace({sql}, {literal(pattern)}, {literal(HIDDEN)}, 'g')"
    if hide:
        sql = f"list_reduce(coalesce({hide}, []), lambda a, x: replace(a, x, {literal(HIDDEN)}), {sql})"
    return sql


def _free_text(raw: str, *, of_person: bool) -> str:
    """SQL of a free text as it lands; one of nobody, or of nobody known, may name anybody and is blanked as a whole."""
    if not of_person:
        return scrubbed(raw, None)
    whole = f"case when {raw} is not null then {literal(HIDDEN)} end"
    return f"case when h.raw is null then {whole} else {scrubbed(raw, 'h.hide')} end"


def landing_query(source: Source, number: int, file: SourceFile, relation: str) -> str:
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
            select.append(f"{id_sql(namespace, number, raw)} as {quote(target)}")
        if namespace == "person" and numbered:
            join = f"left join ident.person h on h.raw = omop_blank({raw})"
        if column.identifier is None:
            text = _free_text(raw, of_person=numbered) if column.scrub else raw
            select.append(f"{text} as {quote(name)}")
    rows = f"(select *, row_number() over () - 1 as _row from {relation})" if numbered else relation
    return f"select {', '.join(select)} from {rows} r {join}"
