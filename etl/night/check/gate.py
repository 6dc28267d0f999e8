"""Run suites on an open DuckDB connection with Great Expectations; tell the outcome as findings without values.

Great Expectations is asked for counts only (`partial_unexpected_count` 0 makes it select no values), and what it
returns is copied figure by figure: no list, no observed value that is not a count, no text of an error that could
quote a value reaches a Finding.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from etl.loading import load
from etl.night.check.dialect import LentConnection, lend
from etl.night.check.gx import great_expectations
from etl.night.check.rows import query_of, row_query
from etl.night.check.suites import GX_SEVERITY, QUERY, Expectation, Suite
from etl.sql import quote
from etl.store.ledger.records import Finding

Progress = Callable[[Suite], None]

# Expectations whose observed value is a number of rows, columns or distinct values, or a share of them.
_COUNTS = (
    "expect_table_row_count_",
    "expect_table_column_count_",
    "expect_column_unique_value_count_",
    "expect_column_proportion_of_",
)

_OF_ROWS = ("expect_column_values_", "expect_column_pair_values_")

_DUCKDB_ERROR = re.compile(r"\(_?duckdb\.\w+\) ([^\n]*)")
_MISSING_COLUMN = re.compile(r'The column "[^"\n]*" in BatchData does not exist')
_ERROR_NAME = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", re.MULTILINE)


def run_suites(
    con: duckdb.DuckDBPyConnection, suites: Sequence[Suite], *, progress: Progress | None = None
) -> list[Finding]:
    """Evaluate the suites' expectations on the tables and views of `con`, one Finding each, in their order.

    The tables must not be temporary and must be committed, because Great Expectations reads through cursors.
    An expectation that cannot be evaluated, also because its table is missing, has failed with `error` set.
    `progress` is called with each suite that is done.
    """
    findings: list[Finding] = []
    if not suites:
        return findings
    columns = _columns(con)
    with _data_source(con, [s.table for s in suites if s.table in columns]) as source:
        for suite in suites:
            findings.extend(_run_suite(con, source, suite, columns.get(suite.table, set())))
            if progress is not None:
                progress(suite)
    return findings


def closed(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that close the gate: severity `block`, failed or not evaluated."""
    return [f for f in findings if f.severity == "block" and not f.success]


