"""The checks of ours as they are written, the warehouse in which they hold, and the faults that each has to find."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import yaml
from duckdb import DuckDBPyConnection

from etl.cdm.spec import empty, tables
from etl.settings import PROJECT

DATA = Path(__file__).parent / "data" / "own_checks"
FOLDER = PROJECT / "expectations" / "checks"
ROW = 16777217 << 23


@cache
def written() -> Mapping[str, Mapping[str, str]]:
    """By id of a check what is filled into it, with its name as it is written (`check`)."""
    return {_filled(item["check"], names): {**names, "check": item["check"]} for item, names in _items()}


def _items() -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
    for file in sorted(FOLDER.glob("*.yaml")):
        for item in yaml.safe_load(file.read_text(encoding="utf-8")):
            for each in item.get("each", [{}]):
                yield item, {"table": item.get("table", ""), "field": item.get("field", ""), **each}
    for file in sorted(FOLDER.glob("*.sql")):
        head = yaml.safe_load(file.read_text(encoding="utf-8").split("*/")[0].lstrip("/* \n"))
        for item in head["checks"]:
            for each in item.get("each", [{}]):
                yield item, {"table": item.get("table", ""), "field": item.get("field", ""), **each}


def _filled(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\{(\w+)\}", lambda hole: str(names.get(hole[1], hole[0])), text)


@cache
def faults() -> Mapping[str, Mapping[str, Any]]:
    """The faults by the name of a check as it is written."""
    said: Mapping[str, Mapping[str, Any]] = yaml.safe_load((DATA / "faults.yaml").read_text(encoding="utf-8"))
    return said


def fault(check: str) -> tuple[str, Mapping[str, Any]]:
    """SQL that plants what a check has to find, and what is said of it then."""
    names = written()[check]
    said = faults()[names["check"]]
    owner = tables()[names["table"]].owner or ""
    return _filled(said.get(names["table"], said["plant"]), {**names, "row": str(ROW), "owner": owner}), said


def clean() -> DuckDBPyConnection:
    """A database in which every check of ours is asked and holds."""
    con = duckdb.connect(config={"threads": 1})
    for name, table in tables().items():
        con.execute(f"create table {name} as {empty(table)}")
    con.execute((DATA / "clean.sql").read_text(encoding="utf-8"))
    return con
