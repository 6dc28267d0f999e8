"""Holds the expectations of both gates against what the gates would see, without a row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import IN_SCRATCH
from etl.errors import Problem, nearest
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.mapping import HospitalMapping
from etl.night.check.lines import LineFinder
from etl.night.check.overall import FIGURES, create_empty_figures
from etl.night.check.rows import query_of
from etl.night.check.suites import QUERY, Suite, SuiteError, load_suites
from etl.night.lake.candidate import create_views
from etl.onboarding.expressions import said_of
from etl.sql import quote

_RESULTS = "results"  # tables of cohorts, which no gate sees


def source_suites(con: DuckDBPyConnection, folder: Path, mapping: HospitalMapping) -> tuple[int, list[Problem]]:
    """How many expectations a hospital's source suites hold, and their problems; the engine has views `landed.…`."""
    columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
    con.execute("create schema scratch.sources; use scratch.sources")
    for name in mapping.sources:
        con.execute(f"create or replace view {quote(name)} as from landed.{quote(name)}")
    found = _suites(con, folder, columns, "source")
    con.execute(IN_SCRATCH)
    return found


def cdm_suites(con: DuckDBPyConnection, folder: Path) -> tuple[int, list[Problem]]:
    """How many expectations the CDM suites hold, and their problems."""
    columns = {n: t.columns for n, t in tables().items()}
    create_views(con, [], [n for n, t in tables().items() if t.schema != _RESULTS])
    create_empty_figures(con)
    return _suites(con, folder, columns, "table", FIGURES)


def _suites(
    con: DuckDBPyConnection, folder: Path, columns: Mapping[str, Iterable[str]], kind: str, others: Iterable[str] = ()
) -> tuple[int, list[Problem]]:  # fmt: skip
    known = [*columns, *others]
    lost = [f for f in sorted(folder.glob("*.json")) if f.stem not in known]
    problems = [Problem(str(f), 1, "suite", f"there is no {kind} '{f.stem}'{nearest(f.stem, known)}") for f in lost]
    try:
        suites = load_suites(folder, columns=columns)
    except SuiteError as error:
        return 0, [*problems, *error.problems]
    for suite in suites:
        if suite.table in known:
            problems += _refused(con, folder / f"{suite.table}.json", suite)
    return sum(len(s.expectations) for s in suites), problems


def _refused(con: DuckDBPyConnection, file: Path, suite: Suite) -> Iterator[Problem]:
    """The queries of a suite that the engine refuses: a table or column that is not there, a mistake in SQL."""
    for i, expectation in enumerate(suite.expectations):
        if QUERY not in expectation.kwargs:
            continue
        try:
            con.execute(f"select * from ({query_of(suite.table, expectation)}\n) limit 0")
        except duckdb.Error as error:
            message = said_of(con, error)
        except (KeyError, IndexError, ValueError):
            message = "has braces besides {batch}; double them"
        else:
            continue
        line = LineFinder(file.read_text(encoding="utf-8")).line(("expectations", i, "kwargs", QUERY))
        yield Problem(str(file), line, QUERY, message)
