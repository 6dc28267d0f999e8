"""Replaces direct identifiers while rows land: record numbers become ids, free text is blanked.

What a value becomes is looked up in tables that live in memory only (`ident.*`), made from the sources that register
people, staff, departments and places.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.deidentify.keystore import KeyStore, Namespace
from etl.land.contract import SourceFile
from etl.mapping.expression import literal, quote, render
from etl.mapping.model import Column, Computed, Source

HIDDEN = "***"
# resident registration numbers and Korean telephone numbers, as they hide in free text
_PATTERNS = (r"[0-9]{6}[- ]?[0-9][0-9]{6}", r"0[0-9]{1,2}[-. ]?[0-9]{3,4}[-. ]?[0-9]{4}")
NAMESPACES: tuple[Namespace, ...] = ("person", "provider", "care_site", "location")


def create_tables(con: DuckDBPyConnection) -> None:
    """Empty look-up tables in memory: `raw` identifier, `id`, and for persons the texts to hide."""
    con.execute("attach ':memory:' as ident")
    for name in NAMESPACES:
        con.execute(f"create table ident.{name} (raw varchar, id bigint, hide varchar[])")


def namespace_of(column: Column) -> Namespace | None:
    """Which ids a column's values get."""
    return "person" if column.identifier == "person" else column.entity


def declared(source: Source) -> dict[str, Column]:
    """All columns of a contract by name, computed ones included."""
    return {n: c or Column() for n, c in source.columns.items()} | dict(source.computed)


def raw_sql(source: Source, file: SourceFile, name: str) -> str:
    """SQL of a contract column over the raw file; NULL where the file does not have it."""
    column = declared(source)[name]
    if isinstance(column, Computed):
        return f"({render(column.sql, source.columns, {c: _file_column(file, c) for c in source.columns})})::varchar"
    return _file_column(file, name)


def _file_column(file: SourceFile, name: str) -> str:
    return f"r.{quote(file.raw[name])}" if name in file.raw else "null::varchar"


def register(con: DuckDBPyConnection, keys: KeyStore, source: Source, file: SourceFile, relation: str) -> None:
    """Hand out ids for every value of the file's registering columns; fills `ident.*`. Reads `relation` once."""
    columns = declared(source)
    registering = [n for n, c in columns.items() if c.registers and namespace_of(c)]
    if not registering:
        return
    hidden = [n for n, c in columns.items() if c.identifier in ("name", "rrn", "phone", "address") and n in file.raw]
    picked = {n: f"omop_blank({raw_sql(source, file, n)})" for n in dict.fromkeys([*registering, *hidden])}
    select = ", ".join(f"{sql} as {quote(n)}" for n, sql in picked.items())
    con.execute(f"create or replace table ident.seen as select {select} from {relation} r")
    for name in registering:
        namespace = namespace_of(columns[name])
        assert namespace is not None
        hide = ", ".join([quote(name), *map(quote, hidden)]) if namespace == "person" else ""
        con.execute(
            f"create or replace table ident.new as select {quote(name)} as raw, "
            f"list_filter(list_distinct(flatten(list([{hide}]))), x -> length(x) >= 2) as hide from ident.seen "
            f"where {quote(name)} is not null and {quote(name)} not in (select raw from ident.{namespace}) group by all"
            if hide
            else f"create or replace table ident.new as select distinct {quote(name)} as raw, null::varchar[] as hide "
            f"from ident.seen where {quote(name)} is not null "
            f"and {quote(name)} not in (select raw from ident.{namespace})"
        )
        values = [str(raw) for (raw,) in con.execute("select raw from ident.new").fetchall()]
        given = keys.register(namespace, values)
        con.register("given", given)
        con.execute(f"insert into ident.{namespace} select raw, id, hide from ident.new join given using (raw)")
        con.unregister("given")
    con.execute("drop table ident.seen; drop table ident.new")


def scrubbed(sql: str, hide: str | None) -> str:
    """SQL that blanks out of a text the patterns of identifiers and, given their list, the row's person's own."""
    for pattern in _PATTERNS:
        sql = f"regexp_replace({sql}, {literal(pattern)}, {literal(HIDDEN)}, 'g')"
    if hide:
        sql = f"list_reduce(coalesce({hide}, []), lambda a, x: replace(a, x, {literal(HIDDEN)}), {sql})"
    return sql


def landing_query(source: Source, file: SourceFile, relation: str) -> str:
    """SQL of the rows as they land: contract columns only, identifiers replaced, everything else text.

    A person or entity column holds an id: NULL when the source has no value, 0 when nobody is registered under it.
    """
    columns = declared(source)
    select: list[str] = []
    joins: list[str] = []
    person = next((n for n, c in columns.items() if c.identifier == "person"), None)
    for i, (name, column) in enumerate(columns.items()):
        raw = raw_sql(source, file, name)
        namespace = namespace_of(column)
        if namespace:
            alias = f"k{i}"
            joins.append(f"left join ident.{namespace} {alias} on {alias}.raw = omop_blank({raw})")
            target = name if namespace == "person" else f"{name}__id"
            select.append(
                f"case when omop_blank({raw}) is not null then coalesce({alias}.id, 0) end as {quote(target)}"
            )
        if column.identifier is None:
            hide = f"k{list(columns).index(person)}.hide" if person else None
            select.append(f"{scrubbed(raw, hide) if column.scrub else raw} as {quote(name)}")
    return f"select {', '.join(select)} from {relation} r {' '.join(joins)}"
