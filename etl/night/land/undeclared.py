"""Looks for patients' record numbers in columns of which the contract says nothing: they would land as they are.

Values that are all digits are compared without leading zeros. What is shorter than a record number, or is a day such as
20260701, says nothing: amounts, counts and days would be found among the numbers of any large hospital. Of a large file
a sample is looked at where it is filled (see `sample`).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.engine import rows_in
from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.night.land.contract import SourceFile
from etl.sql import literal, quote

_SHORTEST = 5
_LONG_NAME = "(length({0}) >= 3 and strlen({0}) >= 9)"  # three syllables; what is shorter may be a word
_FEW = 3  # so many different values may be there by chance
_DAY = "(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"


def create_numbers(con: DuckDBPyConnection) -> None:
    """Make the table `ident.number`(number, is_name) of what a column may not hold, once everybody is registered."""
    con.execute(
        f"create table ident.number as select distinct {_plain('raw')} as number, false as is_name from ident.person "
        f"where length(raw) >= {_SHORTEST} "
        f"union select name, true from ident.name where {_LONG_NAME.format('name')}"
    )


def check_undeclared(
    con: DuckDBPyConnection, name: str, source: Source, file: SourceFile, share: float, columns: list[str],
    landed: Path, poor: Collection[str],
) -> None:  # fmt: skip
    """InputError when of a plain column's different values in `sample` more than `share` are people's record numbers or
    names. `columns` are those of the sample; of these, the `poor` are looked at in the whole file that `landed`.
    """
    asked = [c for c in columns if source.declared[c].entity is None]  # an entity's keys may be like people's numbers
    if not asked or share >= 1:
        return
    sampled = ", ".join(f"({n}, {literal(c)})" for n, c in enumerate(columns) if c in asked and c not in poor)
    given = [f"select name, value from sample join (values {sampled}) v(n, name) using (n)"] if sampled else []
    given += [
        f"select {literal(c)}, value from (select distinct omop_blank({quote(c)}) as value from {rows_in(landed)})"
        for c in asked
        if c in poor
    ]
    found = con.execute(
        f"""
        with given as (
          select * from ({" union all ".join(given)})
          where (length(value) >= {_SHORTEST} or {_LONG_NAME.format("value")})
            and not regexp_full_match(value, {literal(_DAY)}))
        select name, count(*) as values, count(number) as numbers, coalesce(bool_and(is_name), false)
        from given left join ident.number on number = {_plain("value")}
        group by name having numbers >= {_FEW} and numbers > {share} * count(*) order by name
        """
    ).fetchall()
    if not found:
        return
    column, values, numbers, are_names = found[0]
    others = f"; so do {', '.join(other for other, *_ in found[1:])}" if found[1:] else ""
    what, kind = ("names of people", "name") if are_names else ("record numbers of patients", "person")
    raise InputError(
        f"{file.name}: column '{column}' holds {what} ({numbers:,} of {values:,} different values "
        f"looked at), and the contract does not say so{others}",
        hint=f"in sources.{name}.columns.{column} say `identifier: {kind}` if they are whose rows these are, "
        "`identifier: other` if nobody needs them; if they are something else: `not_a_person: why`",
    )


def _plain(text: str) -> str:
    """SQL of a number without leading zeros; any other text as it is."""
    return f"case when regexp_full_match({text}, '[0-9]+') then ltrim({text}, '0') else {text} end"
