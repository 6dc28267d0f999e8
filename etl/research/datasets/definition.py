"""A data set as `datasets/<name>/dataset.yaml` says it: all that is wrong in it is told at once, by file and key."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from etl.cdm.spec import Field, tables
from etl.errors import ConfigError, nearest
from etl.files import packaged, read_bytes
from etl.research.cohorts.model import Cohort, ConceptSet, Item
from etl.research.cohorts.read import read_cohort
from etl.research.cohorts.sets_read import sets_of
from etl.research.datasets.words import OF_VALUES, Long, Variable, Words, Written
from etl.settings import Settings
from etl.yamls import load

Read = TypeVar("Read")
FILE = "dataset.yaml"
#: Columns that every table of a data set begins with.
KEYS = ("person_id", "episode", "index_date", "end_date")
_HINT = "correct these keys: docs/datasets.md"


@dataclass(frozen=True, slots=True)
class Domain:
    """A table of the CDM that variables are taken of: its columns of concept, days, key and unit."""

    table: str
    concept: str
    day: str
    moment: str
    last: str
    key: str
    unit: str


@dataclass(frozen=True, slots=True)
class Category:
    """A line of an index: its weight, and the worse category beside which it does not count."""

    name: str
    weight: int
    concepts: ConceptSet
    worse: str | None

    @property
    def set_name(self) -> str:
        """What its concepts are called among the sets of a data set, which have no such names."""
        return f"charlson.{self.name}"


@dataclass(frozen=True, slots=True)
class Dataset:
    """A definition; `files` are the texts that it consists of, by name, `digest` is theirs."""

    name: str
    said: Written
    cohort: Cohort
    sets: Mapping[str, ConceptSet]
    files: Mapping[str, str]
    digest: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The variables' names in their order."""
        return tuple(each.name for each in self.said.variables)


@cache
def domains() -> dict[str, Domain]:
    """The tables that variables can be taken of, by name."""
    rows = csv.DictReader(packaged(__name__, "domains.csv").splitlines())
    return {row["table"]: Domain(**row) for row in rows}


@cache
def basics() -> dict[str, dict[str, Any]]:
    """What variables of `is` mean, by name; and under `rows` what they are joined of."""
    said: dict[str, dict[str, Any]] = load(packaged(__name__, "basics.yaml"))
    return said


@cache
def categories() -> tuple[Category, ...]:
    """The index of Charlson: weights of 1987, a worse category instead of a milder one, concepts with those below."""
    found: dict[str, list[dict[str, str]]] = {}
    for row in csv.DictReader(packaged(__name__, "charlson.csv").splitlines()):
        found.setdefault(row["category"], []).append(row)
    return tuple(
        Category(
            name, int(rows[0]["weight"]),
            ConceptSet(tuple(Item(int(r["concept_id"]), descendants=True) for r in rows), name),
            rows[0]["worse"] or None,
        )
        for name, rows in found.items()
    )  # fmt: skip


def titles(variable: Variable) -> Words:
    """What a variable is called on pages: its own title, else what it is by itself."""
    if variable.title:
        return variable.title
    if variable.is_:
        return Words(**basics()["variables"][variable.is_]["title"])
    return Words(en=variable.name, ko=variable.name)


def values_of(table: str) -> dict[str, Field]:
    """The columns of a table that hold numbers or concepts; no text is taken into a data set."""
    found = (f for f in tables()[table].fields if f.duckdb_type != "VARCHAR" and not f.primary_key)
    return {f.name: f for f in found if f.duckdb_type in ("DOUBLE", "INTEGER") or f.name.endswith("_concept_id")}


def names(settings: Settings) -> list[str]:
    """The data sets that are defined."""
    return sorted(file.parent.name for file in settings.datasets.glob(f"[!.]*/{FILE}"))


def read_named(settings: Settings, name: str) -> Dataset:
    """A definition by its name; ConfigError where there is none."""
    known = names(settings)
    if name not in known:
        raise ConfigError(
            f"there is no data set '{name}'{nearest(name, known)}", hint=f"define it: {settings.datasets}/<name>/{FILE}"
        )
    return read_dataset(settings.datasets / name)


