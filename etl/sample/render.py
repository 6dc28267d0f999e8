"""Rendering: simulated tables to the lines of a hospital's files, in DuckDB, after the layout's expressions."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from etl.sample.catalogue import Catalogue
from etl.sample.dialect import Dialect, FileLayout, Part
from etl.sql import literal

#: A number with as many decimals as its test has, and the ways results are really written.
_RESULT_MACROS = """
create macro plain(value, decimals) as case decimals
    when 0 then round(value)::bigint::varchar
    when 1 then value::decimal(14, 1)::varchar
    when 2 then value::decimal(14, 2)::varchar
    else value::decimal(14, 3)::varchar end;
create macro result(value, decimals, word, form) as case
    when word is not null then word
    when form = 1 then '<' || plain(value, decimals)
    when form = 2 then '>' || plain(value, decimals)
    when form = 3 then format('{:,}', round(value)::bigint)
    when form = 4 then translate(plain(value, decimals), '0123456789.', '０１２３４５６７８９．')
    else plain(value, decimals) end;
create macro yn(flag) as case when flag then 'Y' else 'N' end;
create macro visit_id(visit_no) as 'A' || visit_no;
"""


def _date_macros(dialect: Dialect) -> str:
    made = [f"create macro hospital_code() as {literal(str(900 + dialect.number))}"]
    for name in ("day", "clock", "stamp"):
        pattern = dialect.dates[name]
        slipped = pattern.replace("%m", "02").replace("%d", "30")
        plain = f"strftime(moment::timestamp, {literal(pattern)})"
        rare, usual = (literal(dialect.dates[end]) for end in ("open_end_rare", "open_end"))
        open_end = f"case when rare then {rare} else {usual} end"
        made += [
            f"create macro {name}(moment) as {plain}",
            f"create macro slip_{name}(moment, slip) as "
            f"case when slip then strftime(moment::timestamp, {literal(slipped)}) else {plain} end",
            f"create macro open_{name}(moment, rare) as case when moment is null then {open_end} else {plain} end",
        ]
    return ";\n".join(made)


def _code_macros(dialect: Dialect) -> str:
    made = []
    for name, codes in dialect.code_lists.items():
        cases = " ".join(f"when {literal(key)} then {literal(code)}" for key, code in codes.items())
        made.append(f"create macro code_{name}(value) as case value {cases} end")
    return ";\n".join(made)


def _text_macro(dialect: Dialect) -> str:
    """Quote as RFC 4180 asks, only where a text holds the delimiter or a quote; Parquet needs none."""
    if dialect.format == "parquet":
        return "create macro text(value) as value"
    needs = f"contains(value, {literal(dialect.delimiter)}) or contains(value, '\"')"
    within = """'"' || replace(value, '"', '""') || '"'"""
    return f"create macro text(value) as case when {needs} then {within} else value end"


def _vital_items(cat: Catalogue) -> str:
    """Vital signs in long form, one row for each reading that was taken."""
    items = ", ".join(
        f"{{item: {literal(row['key'])}, name_ko: {literal(row['name_ko'])}, unit: {literal(row['unit'])}, "
        f"reading: plain({row['key']}, {int(row['decimals'])})}}"
        for row in cat.vitals
    )
    return (
        "select mrn, visit_no, kind, noted_at, slip, each.item, each.name_ko, each.unit, each.reading "
        f"from (select *, unnest([{items}]) as each from vital) where each.reading is not null"
    )


#: One row for each specimen, of the results it was drawn for the one that sorts first.
_SPECIMENS = """
select * exclude (value, decimals, word, form, unit, low, high, remark) from lab
qualify row_number() over (partition by specimen_no order by code, mrn, visit_no) = 1 order by specimen_no
"""
#: One row for each patient and cancer (the first three letters of its code): when it was first the main diagnosis. A
#: registry knows its patients: a row of nobody would weigh more here than among the diagnoses, where a cancer has many.
_CANCERS = """
select * from diagnosis where starts_with(trim(code), 'C') and main and not ruleout and not slip
  and mrn in (select mrn from person)
qualify row_number() over (partition by mrn, left(trim(code), 3) order by noted_at, visit_no, code) = 1
order by noted_at, mrn, code
"""


class Renderer:
    """Renders a hospital's tables into its files. One DuckDB in memory; row order is kept."""

    def __init__(self, dialect: Dialect, cat: Catalogue) -> None:
        self.dialect = dialect
        self._items = _vital_items(cat)
        self._db = duckdb.connect()
        self._db.execute("set timezone = 'UTC'")
        self._db.execute(_RESULT_MACROS)
        for macros in (_date_macros(dialect), _code_macros(dialect), _text_macro(dialect)):
            self._db.execute(macros)

    def __enter__(self) -> Renderer:
        """Use as a context manager: the database closes at the end."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the database."""
        self._db.close()

    def offer(self, tables: dict[str, pa.Table]) -> None:
        """Put tables in reach of the layouts, in place of those of the same names."""
        for name, table in tables.items():
            self._db.register(name, table)
        if "vital" in tables:
            self._db.execute(f"create or replace temp view vital_item as {self._items}")
            self._db.execute(f"create or replace temp view specimen as {_SPECIMENS}")
            self._db.execute(f"create or replace temp view cancer as {_CANCERS}")

    def lines(self, file: FileLayout, part: Part) -> pa.ChunkedArray[Any]:
        """The rows of one part of a delimited file, each a whole line with its line end."""
        fields = [
            f"coalesce(({part.columns[name]})::varchar, '')" if name in part.columns else "''" for name in file.header
        ]
        line = f"concat_ws({literal(self.dialect.delimiter)}, {', '.join(fields)}) || {literal(self.dialect.line_end)}"
        return self._select(f"{line} as line", part)["line"]

    def rows(self, file: FileLayout, part: Part) -> pa.Table:
        """The rows of one part of a Parquet file, every column text."""
        fields = [f'({part.columns.get(name, "null")})::varchar as "{name}"' for name in file.header]
        return self._select(", ".join(fields), part)

    def _select(self, columns: str, part: Part) -> pa.Table:
        return self._db.execute(f"select {columns} from {part.table} where {part.where}").to_arrow_table()
