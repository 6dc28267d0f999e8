"""The battery's results as the Data Quality Dashboard writes them, for OHDSI's own viewer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

from duckdb import DuckDBPyConnection

from etl.quality.battery.judge import Result
from etl.quality.battery.measure import Measured
from etl.quality.battery.statement import Ground
from etl.quality.battery.statements import statements
from etl.quality.battery.summary import CATEGORIES

#: The version of the dashboard whose checks these are.
DASHBOARD = "2.6"


def source_of(con: DuckDBPyConnection) -> dict[str, Any]:
    """The warehouse's row of cdm_source, its names as the dashboard writes them; empty where it has none."""
    found = con.execute("select * from cdm_source limit 1")
    names = [re.sub("_(.)", lambda letter: letter[1].upper(), column[0]) for column in found.description or ()]
    row = found.fetchone()
    return {n: None if v is None else str(v) for n, v in zip(names, row or (), strict=bool(row))}


def as_dashboard(results: Sequence[Result], measured: Measured, source: dict[str, Any]) -> dict[str, Any]:
    """The results of the dashboard's own checks, as one document; a scalar on top is a list of one."""
    results = [r for r in results if not r.check.own]
    ended = datetime.now(UTC)
    seconds = round(measured.seconds, 1)
    return {
        "startTimestamp": [_moment(ended - timedelta(seconds=measured.seconds))],
        "endTimestamp": [_moment(ended)],
        "executionTime": [f"{seconds} secs"],
        "executionTimeSeconds": [seconds],
        "CheckResults": list(_rows(results, measured)),
        "Metadata": [source | {"dqdVersion": DASHBOARD, "program": f"omop-etl {version('omop-etl')}"}],
        "Overview": {name: [n] for name, n in _overview(results)},
    }


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _rows(results: Sequence[Result], measured: Measured) -> Iterator[dict[str, Any]]:
    ground = Ground(measured.schema, measured.night.isoformat())
    for result in results:
        check, kind = result.check, result.check.type
        answered = result.status in ("passed", "failed")
        row = {
            "numViolatedRows": result.violated if answered else None,
            "pctViolatedRows": result.share if answered else None,
            "numDenominatorRows": result.of if answered else None,
            "executionTime": f"{measured.seconds / len(results):.6f} secs",
            "queryText": ";\n".join(s.sql for s in statements([check], ground) if check in s.checks),
            "checkName": kind.name,
            "checkLevel": kind.level,
            "checkDescription": check.sentence(),
            "cdmTableName": check.table.upper(),
            "cdmFieldName": check.field or None,
            "conceptId": ",".join(map(str, check.concepts)) or None,
            "unitConceptId": None,
            "sqlFile": f"{kind.level}_{kind.name}".lower(),
            "category": kind.category,
            "subcategory": kind.subcategory or None,
            "context": kind.context,
            "error": result.reason if result.status == "error" else None,
            "checkId": check.id,
            "failed": int(result.status in ("failed", "error")),
            "passed": int(result.status == "passed"),
            "isError": int(result.status == "error"),
            "notApplicable": int(result.status == "notApplicable"),
            "notApplicableReason": result.reason if result.status == "notApplicable" else None,
            "thresholdValue": result.threshold,
            "notesValue": result.override.reason if result.override else None,
        }
        yield {name: value for name, value in row.items() if value is not None}


def _overview(results: Sequence[Result]) -> Iterator[tuple[str, int | float]]:
    errors = sum(r.status == "error" for r in results)
    failed = sum(r.status == "failed" for r in results)
    bad = errors + failed
    yield "countTotal", len(results)
    yield "countPassed", len(results) - bad
    yield "countErrorFailed", errors
    yield "countThresholdFailed", failed
    yield "countOverallFailed", bad
    share = 100 * bad / len(results) if results else 0
    yield "percentPassed", round(100 - share, 2)
    yield "percentFailed", round(share, 2)
    for category in CATEGORIES:
        mine = [r for r in results if r.check.type.category == category]
        bad = sum(r.status in ("failed", "error") for r in mine)
        yield f"countTotal{category}", len(mine)
        yield f"countFailed{category}", bad
        yield f"countPassed{category}", len(mine) - bad
