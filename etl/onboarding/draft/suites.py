"""Drafts the source suites of a hospital from its contract and mappings: a first version for people to sharpen.

What a draft promises: the file has rows; keys and persons are there, known and not doubled; codes that go through a
code map are in it; dates that start an event can be read. An existing suite is never touched.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Entry
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.lookups import Lookup
from etl.mapping.language.mapping import HospitalMapping
from etl.sql import literal, quote

Severity = Literal["block", "warn"]
_GX = {"block": "critical", "warn": "warning"}
_APPROVED = 0.02  # share of unknown persons or unreadable dates above which a person decides
_CODES = 60  # a longer code map says little as a set of expected values


def _expectation(
    kind: str, severity: Severity, description: str, kwargs: dict[str, Any], column: str | None = None,
    approve_above: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    meta: dict[str, Any] = {"severity": severity}
    if column and "column" not in kwargs:
        meta["column"] = column
    if approve_above is not None:
        meta["approve_above"] = approve_above
    return {
        "type": kind,
        "kwargs": kwargs,
        "meta": meta,
        "description": description,
        "severity": _GX[severity],
    }


def _rows(
    severity: Severity, description: str, column: str, condition: str, share: float,
    approve_above: float | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Rows that satisfy `condition` are wrong; they count when they are more than `share` of the table."""
    condition = condition.replace("{", "{{").replace("}", "}}")
    query = f"select _row from {{batch}} where {condition}"
    if share:
        query += f" qualify count(*) over () > {share} * (select count(*) from {{batch}})"
    return _expectation(
        "unexpected_rows_expectation", severity, description, {"unexpected_rows_query": query}, column, approve_above
    )


def _person(source: Source) -> str | None:
    return next((n for n, c in source.columns.items() if c and c.identifier == "person"), None)


def _plain(value: Any, columns: dict[str, str]) -> str | None:
    """The column, when a field is just a text column."""
    return value if isinstance(value, str) and columns.get(value) == "varchar" else None


def _of_source(name: str, source: Source) -> Iterator[dict[str, Any]]:
    columns = landed_columns_sql(source)
    if not source.optional:
        yield _expectation("expect_table_row_count_to_be_between", "block", f"{name} has rows", {"min_value": 1})
    person = _person(source)
    if person:
        yield _rows(
            "block",
            f"{person} names a patient of the patient file in 95 of 100 rows",
            person,
            f"coalesce({quote(person)}, 0) = 0",
            0.05,
        )
        yield _rows(
            "warn",
            f"{person} names a patient of the patient file",
            person,
            f"coalesce({quote(person)}, 0) = 0",
            0,
            _APPROVED,
        )
    keys = [c if c in columns else f"{c}__id" for c in source.key]
    if keys:
        each = ", ".join(quote(k) for k in keys)
        said = " and ".join(source.key)
        alike = f"({each}) in (select ({each}) from {quote(name)} group by all having count(*) > 1)"
        yield _rows("warn", f"{said}: no two rows alike", keys[0], alike, 0)
        yield _rows("block", f"{said}: no two rows alike, in 90 of 100 rows", keys[0], alike, 0.1)


def _of_entry(mapping: HospitalMapping, entry: Entry) -> Iterator[tuple[str, dict[str, Any]]]:
    """Expectations with the column they are about, so that two entries on one column promise once."""
    columns = landed_columns_sql(mapping.sources[entry.from_])
    for name, value in entry.said().items():
        if isinstance(value, Lookup) and value.map and not value.fallback and entry.shape.kinds[name] == "concept":
            column = _plain(value.code, columns)
            codes = mapping.map_rows[value.map].codes
            if column and len(codes) <= _CODES:
                known = ", ".join(literal(c) for c in codes)
                yield (
                    f"{column} codes",
                    _rows(
                        "warn",
                        f"{column} holds codes of the code map '{value.map}'",
                        column,
                        f"omop_blank({quote(column)}) not in ({known})",
                        0,
                    ),
                )
        elif name in ("start", "birth") and (column := _plain(value, columns)):
            unread = f"omop_try_timestamp({quote(column)}) is null and omop_blank({quote(column)}) is not null"
            yield f"{column} date", _rows("warn", f"{column} is a day of the calendar", column, unread, 0, _APPROVED)
            yield (
                f"{column} dates",
                _rows("block", f"{column} is a day of the calendar in 95 of 100 rows", column, unread, 0.05),
            )


def draft_suite(mapping: HospitalMapping, name: str) -> dict[str, Any]:
    """The suite of one source as Great Expectations' JSON."""
    found = list(_of_source(name, mapping.sources[name]))
    from_entries: dict[str, dict[str, Any]] = {}
    for entry in mapping.entries:
        if entry.from_ == name:
            for about, expectation in _of_entry(mapping, entry):
                from_entries.setdefault(about, expectation)
    return {
        "name": f"source.{mapping.hospital.hospital}.{name}",
        "meta": {},
        "expectations": [*found, *from_entries.values()],
    }


def write_drafts(mapping: HospitalMapping, folder: Path) -> list[Path]:
    """Write a suite for every source that has none yet into `folder`; returns the new files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in mapping.sources:
        file = folder / f"{name}.json"
        suite = draft_suite(mapping, name)
        if suite["expectations"] and not file.exists():
            file.write_text(json.dumps(suite, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            written.append(file)
    return written
