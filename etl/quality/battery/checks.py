"""The checks of the battery as they are written down: kinds in `types.yaml`, questions in `checks.csv`."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from etl import yamls
from etl.cdm.spec import tables
from etl.errors import ConfigError, Problem
from etl.quality.battery.definition import Own, Words

TYPES, CHECKS = "types.yaml", "checks.csv"
_BOUND = re.compile(r"tomorrow|next year|[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])|-?[0-9]+(\.[0-9]+)?")
_GENDER = re.compile("Male|Female")
_ARGUMENTS = {
    "plausibleValueLow": _BOUND, "plausibleValueHigh": _BOUND, "plausibleGender": _GENDER,
    "plausibleGenderUseDescendants": _GENDER, "plausibleUnitConceptIds": re.compile("(-1|[0-9]+)( (-1|[0-9]+))*"),
    "fkDomain": re.compile(".+"), "fkClass": re.compile(".+"),
}  # fmt: skip
_COLUMNS = ("check", "table", "field", "concepts", "argument", "threshold", "concept_names")


class CheckType(BaseModel):
    """A kind of check."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    level: Literal["TABLE", "FIELD", "CONCEPT"]
    context: Literal["Verification", "Validation"]
    category: Literal["Conformance", "Completeness", "Plausibility"]
    subcategory: str = ""
    severity: Literal["fatal", "convention", "characterization"]
    dimension: Literal["completeness", "validity", "consistency", "accuracy", "uniqueness"]
    is_error: bool = False
    title: Words
    sees: Words
    means: Words


@dataclass(frozen=True)
class Check:
    """One question: a kind of check, asked of a table, a field, or a field's rows with some concepts.

    `argument` is what the kind needs beside: a bound, the other field, a domain, a gender, units. `threshold` is the
    share, in percent, above which the check fails (None and 0: any violated row does). `line` is its line in the file.
    `own` is what one of ours asks; its kind is of it alone.
    """

    type: CheckType
    table: str
    field: str = ""
    concepts: tuple[int, ...] = ()
    argument: str = ""
    threshold: float | None = None
    concept_names: str = ""
    line: int = 0
    own: Own | None = None

    @cached_property
    def id(self) -> str:
        """Level, kind, table, field and concepts in small letters, as the dashboard names them; ours say their own."""
        if self.own:
            return self.type.name
        concepts = ",".join(map(str, self.concepts))
        parts = (self.type.level, self.type.name, self.table, self.field, concepts)
        return "_".join(part for part in parts if part).lower()

    @property
    def needs(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Tables and fields beside its own without which it cannot be asked."""
        return self.own.needs if self.own else ()

    def sentence(self, language: Literal["en", "ko"] = "en") -> str:
        """What a violated row is, in words."""
        words: str = getattr(self.type.sees, language)
        said = {"table": self.table, "field": self.field, "argument": self.argument, "concepts": self.concept_names}
        return words.format(**said)


def load_checks(folder: Path) -> list[Check]:
    """The checks written down in a folder; ConfigError with file and line for each that is not understood."""
    types = _types(folder / TYPES)
    checks: list[Check] = []
    problems: list[Problem] = []
    lines: dict[str, int] = {}
    for line, row in _rows(folder / CHECKS):
        found = _check(types, row, line)
        if isinstance(found, Check) and found.id in lines:
            found = f"asks the same as line {lines[found.id]}; keep one"
        if isinstance(found, Check):
            lines[found.id] = line
            checks.append(found)
        else:
            problems.append(Problem(CHECKS, line, row["check"] or "-", found))
    if problems:
        raise ConfigError("\n".join(map(str, problems)), hint=f"correct the lines named above in {folder}")
    return checks


def _types(file: Path) -> dict[str, CheckType]:
    try:
        said = yamls.load(file.read_text(encoding="utf-8"))
        return {name: CheckType(name=name, **kind) for name, kind in said.items()}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as error:
        raise ConfigError(
            f"{file} cannot be read: {type(error).__name__}", hint="restore it, or correct its YAML"
        ) from None
    except ValidationError as error:
        wrong = [f"{TYPES}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(wrong), hint=f"correct {file}") from None


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The lines of a file of checks with their numbers."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if tuple(reader.fieldnames or ()) != _COLUMNS:
                raise ConfigError(f"{file}, line 1: the columns are not {', '.join(_COLUMNS)}", hint="correct line 1")
            for row in reader:
                yield reader.line_num, {name: row[name] or "" for name in _COLUMNS}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{file} cannot be read: {type(error).__name__}", hint="restore it, or correct it") from None


def _check(types: Mapping[str, CheckType], row: Mapping[str, str], line: int) -> Check | str:
    """The check of a line, or what is wrong with it."""
    kind = types.get(row["check"])
    if kind is None:
        return f"there is no kind of check of this name in {TYPES}"
    table = tables().get(row["table"])
    if table is None:
        return f"the CDM has no table '{row['table']}'"
    if (kind.level == "TABLE") is bool(row["field"]):
        return "a check of a table names no field" if row["field"] else "names no field"
    if row["field"] and row["field"] not in table.columns:
        return f"the table {row['table']} has no field '{row['field']}'"
    if not _is_argument(row["check"], row["table"], row["argument"]):
        return f"its argument '{row['argument']}' is none of its kind"
    numbers = _numbers(row)
    return numbers if isinstance(numbers, str) else Check(
        kind, row["table"], row["field"], argument=row["argument"], concept_names=row["concept_names"], line=line,
        **numbers,
    )  # fmt: skip


def _is_argument(kind: str, table: str, argument: str) -> bool:
    """Whether a kind of check can be asked with an argument; only what is known here gets into SQL."""
    if kind in ("isForeignKey", "plausibleTemporalAfter"):
        other, _, key = argument.partition(".")
        return other in tables() and key in tables()[other].columns
    if kind in ("plausibleStartBeforeEnd", "sourceValueCompleteness"):
        return argument in tables()[table].columns
    if kind in ("standardConceptRecordCompleteness", "sourceConceptRecordCompleteness"):
        return not argument or argument in tables()[table].columns
    form = _ARGUMENTS.get(kind)
    return form is None or form.fullmatch(argument) is not None


def _numbers(row: Mapping[str, str]) -> dict[str, Any] | str:
    """Threshold and concepts of a line, or what is wrong with them."""
    try:
        threshold = float(row["threshold"]) if row["threshold"] else None
    except ValueError:
        threshold = -1
    if threshold is not None and not 0 <= threshold <= 100:
        return "its threshold is no percentage between 0 and 100"
    concepts = row["concepts"].split()
    if not all(c.isascii() and c.isdigit() for c in concepts):
        return "its concepts are no concept ids"
    return {"threshold": threshold, "concepts": tuple(map(int, concepts))}
