"""The SQL that lists the rows breaking an expectation: their keys, never a value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from etl.loading import load
from etl.night.check.suites import QUERY, Expectation
from etl.sql import quote


def row_query(source: Any, table: str, key: Sequence[str], expectation: Expectation, verdict: Any) -> str | None:
    """DuckDB SQL giving the `key` of each row of `table` that breaks `expectation`.

    `verdict` is Great Expectations' result, which brings the query of the expectations that judge row by row.
    None where there is no key or nothing to list, as for a number of rows.
    """
    if not key:
        return None
    query = _unexpected(table, key, expectation, verdict)
    if query is None:
        return None
    columns = ", ".join(map(quote, key))
    condition = _row_condition(source, expectation)
    only = f"\nwhere ({columns}) in (select ({columns}) from {quote(table)} where {condition})" if condition else ""
    return f"select distinct {columns} from (\n{query}\n) as unexpected{only}\norder by {columns}"


def query_of(table: str, expectation: Expectation) -> str:
    """The query of an expectation on `table`, as DuckDB runs it."""
    query = str(expectation.kwargs[QUERY]).rstrip("; \n")
    # Great Expectations calls the batch `subselect` unless the query joins.
    alias = " as subselect" if "subselect" in query else ""
    return query.format(batch=quote(table) + alias)


def _unexpected(table: str, key: Sequence[str], expectation: Expectation, verdict: Any) -> str | None:
    kwargs = expectation.kwargs
    if QUERY in kwargs:
        return query_of(table, expectation)
    if expectation.type == "expect_compound_columns_to_be_unique":
        ignored = kwargs.get("ignore_row_if", "all_values_are_missing")
        return _duplicates(table, key, kwargs["column_list"], ignored)
    found = (verdict.result or {}).get("unexpected_index_query")
    return None if found is None else str(found).rstrip("; \n")


def _duplicates(table: str, key: Sequence[str], columns: Sequence[str], ignored: str) -> str:
    # Great Expectations' own query for this joins every row to every duplicate.
    present = [f"{quote(c)} is not null" for c in columns]
    kept = {"all_values_are_missing": " or ".join(present), "any_value_is_missing": " and ".join(present)}
    return (
        f"select {', '.join(map(quote, key))} from {quote(table)}\nwhere {kept.get(ignored, 'true')}\n"
        f"qualify count(*) over (partition by {', '.join(map(quote, columns))}) > 1"
    )


def _row_condition(source: Any, expectation: Expectation) -> str | None:
    """The expectation's row condition as SQL; Great Expectations' query leaves it out."""
    given = expectation.kwargs.get("row_condition")
    if not isinstance(given, dict):
        return None
    deserialize_row_condition = load("great_expectations.expectations.row_conditions:deserialize_row_condition")

    engine = source.get_execution_engine()
    clause = engine.condition_to_filter_clause(deserialize_row_condition(given))
    return str(clause.compile(dialect=engine.engine.dialect, compile_kwargs={"literal_binds": True}))
