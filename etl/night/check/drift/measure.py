"""Measures what the tables of a gate are like, as mixes; of a large table on a sample, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, Table, tables
from etl.engine import one_number
from etl.mapping.language.contract import Source
from etl.mapping.language.landed import landed_columns_sql, person_columns
from etl.mapping.language.mapping import HospitalMapping
from etl.night.check.drift.mixes import RARE, Key, Mix
from etl.sql import literal, quote

_LEAST = 5  # rows of an item below which it is not told apart from others
_CODES = 300  # items of one column that are told apart
_LONGEST = 24  # letters of a form
_GROUPED = {("measurement", "value_as_number"): "measurement_concept_id"}  # of each of these its own scale
_PAIRS = {
    "visit_occurrence": ("visit_start_date", "visit_end_date"),
    "visit_detail": ("visit_detail_start_date", "visit_detail_end_date"),
    "drug_exposure": ("drug_exposure_start_date", "drug_exposure_end_date"),
}
#: Tables that are worked out from others: what is wrong with them is wrong there.
DERIVED = ("observation_period", "condition_era", "drug_era", "dose_era", "metadata", "cdm_source")

_FORM = "v"
for _letters, _sign in (("[0-9]+", "9"), ("[A-Za-z]+", "A"), ("[가-힣ㄱ-ㅎㅏ-ㅣ]+", "가"), ("[^ -~가]+", "?")):
    _FORM = f"regexp_replace({_FORM}, {literal(_letters)}, {literal(_sign)}, 'g')"
_FORM = f"left({_FORM}, {_LONGEST})"
_MOMENT = r"[0-9]{4}[-/.]?[0-9]{2}[-/.]?[0-9]{2}[ T]?[0-9]{2}:?[0-9]{2}(:?[0-9]{2})?"
_DAY = r"(1[89]|2[0-9]|99)[0-9]{2}[-/.]?(0[1-9]|1[0-2])[-/.]?[0-3][0-9].*"
_ZERO = r".*[ T]?00:?00(:?00)?"
_SCALE = "case when {n} = 0 then '0' when {n} < 0 then '-' else round(20 * log10({n}))::integer::varchar end"


def measure_sources(
    con: DuckDBPyConnection, mapping: HospitalMapping, there: Iterable[str], rows: int
) -> dict[Key, Mix]:
    """Figures of the landed tables `there`, views of `con`, on some `rows` of each."""
    found: dict[Key, Mix] = {}
    for name in sorted(there):
        _add(found, Key(name, "", "rows"), "rows", one_number(con, f"select count(*) from {quote(name)}"))
        _measure_source(con, name, mapping.sources[name], rows, found)
    return found


def measure_cdm(con: DuckDBPyConnection, counted: Mapping[str, int], rows: int) -> dict[Key, Mix]:
    """Figures of the tables of the candidate, views of `con`, on some `rows` of each; `counted`: all rows by table."""
    found: dict[Key, Mix] = {}
    for name, table in tables().items():
        if table.schema == "cdm" and name not in DERIVED:
            if counted.get(name):
                _add(found, Key(name, "", "rows"), "rows", counted[name])
            if one_number(con, f"select count(*) from (from {quote(name)} limit 1)"):
                _measure_table(con, table, rows, found)
    return found


def _measure_source(con: DuckDBPyConnection, name: str, source: Source, rows: int, found: dict[Key, Mix]) -> None:
    kinds = landed_columns_sql(source)
    texts = [c for c, kind in kinds.items() if kind == "varchar" and not source.declared[c].scrub]
    free = [c for c in kinds if c not in texts and kinds[c] == "varchar"]  # only whether there is any text
    ids = [c for c, kind in kinds.items() if kind == "bigint"]
    drawn = [*map(quote, [*texts, *ids]), *(f"left(omop_blank({quote(c)}), 1) as {quote(c)}" for c in free)]
    con.execute(f"create or replace table drawn as select {', '.join(drawn)} from {_sample(con, name, '_row', rows)}")
    given_if = {**{c: f"omop_blank({quote(c)})" for c in [*texts, *free]}, **{c: f"nullif({quote(c)}, 0)" for c in ids}}
    persons = person_columns(source)
    for column, given, total in _filled(con, "drawn", given_if):
        kind = "known" if column in persons else "filled"
        _fill(found, Key(name, column.removesuffix("__id"), kind), given, total)
    if not texts:
        return
    con.execute(
        "create or replace table long as select c, v, count(*) as n from "
        f"(unpivot (select {', '.join(map(quote, texts))} from drawn) on * into name c value v) "
        "where omop_blank(v) is not null group by all"
    )
    number = "omop_try_number(v)"
    steps = _SCALE.format(n=number)
    midnight = f"case when regexp_full_match(v, {literal(_ZERO)}) then 'midnight' else 'other' end"
    moment = f"length(v) >= 12 and regexp_full_match(v, {literal(_MOMENT)})"
    items = {
        "forms": f"select c, {_FORM} as i, n from long",
        "codes": "select c, left(md5(v), 10) as i, n from long",
        "numbers": f"select c, {steps} as i, n from long where {number} is not null and length(v) < 8",
        "midnight": f"select c, {midnight} as i, n from long where {moment}",
        "years": f"select c, left(v, 4) as i, n from long where regexp_full_match(v, {literal(_DAY)})",
    }
    for kind, query in items.items():
        for column, item, count in con.execute(_common(query)).fetchall():
            _add(found, Key(name, column, kind), item, count)
    _without_scattered(found, name)
    con.execute("drop table long; drop table drawn")


def _common(query: str) -> str:
    """Items by column with their rows; those of few rows, and beyond the most frequent, are one: `others`."""
    return (
        f"select c, case when n >= {_LEAST} and place <= {_CODES} then i else {literal(RARE)} end, sum(n)::bigint "
        "from (select *, row_number() over (partition by c order by n desc, i) as place from "
        f"(select c, i, sum(n) as n from ({query}) group by all)) group by all order by all"
    )


def _without_scattered(found: dict[Key, Mix], name: str) -> None:
    """Forget codes of columns that hold hardly any: days and moments, numbers, texts. What holds codes has no years."""
    for key in [k for k in found if k.table == name and k.kind == "codes"]:
        rows, days = sum(found[key].values()), sum(found.get(Key(name, key.column, "years"), {}).values())
        if found[key].get(RARE, 0) * 3 > rows or days * 2 > rows:
            del found[key]
        else:
            found.pop(Key(name, key.column, "years"), None)


def _measure_table(con: DuckDBPyConnection, table: Table, rows: int, found: dict[Key, Mix]) -> None:
    key = table.id_column or table.columns[0]
    con.execute(f"create or replace table drawn as from {_sample(con, table.name, key, rows)}")
    optional = {f.name: quote(f.name) for f in table.fields if not f.required and not f.primary_key}
    for column, given, total in _filled(con, "drawn", optional):
        if given:
            _fill(found, Key(table.name, column, "filled"), given, total)
    for kind, column, group, item, count in con.execute(
        " union all ".join(_of_fields(table)) + " order by all"
    ).fetchall():
        _add(found, Key(table.name, column, kind, group), item, count)
    con.execute("drop table drawn")


def _of_fields(table: Table) -> Iterator[str]:
    """Selects of kind, column, group, item and rows of `drawn`."""
    yield _mix("", "", "''", "''", where="false")
    dates = [f for f in table.fields if f.type == "date"]
    for field in table.fields:
        column = quote(field.name)
        if field.name.endswith("concept_id") and "_type_" not in field.name:
            yield _mix("concepts", field.name, "''", f"{column}::varchar", where=f"{column} is not null")
        elif field.type == "datetime":
            midnight = f"case when {column}::time = time '00:00:00' then 'midnight' else 'other' end"
            yield _mix("midnight", field.name, "''", midnight, where=f"{column} is not null")
            yield _mix("hours", field.name, "''", f"hour({column})::varchar",
                       where=f"{column} is not null and {column}::time <> time '00:00:00'")  # fmt: skip
        elif _is_number(field):
            group = _GROUPED.get((table.name, field.name))
            yield _mix("numbers", field.name, f"coalesce({quote(group)}::varchar, '')" if group else "''",
                       _SCALE.format(n=column) if field.name != "year_of_birth" else f"({column} // 10)::varchar",
                       where=f"{column} is not null")  # fmt: skip
    for field in dates[:1]:
        column = quote(field.name)
        yield _mix("years", field.name, "''", f"year({column})::varchar", where=f"{column} is not null")
        yield _mix("weekdays", field.name, "''", f"isodow({column})::varchar", where=f"{column} is not null")
    if table.name in _PAIRS:
        start, end = map(quote, _PAIRS[table.name])
        same = f"case when {start} = {end} then 'same day' else 'other' end"
        yield _mix("same_day", _PAIRS[table.name][1], "''", same, where=f"{end} is not null")


def _mix(kind: str, column: str, group: str, item: str, *, where: str) -> str:
    return (
        f"select {literal(kind)} as kind, {literal(column)} as col, {group} as grp, {item} as item, count(*) as n "
        f"from drawn where {where} group by all having count(*) >= {_LEAST}"
    )


def _is_number(field: Field) -> bool:
    return (
        field.type in ("float", "integer") and not field.is_id and field.name not in ("month_of_birth", "day_of_birth")
    )


def _filled(con: DuckDBPyConnection, table: str, columns: Mapping[str, str]) -> list[tuple[str, int, int]]:
    """Column, rows in which it is given, all rows."""
    if not columns:
        return []
    counted = ", ".join(f"count({sql})" for sql in columns.values())
    row: Sequence[int] = con.execute(f"select count(*), {counted} from {quote(table)}").fetchone() or ()
    return [(column, given, row[0]) for column, given in zip(columns, row[1:], strict=True)]


def _fill(found: dict[Key, Mix], key: Key, given: int, total: int) -> None:
    if total:
        found[key] = {"given": given, "empty": total - given}


def _add(found: dict[Key, Mix], key: Key, item: str, count: int) -> None:
    found[key] = {**found.get(key, {}), item: count}


def _sample(con: DuckDBPyConnection, name: str, number: str, rows: int) -> str:
    """SQL of some rows of a table: all of a small one, of a large one about so many, by a digest of a number."""
    every = one_number(con, f"select count(*) from {quote(name)}") // rows
    return quote(name) + (f" where hash({quote(number)}) % {every + 1} = 0" if every else "")
