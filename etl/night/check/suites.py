"""Suites of expectations: Great Expectations' own JSON files, read and checked before any data is.

`expectations/source/<hospital>/<source>.json` holds for a landed table, `expectations/cdm/<table>.json` for a
table of the candidate CDM; the file's name is the table's. Beyond what Great Expectations asks for, every
expectation says `meta.severity` (`block` or `warn`) and a `description` for the people who own the data; a warning may
say `meta.approve_above`, the share of rows above which a night waits for a person's approval.

Reading does not import Great Expectations, which takes seconds: types and arguments are checked against the JSON
schemas it ships. Every problem of every file is reported at once.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from etl.errors import ConfigError, Problem, closest
from etl.mapping.functions import query_refusal
from etl.night.check.catalog import Kind, kinds
from etl.night.check.lines import LineFinder, Step, read_json

Severity = Literal["block", "warn"]

# What a severity of ours is called by Great Expectations, whose own reports know no gates.
GX_SEVERITY: Mapping[Severity, str] = {"block": "critical", "warn": "warning"}

ROW_NUMBER = "_row"
QUERY = "unexpected_rows_query"

_SUITE_KEYS = ("name", "expectations", "meta", "notes", "id", "suite_parameters")
_EXPECTATION_KEYS = ("type", "kwargs", "meta", "description", "severity", "notes", "id")
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")
COLUMN_ARGUMENTS = (*_COLUMN_ARGUMENTS, "column_list", "column_set")
#: What DuckDB knows of the day and time of its own clock.
_CLOCK = re.compile(
    r"\b(current_date|current_time|current_timestamp|current_localtime|current_localtimestamp|localtime|localtimestamp"
    r"|get_current_time|get_current_timestamp|transaction_timestamp|now|today)\b(?![\w.\"'])",
    re.IGNORECASE,
)
_CALLED = ("now", "today", "get_current_time", "get_current_timestamp", "transaction_timestamp")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One promise about a table: `type` and `kwargs` are Great Expectations' own."""

    type: str
    kwargs: Mapping[str, Any]
    severity: Severity
    description: str
    column: str | None
    approve_above: float | None = None  # of a warning: share of rows above which a person decides

    @property
    def definition(self) -> str:
        """Digest of all that it says: two nights with the same one asked the same of a table."""
        said = json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, default=str)
        return hashlib.sha256(said.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Suite:
    """The expectations of one table; `key` are the columns that name a row without telling a value."""

    name: str
    table: str
    key: tuple[str, ...]
    expectations: tuple[Expectation, ...]


class SuiteError(ConfigError):
    """Every problem found in the suites, at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take all problems; the message lists them one per line."""
        self.problems = tuple(problems)
        lines = "\n".join(str(p) for p in self.problems)
        super().__init__(
            f"{len(self.problems)} problem(s) in the expectations:\n{lines}",
            hint="correct the lines named above, then run: etl check",
        )


def load_suites(
    folder: Path,
    tables: Iterable[str] | None = None,
    columns: Mapping[str, Iterable[str]] | None = None,
) -> list[Suite]:
    """Read the suites of a folder, in the order of the tables' names or as `tables` asks for them.

    `columns` gives the columns of the tables that are known, to check column names against. Raises SuiteError
    with every problem; asking for a table without a suite is one.
    """
    available = {p.stem: p for p in sorted(folder.glob("*.json"))}
    problems: list[Problem] = []
    suites: list[Suite] = []
    for table in available if tables is None else tables:
        if table not in available:
            missing = f"there is no suite for this table{_nearest(table, available)}"
            problems.append(Problem(str(folder), 1, table, missing))
            continue
        reader = _Reader(available[table], (columns or {}).get(table))
        suites.append(reader.suite())
        problems.extend(reader.problems)
    if problems:
        raise SuiteError(problems)
    return suites


def reread(path: Path, text: str, step: Step, content: Mapping[str, Any]) -> tuple[Expectation | None, list[Problem]]:
    """An expectation that another file than its suite changes, and what is wrong with it.

    `path` and `text` are that file's, `step` is where in it the change stands.
    """
    reader = _Reader(path, None)
    reader._lines = LineFinder(text)
    return reader._expectation((step,), dict(content)), reader.problems


@dataclass
class _Reader:
    """Reads one file and collects what is wrong with it."""

    path: Path
    columns: Iterable[str] | None
    problems: list[Problem] = field(default_factory=list)
    _lines: LineFinder = field(init=False)

    def suite(self) -> Suite:
        """The file's suite; worthless if `problems` is not empty afterwards."""
        text, content, wrong = read_json(self.path)
        self._lines = LineFinder(text)
        if wrong is not None:
            self.problems.append(wrong)
            content = {"name": "-", "expectations": []}
        if not isinstance(content, dict):
            self._say((), "suite", "expected an object with name and expectations")
            content = {"name": "-", "expectations": []}
        self._known_keys((), content, _SUITE_KEYS)
        name = self._text((), content, "name")
        listed = content.get("expectations")
        if not isinstance(listed, list):
            self._say((), "expectations", "expected a list")
            listed = []
        found = [self._expectation(("expectations", i), e) for i, e in enumerate(listed)]
        return Suite(name, self.path.stem, self._key(content), tuple(e for e in found if e is not None))

    def _key(self, content: Mapping[str, Any]) -> tuple[str, ...]:
        meta = content.get("meta") or {}
        key = meta.get("key", ROW_NUMBER) if isinstance(meta, dict) else ROW_NUMBER
        names = [key] if isinstance(key, str) else key
        if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
            self._say(("meta",), "key", "expected the name of a column or a list of names")
            return ()
        for name in names if "key" in meta else ():
            self._known_column(("meta", "key"), "key", name)
        return tuple(names)

    def _expectation(self, path: tuple[Step, ...], content: object) -> Expectation | None:
        if not isinstance(content, dict):
            self._say(path, "expectation", "expected an object with type, kwargs, meta and description")
            return None
        self._known_keys(path, content, _EXPECTATION_KEYS)
        name = self._text(path, content, "type")
        kwargs = content.get("kwargs", {})
        if not isinstance(kwargs, dict):
            self._say((*path, "kwargs"), "kwargs", "expected an object")
            kwargs = {}
        if name:
            self._arguments(path, name, kwargs)
        meta = content.get("meta")
        meta = meta if isinstance(meta, dict) else {}
        severity = self._severity(path, meta, content.get("severity"))
        return Expectation(
            type=name,
            kwargs=kwargs,
            severity=severity,
            approve_above=self._limit(path, meta, severity, kwargs),
            description=self._text(path, content, "description"),
            column=meta.get("column") or next((kwargs[a] for a in _COLUMN_ARGUMENTS if a in kwargs), None),
        )

    def _severity(self, path: tuple[Step, ...], meta: Mapping[str, Any], gx: object) -> Severity:
        severity = meta.get("severity")
        if severity not in ("block", "warn"):
            self._say((*path, "meta"), "meta.severity", "expected block or warn")
            return "block"
        expected = GX_SEVERITY[severity]
        if gx is not None and gx != expected:
            self._say((*path, "severity"), "severity", f"expected {expected}, because meta.severity is {severity}")
        return "block" if severity == "block" else "warn"

    def _limit(
        self, path: tuple[Step, ...], meta: Mapping[str, Any], severity: Severity, kwargs: Mapping[str, Any]
    ) -> float | None:
        """`meta.approve_above`: the share of rows above which a warning waits for a person."""
        if "approve_above" not in meta:
            return None
        limit, place, mostly = meta["approve_above"], (*path, "meta", "approve_above"), kwargs.get("mostly", 1)
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not 0 <= limit < 1:
            self._say(place, "meta.approve_above", "expected a share from 0 to below 1")
            return None
        if severity != "warn":
            self._say(place, "meta.approve_above", "is for warnings; what blocks cannot be approved")
        if isinstance(mostly, int | float) and limit < round(1 - mostly, 9):
            self._say(place, "meta.approve_above", f"is below what mostly {mostly} lets pass as kept")
        return float(limit)

    def _arguments(self, path: tuple[Step, ...], name: str, kwargs: Mapping[str, Any]) -> None:
        known = kinds()
        if name not in known:
            near = _nearest(name, known)
            self._say((*path, "type"), "type", f"Great Expectations has no expectation {name}{near}")
            return
        kind = known[name]
        path = (*path, "kwargs")
        if kind.refused:
            self._say(path, name, kind.refused)
        self._known_keys(path, kwargs, kind.arguments)
        for argument in kind.required:
            if argument not in kwargs:
                self._say(path, argument, f"is required by {name}")
        for argument, clock in _clocks(kwargs):
            self._say((*path, argument), argument, f"{clock} is the day of the check, which must not change what is "
                      "found: say omop_night(), the day of the newest night delivered")  # fmt: skip
        for argument, message in _bad_values(kind, kwargs):
            self._say((*path, argument), argument, message)
        for argument, column in _columns_in(kwargs):
            self._known_column((*path, argument), argument, column)

    def _known_column(self, path: tuple[Step, ...], argument: str, column: str) -> None:
        # DuckDB adds the row number to whatever it reads from a file; it is no column of a contract.
        if self.columns is not None and column not in self.columns and column != ROW_NUMBER:
            near = _nearest(column, self.columns)
            self._say(path, argument, f"{self.path.stem} has no column {column}{near}")

    def _known_keys(self, path: tuple[Step, ...], content: Mapping[str, Any], known: Iterable[str]) -> None:
        for key in content:
            if key not in known:
                self._say((*path, key), key, f"is not known here{_nearest(key, known)}")

    def _text(self, path: tuple[Step, ...], content: Mapping[str, Any], key: str) -> str:
        value = content.get(key)
        if isinstance(value, str) and value.strip():
            return value
        self._say((*path, key), key, "is required, a text")
        return ""

    def _say(self, path: tuple[Step, ...], key: str, message: str) -> None:
        self.problems.append(Problem(str(self.path), self._lines.line(path), key, message))


def _bad_values(kind: Kind, kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Arguments whose value cannot work, each with the reason."""
    mostly = kwargs.get("mostly")
    if mostly is not None and not (isinstance(mostly, int | float) and 0 <= mostly <= 1):
        yield "mostly", "expected a share from 0 to 1"
    query = kwargs.get(QUERY)
    if QUERY in kind.required and query is not None and (not isinstance(query, str) or "{batch}" not in query):
        yield QUERY, "expected a query that selects from {batch}"
    if isinstance(query, str) and QUERY not in dict(_clocks({QUERY: query})):  # a clock is told in its own words
        reason = query_refusal(query.replace("{batch}", "batch"))
        yield from [(QUERY, reason)] if reason else []


def _clocks(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Arguments that ask for the time of the clock, each with the word that does."""
    for argument, value in kwargs.items():
        text = value if isinstance(value, str) else json.dumps(value, default=str)
        # what stands in quotes is a value of a column
        bare = re.sub(r"'[^']*'", "''", text) if argument == QUERY else text
        for found in _CLOCK.finditer(bare):
            called = bare[found.end() :].lstrip().startswith("(")
            if found[1].lower() not in _CALLED or called:
                yield argument, found[1] + ("()" if called else "")
                break


def _columns_in(kwargs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every column the arguments name, with the argument."""
    for argument in _COLUMN_ARGUMENTS:
        if isinstance(kwargs.get(argument), str):
            yield argument, kwargs[argument]
    for argument in ("column_list", "column_set"):
        for column in kwargs.get(argument) or ():
            yield argument, column


def _nearest(name: str, known: Iterable[str]) -> str:
    close = closest(name, known)
    return f"; did you mean {close}?" if close else ""
