"""What a project space holds, as an approved request says it: YAML, with every problem told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from etl.cdm.spec import tables
from etl.errors import ConfigError, nearest
from etl.files import read_bytes
from etl.quality.battery.definition import as_on
from etl.quality.battery.own.queries import QueryError, Written, read_queries
from etl.research.spaces.policy import offered, policies
from etl.yamls import load

NAME = re.compile(r"[a-z][a-z0-9_]{2,39}")
ALL = "*"


class _Period(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    first: Annotated[date, Field(alias="from")]
    last: Annotated[date, Field(alias="to")]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    title: str
    purpose: str
    hospitals: Annotated[dict[str, date], Field(min_length=1)]
    cohort: str
    tables: Annotated[dict[str, str | list[str]], Field(min_length=1)]
    period: _Period
    policy: str
    until: date
    request: int | None = None

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not NAME.fullmatch(value):
            raise ValueError("expected 3 to 40 small letters, digits and _, a letter first")
        return value


@dataclass(frozen=True, slots=True)
class Definition:
    """A project: whose rows (`hospitals` with their nights, a `cohort` in SQL), which of them, by which policy.

    `tables` has the columns by table, the table's keys among them. The space may be used up to the day `until`;
    `request` is the number of the request that it is built for.
    """

    name: str
    title: str
    purpose: str
    hospitals: Mapping[str, date]
    cohort: str
    tables: Mapping[str, tuple[str, ...]]
    first: date
    last: date
    policy: str
    until: date
    digest: str
    request: int | None = None


def read_definition(file: Path) -> Definition:
    """A definition; ConfigError with all that is wrong in it, by key."""
    if not file.is_file():
        raise ConfigError(f"there is no file {file}", hint="give the file of the project's definition: docs/spaces.md")
    text = read_bytes(file)
    try:
        said = load(text.decode())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        raise ConfigError(f"{file}:{mark.line + 1 if mark else 1}  is no YAML", hint="correct that line") from None
    return defined(said, str(file), sha256(text).hexdigest())


def defined(said: object, place: str, digest: str) -> Definition:
    """A definition of what is said, by the keys of docs/spaces.md; ConfigError with all that is wrong in `place`."""
    try:
        written = _Written.model_validate(said)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise _wrong(place, wrong) from None
    if wrong := list(_problems(written)):
        raise _wrong(place, wrong)
    return Definition(
        written.name, written.title, written.purpose, written.hospitals, _cohort(written),
        {table: _columns(table, columns) for table, columns in written.tables.items()}, written.period.first,
        written.period.last, written.policy, written.until, digest, written.request,
    )  # fmt: skip


def one_query(text: str) -> Written:
    """The one query over the CDM that a text is; QueryError where it is none, or more than one."""
    queries = read_queries(text, ())
    if len(queries) != 1:
        raise QueryError("has to be one query")
    return queries[0]


def unknown_columns(tables: Mapping[str, str | list[str]]) -> list[str]:
    """What of some tables with their columns no space can hold."""
    return [wrong for table, columns in tables.items() for wrong in _of_table(table, columns)]


def _cohort(written: _Written) -> str:
    """The cohort's query as it runs; `night`, the day of reference, is the last of the period."""
    return as_on(one_query(written.cohort).sql, str(written.period.last))


def _wrong(file: str, wrong: list[str]) -> ConfigError:
    lines = "\n".join(f"  {each}" for each in wrong)
    return ConfigError(f"{file}: {len(wrong)} problem(s)\n{lines}", hint="correct these keys: docs/spaces.md")


def _problems(written: _Written) -> Iterator[str]:
    if written.policy not in policies():
        yield f"policy: there is no '{written.policy}'{nearest(written.policy, policies())}"
    if written.period.last < written.period.first:
        yield "period: ends before it begins"
    if "person" not in written.tables:
        yield "tables: person has to be among them, for the others are of its rows"
    try:
        one_query(written.cohort)
    except QueryError as error:
        yield f"cohort: {error}"
    yield from (f"tables.{wrong}" for wrong in unknown_columns(written.tables))


def _of_table(table: str, columns: Any) -> Iterator[str]:
    if table not in offered():
        yield f"{table}: no space holds it{nearest(table, offered())}"
        return
    known = tables()[table].columns
    for column in columns if isinstance(columns, list) else []:
        if column not in known:
            yield f"{table}: there is no column '{column}'{nearest(column, known)}"
    if isinstance(columns, str) and columns != ALL:
        yield f"{table}: expected a list of columns, or '*' for all"


def _columns(table: str, said: str | list[str]) -> tuple[str, ...]:
    """The columns in the order of the CDM; the key, the person and the day are always among them."""
    fields = tables()[table].fields
    always = {f.name for f in fields if f.primary_key or f.name == "person_id"} | {offered()[table].get("day")}
    return tuple(f.name for f in fields if said == ALL or f.name in said or f.name in always)
