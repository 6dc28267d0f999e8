"""Variables and long tables of the rows that were found: what is missing stays missing."""

from __future__ import annotations

from collections.abc import Mapping

from duckdb import DuckDBPyConnection

from etl.research.datasets.definition import KEYS, Dataset, basics, categories, values_of
from etl.research.datasets.series import MEMBERS, Asked, seen, series_of, series_of_category
from etl.research.datasets.words import Long, Variable
from etl.sql import quote

WIDE = "wide"
#: SQL of what is taken of `rows`. Of rows of one day the later one is the last, of one moment that of the higher key;
#: a mean is added up in one order, as sums of floating numbers depend on it.
_TAKES = {
    "last": "arg_max(value, row(day, moment, key)) {rows}",
    "first": "arg_min(value, row(day, moment, key)) {rows}",
    "min": "min(value) {rows}",
    "max": "max(value) {rows}",
    "mean": "avg(value order by day, moment, key) {rows}",
    "count": "count(*) {rows}",
    "any": "count(*) {rows} > 0",
    "days_to": "min(delta) {rows}",
}


def make_wide(con: DuckDBPyConnection, dataset: Dataset, wanted: Asked) -> None:
    """Make the temporary table `wide`: keys and variables, a row a member, in the order of the members."""
    joins = [_basics(dataset)]
    for table in wanted.tables:
        columns = _aggregates(dataset, wanted, table)
        if columns:
            made = ", ".join(f"{sql} as {quote(name)}" for name, sql in columns.items())
            con.execute(
                f"create or replace temp table {_of(table)} as select number, {made} from {seen(table)} group by number"
            )
            joins.append(f"left join {_of(table)} on {_of(table)}.number = m.number")
    for variable in dataset.said.variables:
        if variable.take == "days_exposed":
            con.execute(f"create or replace temp table {_own(variable)} as {_exposed(variable, wanted)}")
            joins.append(f"left join {_own(variable)} on {_own(variable)}.number = m.number")
    keys = ", ".join(f"m.{quote(name)}" for name in KEYS)
    columns_of = "".join(f", {_column(each)} as {quote(each.name)}" for each in dataset.said.variables)
    con.execute(
        f"create or replace temp table {WIDE} as select {keys}{columns_of} from {MEMBERS} m {' '.join(joins)} "
        "order by m.number"
    )


def long_rows(said: Long, wanted: Asked) -> str:
    """SQL of a long table in its order."""
    value = type_of(said)
    columns = f", value::{value} as value" if value else ""
    unit = f", {said.unit or 'unit'}::bigint as unit_concept_id" if value == "double" else ""
    return (
        f"select m.person_id, m.episode, delta::integer as days, day, concept::bigint as concept_id{columns}{unit}, "
        f"key::bigint as {quote(f'{said.table}_id')} from {seen(said.table or '')} join {MEMBERS} m using (number) "
        f"where series = {wanted.number(series_of(said)):d} and {said.window('delta')} "
        "order by m.number, day, moment, key"
    )


def type_of(said: Variable | Long) -> str | None:
    """The SQL type of a variable, or of a long table's values; None: it has none."""
    if isinstance(said, Variable):
        if said.is_:
            return str(basics()["variables"][said.is_]["type"])
        if said.index or said.take in ("count", "days_to", "days_exposed"):
            return "integer"
        if said.take == "any":
            return "boolean"
    if said.value is None:
        return None
    is_concept = said.value.endswith("_concept_id")
    whole = values_of(said.table or "")[said.value].duckdb_type == "INTEGER"
    is_mean = isinstance(said, Variable) and said.take == "mean"
    return "bigint" if is_concept else "integer" if whole and not is_mean else "double"


def _of(table: str) -> str:
    return quote(f"of_{table}")


def _own(variable: Variable) -> str:
    return quote(f"own_{variable.name}")


def _table(variable: Variable) -> str:
    """The table of the CDM that a variable is taken of."""
    return (series_of_category(categories()[0]).table if variable.index else variable.table) or ""


def _basics(dataset: Dataset) -> str:
    """SQL that joins the members with the rows that variables of `is` are of."""
    used = [basics()["variables"][each.is_].get("of") for each in dataset.said.variables if each.is_]
    return " ".join(basics()["rows"][name]["sql"] for name in dict.fromkeys(used) if name)


def _column(variable: Variable) -> str:
    """SQL of a variable where everything is joined."""
    kind = type_of(variable)
    if variable.is_:
        return f"({basics()['variables'][variable.is_]['sql']})::{kind}"
    if variable.take == "days_exposed":
        return f"coalesce({_own(variable)}.days, 0)::{kind}"
    found = f"{_of(_table(variable))}.{quote(variable.name)}"
    if variable.never_missing:
        found = f"coalesce({found}, {'false' if kind == 'boolean' else '0'})"
    return f"{found}::{kind}"


def _aggregates(dataset: Dataset, wanted: Asked, table: str) -> Mapping[str, str]:
    """SQL of the variables that are taken of a table, by name."""
    found = {}
    for variable in dataset.said.variables:
        if variable.is_ or variable.take == "days_exposed" or _table(variable) != table:
            continue
        found[variable.name] = _score(variable, wanted) if variable.index else _taken(variable, wanted)
    return found


def _taken(variable: Variable, wanted: Asked) -> str:
    rows = f"filter (where series = {wanted.number(series_of(variable)):d} and {variable.window('delta')})"
    return _TAKES[variable.take or "count"].format(rows=rows)


def _score(variable: Variable, wanted: Asked) -> str:
    """SQL of an index: the weights of the categories that were seen, and of no milder one beside its worse."""
    has = {
        each.name: f"(count(*) filter (where series = {wanted.number(series_of_category(each)):d} "
        f"and {variable.window('delta')}) > 0)"
        for each in categories()
    }
    parts = []
    for each in categories():
        beside = f" and not {has[each.worse]}" if each.worse else ""
        parts.append(f"case when {has[each.name]}{beside} then {each.weight:d} else 0 end")
    return " + ".join(parts)


def _exposed(variable: Variable, wanted: Asked) -> str:
    """SQL of the days of a window that exposures cover; a day that several cover counts once.

    Exposures are those that begin in the window, as everywhere; their days after it do not count.
    """
    last = variable.within[1]
    ends = "last - m.index_date" if last is None else f"least(last - m.index_date, {last:d})"
    return (
        "select number, sum(greatest(till - greatest(delta, coalesce(covered, delta - 1) + 1) + 1, 0)) as days from ("
        "select *, max(till) over (partition by number order by delta, till, key rows between unbounded preceding and "
        "1 preceding) as covered from (select number, delta, key, "
        f"greatest({ends}, delta) as till from {seen(variable.table or '')} join {MEMBERS} m using (number) "
        f"where series = {wanted.number(series_of(variable)):d} and {variable.window('delta')})) group by number"
    )
