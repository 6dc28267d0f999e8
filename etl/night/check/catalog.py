"""Which expectations the installed Great Expectations has, read from the JSON schemas it ships."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from etl.errors import ConfigError

# Arguments that are not the suite's to say: the gate chooses the result format, because some formats carry values.
_NOT_FOR_SUITES = {
    "id",
    "meta",
    "notes",
    "description",
    "severity",
    "rendered_content",
    "result_format",
    "catch_exceptions",
    "windows",
    "batch_id",
    "metadata",
}

_NO_REGEX = (
    "Great Expectations knows no regular expressions on DuckDB; use unexpected_rows_expectation with a query such as"
    " select _row from {batch} where not regexp_matches(column, 'pattern')"
)
_NO_SECOND_SOURCE = "a gate has one data source; use unexpected_rows_expectation"


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of expectation: the arguments it takes and, if the gates cannot run it, why."""

    arguments: tuple[str, ...]
    required: tuple[str, ...]
    refused: str | None


@cache
def kinds() -> dict[str, Kind]:
    """All types of expectations by name; does not import Great Expectations."""
    spec = find_spec("great_expectations")
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("Great Expectations is not installed", hint="install the requirements again")
    folder = Path(spec.submodule_search_locations[0], "expectations", "core", "schemas")
    found: dict[str, Kind] = {}
    for path in sorted(folder.glob("*.json")):
        schema = json.loads(path.read_text(encoding="utf-8"))
        properties = schema.get("properties", {})
        if "metadata" not in properties:
            continue
        name = properties["metadata"]["properties"]["expectation_type"]["const"]
        arguments = tuple(p for p in properties if p not in _NOT_FOR_SUITES)
        found[name] = Kind(arguments, tuple(schema.get("required", ())), _refused(name))
    return found


def _refused(name: str) -> str | None:
    if "regex" in name:
        return _NO_REGEX
    return _NO_SECOND_SOURCE if name == "expect_query_results_to_match_comparison" else None