def read_dataset(folder: Path) -> Dataset:
    """A definition from its folder; ConfigError with all that is wrong in it."""
    place, said = f"{folder.name}/{FILE}", _load(folder / FILE)
    try:
        written = Written.model_validate(said)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise _wrong([f"{place}  {each}" for each in wrong]) from None
    both = {**written.concept_sets, **_inner_sets(written)}
    told: list[str] = []
    sets = _collected(told, lambda: sets_of(both, folder, place))
    cohort = _collected(told, lambda: read_cohort(_with_sets(written, both), folder, place))
    wrong = [f"{place}  {each}" for each in _problems(written, both)]
    if wrong or told or sets is None or cohort is None:
        raise _wrong([*wrong, *dict.fromkeys(told)])
    files = _files(folder, written, both)
    digest = sha256("".join(f"{n}\0{len(t)}\0{t}" for n, t in files.items()).encode()).hexdigest()
    return Dataset(folder.name, written, cohort, sets, files, digest)


def _inner_sets(written: Written) -> dict[str, Any]:
    """The concept sets that stand in the cohort itself; variables may name them, too."""
    inner = written.cohort.get("concept_sets") if isinstance(written.cohort, dict) else None
    return inner if isinstance(inner, dict) else {}


def _with_sets(written: Written, sets: dict[str, Any]) -> str | dict[str, Any]:
    """The cohort as it is read: one of ours may name the concept sets of the data set, too."""
    return written.cohort if isinstance(written.cohort, str) else {**written.cohort, "concept_sets": sets}


def _collected(told: list[str], read: Callable[[], Read]) -> Read | None:
    """What is read, or None where it is wrong: the lines of the error, but for its first, are added to `told`."""
    try:
        return read()
    except ConfigError as error:
        told += error.message.splitlines()[1:] or [error.message]
        return None


def _load(file: Path) -> Any:
    try:
        return load(read_bytes(file).decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{file}:{mark.line + 1 if mark else 1}  is no YAML", hint="correct that line") from None


def _wrong(wrong: list[str]) -> ConfigError:
    lines = "\n".join(f"  {each.strip()}" for each in wrong)
    return ConfigError(f"{len(wrong)} problem(s) in a data set:\n{lines}", hint=_HINT)


def _files(folder: Path, written: Written, sets: Mapping[str, Any]) -> dict[str, str]:
    """The texts that a definition consists of, in the order of their names."""
    beside = [str(each[k]) for each in sets.values() for k in ("csv", "atlas") if k in each]
    named = {FILE, *beside, *([written.cohort] if isinstance(written.cohort, str) else [])}
    return {name: read_bytes(folder / name).decode("utf-8-sig") for name in sorted(named)}


def _problems(written: Written, sets: Mapping[str, Any]) -> list[str]:
    both = (*written.variables, *written.long)
    twice = [n for n, k in Counter(each.name for each in both).items() if k > 1]
    wrong = [f"variables: '{name}' is there more than once" for name in twice]
    wrong += [f"variables.{n}: the name is that of a key" for n in KEYS if n in {each.name for each in both}]
    for variable in written.variables:
        wrong += [f"variables.{variable.name}.{each}" for each in _of_variable(variable, sets)]
    for long in written.long:
        wrong += [f"long.{long.name}.{each}" for each in _of_events(long, sets)]
    return wrong


def _of_variable(said: Variable, sets: Mapping[str, Any]) -> Iterator[str]:
    kinds = [name for name, value in (("take", said.take), ("is", said.is_), ("index", said.index)) if value]
    if len(kinds) != 1:
        yield f"take: expected one of take, is and index, found {' and '.join(kinds) or 'none'}"
    elif said.take:
        yield from _of_events(said, sets)
        if said.take in OF_VALUES and not said.value:
            yield f"value: '{said.take}' needs the column that it is taken of"
        if said.value and said.take not in OF_VALUES:
            yield f"value: '{said.take}' takes no value; remove it"
    else:
        if said.is_ and said.is_ not in basics()["variables"]:
            yield f"is: there is no '{said.is_}'{nearest(said.is_, basics()['variables'])}"
        extra = [n for n in ("of", "table", "value", "unit") if getattr(said, n)]
        extra += ["within"] if said.is_ and said.within != (None, None) else []
        yield from (f"{name}: has no meaning with '{kinds[0]}'; remove it" for name in extra)


def _of_events(said: Variable | Long, sets: Mapping[str, Any]) -> Iterator[str]:
    if said.of is None or said.of not in sets:
        yield f"of: there is no concept set '{said.of}'{nearest(str(said.of), sets)}"
    if said.table is None or said.table not in domains():
        yield f"table: nothing can be taken of '{said.table}'{nearest(str(said.table), domains())}"
        return
    if said.value and said.value not in values_of(said.table):
        yield f"value: {said.table} has no number or concept '{said.value}'{nearest(said.value, values_of(said.table))}"
    if said.unit and not (said.value and domains()[said.table].unit):
        yield "unit: only a value of a table with units has one"