@contextmanager
def _data_source(con: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> Iterator[Any]:
    """A data source of a context that lives in memory only; Great Expectations keeps quiet meanwhile.

    It gets all its assets at once, each named as its table: the context writes itself down with every one that is
    added later.
    """
    gx = great_expectations()
    quiet = load("great_expectations.data_context.types.base:ProgressBarsConfig")

    # Its log repeats tracebacks and SQL that the findings say shorter and more safely.
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with lend(con) as url:
            context = gx.get_context(mode="ephemeral")
            context.variables.progress_bars = quiet(globally=False)
            assets = [{"name": t, "type": "table", "table_name": quote(t)} for t in dict.fromkeys(tables)]
            yield context.data_sources.add_sql(
                "duckdb", connection_string=url, kwargs={"hide_parameters": True}, assets=assets
            )
    finally:
        logger.setLevel(level)


def _run_suite(con: duckdb.DuckDBPyConnection, source: Any, suite: Suite, columns: set[str]) -> list[Finding]:
    if not columns:
        missing = f"there is no table {suite.table}"
        return [finding_of(suite, e, success=False, error=missing) for e in suite.expectations]
    total = _row_count(con, suite.table)
    key = [c for c in suite.key if c in columns]
    asked = dict(enumerate(suite.expectations))
    if not total:
        held = {i for i, e in asked.items() if _holds_of_nothing(e, columns)} | _queries_without_rows(con, suite)
        asked = {i: e for i, e in asked.items() if i not in held}
    outcomes = _evaluate(source, suite, asked, key) if asked else {}
    findings = []
    for position, expectation in enumerate(suite.expectations):
        outcome = outcomes.get(position, "Great Expectations left it out")
        if position not in asked:
            findings.append(finding_of(suite, expectation, success=True, unexpected=0, total=0))
        elif isinstance(outcome, str):
            findings.append(finding_of(suite, expectation, success=False, error=outcome))
        else:
            findings.append(_finding(source, suite, expectation, outcome, total, key))
    return findings


def _holds_of_nothing(expectation: Expectation, columns: Collection[str]) -> bool:
    """Whether the expectation is about every row of columns that are there: a table without rows meets it unasked."""
    named = {v for k, v in expectation.kwargs.items() if k.startswith("column") and isinstance(v, str)}
    return expectation.type.startswith(_OF_ROWS) and bool(named) and named <= set(columns)


def _queries_without_rows(con: duckdb.DuckDBPyConnection, suite: Suite) -> set[int]:
    """Positions of the queries of a table without rows that find nothing, all counted in one statement.

    None if that fails: then Great Expectations runs them one by one and tells which of them it was.
    """
    queries = {i: query_of(suite.table, e) for i, e in enumerate(suite.expectations) if QUERY in e.kwargs}
    counted = " union all ".join(f"select {i} as i, count(*) as n from ({sql}\n)" for i, sql in queries.items())
    if not counted:
        return set()
    cursor = LentConnection(con).cursor()
    try:
        cursor.execute(f"select i from ({counted}) where n = 0")
    except duckdb.Error:
        return set()
    return {i for (i,) in cursor.fetchall()}


def finding_of(suite: Suite, expectation: Expectation, **verdict: Any) -> Finding:
    """What was found of an expectation: the fields of a Finding that it does not say itself."""
    return Finding(
        suite=suite.name, table_name=suite.table, column_name=expectation.column, expectation=expectation.type,
        description=expectation.description, severity=expectation.severity, approve_above=expectation.approve_above,
        definition=expectation.definition, **verdict,
    )  # fmt: skip


def _evaluate(source: Any, suite: Suite, asked: Mapping[int, Expectation], key: list[str]) -> dict[int, Any]:
    """By position in the suite: Great Expectations' result, or the text of an error."""
    result_format: dict[str, Any] = {"result_format": "BASIC", "partial_unexpected_count": 0}
    if key:
        result_format |= {"unexpected_index_column_names": key, "return_unexpected_index_query": True}
    promises: list[Any] = []
    outcomes: dict[int, Any] = {}
    for position, expectation in asked.items():
        try:
            promises.append(_promise(position, expectation))
        except Exception as error:  # of pydantic or Great Expectations, about the arguments
            outcomes[position] = f"{type(error).__name__}: Great Expectations does not accept these arguments"
    asset = source.get_asset(suite.table)
    batch = asset.get_batch(asset.build_batch_request())
    return outcomes | _validate(batch, suite.name, promises, result_format)


def _promise(position: int, expectation: Expectation) -> Any:
    """Great Expectations' own object, which remembers its position in the suite."""
    expectation_class = load("etl.night.check.counting:expectation_class")

    return expectation_class(expectation.type)(
        **expectation.kwargs,
        meta={"position": position},
        description=expectation.description,
        severity=GX_SEVERITY[expectation.severity],
    )


def _validate(batch: Any, name: str, promises: list[Any], result_format: dict[str, Any]) -> dict[int, Any]:
    """Results by position; all promises at once, or one by one if that fails as a whole."""
    together = great_expectations().ExpectationSuite(name=name, expectations=promises)
    try:
        results = batch.validate(together, result_format=result_format).results
    except Exception as error:  # whatever it is, one expectation must not hide the others
        if len(promises) == 1:
            return {promises[0].meta["position"]: type(error).__name__}
        alone = (_validate(batch, name, [p], result_format) for p in promises)
        return {position: outcome for outcomes in alone for position, outcome in outcomes.items()}
    return {r.expectation_config.meta["position"]: r for r in results}


def _finding(
    source: Any, suite: Suite, expectation: Expectation, verdict: Any, total: int, key: Sequence[str]
) -> Finding:
    error = _error(verdict.exception_info)
    if error is not None:
        return finding_of(suite, expectation, success=False, error=error)
    result = verdict.result or {}
    observed = result.get("observed_value")
    unexpected = observed if QUERY in expectation.kwargs else result.get("unexpected_count")
    if unexpected is None and "element_count" in result:
        unexpected = 0  # of an empty table there is no sum
    listed = unexpected or not verdict.success  # also what `mostly` lets pass
    return finding_of(
        suite, expectation, success=bool(verdict.success), unexpected=unexpected,
        total=result.get("element_count", total),
        observed=str(observed) if expectation.type.startswith(_COUNTS) else None,
        rows_sql=row_query(source, suite.table, key, expectation, verdict) if listed else None,
    )  # fmt: skip


def _error(info: Any) -> str | None:
    """What kept an expectation from being evaluated, in words that cannot quote a value; None if nothing did."""
    if not info or info.get("raised_exception") is False:
        return None
    # One entry per figure that could not be computed, or a single one at the top.
    entries = [info] if "exception_message" in info else list(info.values())
    messages = "\n".join(str(e["exception_message"]) for e in entries)
    for pattern in (_DUCKDB_ERROR, _MISSING_COLUMN):
        if found := pattern.search(messages):
            return found[pattern.groups]
    names = _ERROR_NAME.findall("\n".join(str(e["exception_traceback"]) for e in entries))
    return names[0] if names else "the expectation could not be evaluated"


def _columns(con: duckdb.DuckDBPyConnection) -> dict[str, set[str]]:
    """Names of the columns of all tables and views."""
    query = (
        "select table_name, list(column_name) from duckdb_columns()"
        " where database_name = current_database() and schema_name = current_schema() group by table_name"
    )
    return {table: set(names) for table, names in con.execute(query).fetchall()}


def _row_count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    cursor = LentConnection(con).cursor()
    cursor.execute(f"select count(*) from {quote(table)}")
    return int(cursor.fetchall()[0][0])
