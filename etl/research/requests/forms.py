"""The forms of the chain as data (`forms/*.yaml`), and what somebody wrote into one, read and held against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from hashlib import sha256
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict

from etl import yamls
from etl.errors import ConfigError, InputError, nearest
from etl.files import packaged
from etl.quality.battery.definition import Words
from etl.quality.battery.own.queries import QueryError
from etl.research.requests.signs import UNSEEN, has_unseen
from etl.research.spaces.definition import ALL, one_query, unknown_columns

Form = Mapping[str, Any]
#: What somebody on a request is.
PRINCIPAL, RESEARCHER, RECIPIENT = "principal", "researcher", "recipient"
_LONGEST = 20_000
#: What is said of everybody on a request.
A_PERSON = ("account", "name", "part", "affiliation")
_YEARS = range(1900, 2200)


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Field(_Part):
    """One field: what it takes, from which move on it has to be there, the state that a change of it goes back to."""

    type: Literal["text", "lines", "choice", "day", "period", "people", "hospitals", "files", "columns", "query"]
    title: Words
    required_at: str | None = None
    touches: str | None = None
    choices: Mapping[str, Words] = {}


class Layout(_Part):
    """A form."""

    title: Words
    fields: dict[str, Field]


class Pledge(_Part):
    """The text that people sign, and its version."""

    title: Words
    version: str
    lines: tuple[Words, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of what it says, in both languages."""
        return sha256(self.model_dump_json().encode()).hexdigest()


@cache
def layout(name: str) -> Layout:
    """The form of a name: request or conditions."""
    return Layout.model_validate(yaml.safe_load(packaged(__name__, "forms", f"{name}.yaml")))


@cache
def pledges() -> Mapping[str, Pledge]:
    """Every text of the security pledge that was ever signed, by its version; the newest last.

    Raises ConfigError where one is not what it was: people have signed it.
    """
    digests = yaml.safe_load(packaged(__name__, "forms", "pledges", "versions.yaml"))
    found = {version: _pledge(version) for version in digests}
    if changed := [version for version, text in found.items() if text.digest != digests[version]]:
        raise ConfigError(f"the text of the security pledge {', '.join(changed)} is another one than was signed",
                          hint="a changed text is a new version: etl/research/requests/forms/pledges")  # fmt: skip
    return found


def pledge() -> Pledge:
    """The security pledge as it is signed today."""
    return list(pledges().values())[-1]


def _pledge(version: str) -> Pledge:
    said = yaml.safe_load(packaged(__name__, "forms", "pledges", f"{version}.yaml"))
    return Pledge.model_validate({"version": version, **said})


def read_form(name: str, text: str) -> Form:
    """What a YAML text says in a form, days as ISO texts; InputError with all that is wrong, which quotes nothing."""
    try:
        said = yamls.load(text)
    except yaml.YAMLError:
        raise InputError("the form is no YAML that can be read", hint=f"begin with: etl request form {name}") from None
    if not isinstance(said, dict):
        raise InputError("the form has no fields", hint=f"begin with: etl request form {name}")
    return checked(name, said)


def checked(name: str, said: Mapping[Any, Any]) -> Form:
    """What is said in a form, in its shape; InputError with all that is wrong."""
    fields, found, wrong = layout(name).fields, {}, []
    for key, value in said.items():
        if key not in fields:
            wrong.append(f"there is no field '{str(key)[:40]}'{nearest(str(key)[:40], fields)}")
        elif value not in (None, "", [], {}):
            try:
                found[key] = _READ[fields[key].type](value, fields[key])
            except ValueError as error:
                wrong.append(f"{key}: {error}")
    if wrong:
        raise InputError("the form cannot be taken:\n" + "\n".join(f"  {each}" for each in wrong),
                         hint=f"correct these fields; what they take: etl request form {name}")  # fmt: skip
    return found


def lacking(name: str, form: Form, moves: Sequence[str]) -> list[str]:
    """Fields that have to be there for one of some moves and are not."""
    return [key for key, field in layout(name).fields.items() if field.required_at in moves and key not in form]


def touched(before: Form, now: Form) -> list[str]:
    """States that a change goes back to, by its fields."""
    fields = layout("request").fields
    return [f.touches for key, f in fields.items() if f.touches and before.get(key) != now.get(key)]


def whole_table(variable: str) -> str:
    """The variable that stands for all columns of the table of one."""
    return f"{variable.partition('.')[0]}.{ALL}"


def accounts_of(form: Form) -> set[str]:
    """Everybody whom a request names."""
    return {each["account"] for each in form.get("people", ())}


def blank(name: str) -> str:
    """A form to be filled in: its fields in order, what they take and mean beside them."""
    lines = [f"# {layout(name).title.ko} · {layout(name).title.en}"]
    for key, field in layout(name).fields.items():
        lines.append(f"\n# {field.title.ko} · {field.title.en}; {_TAKES[field.type]}")
        lines += [f"#   {choice}: {words.en}" for choice, words in field.choices.items()]
        lines.append(f"{key}:")
    return "\n".join([*lines, ""])


def _text(value: Any, _field: Field) -> str:
    if not isinstance(value, str | int | float) or isinstance(value, bool) or len(str(value)) > _LONGEST:
        raise ValueError(f"expected a text of at most {_LONGEST:,} letters")
    if has_unseen(str(value)):
        raise ValueError(UNSEEN)
    return str(value).strip()


def _lines(value: Any, field: Field) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("expected a list of texts")  # noqa: TRY004 - what is wrong with a field, as any other
    return list(dict.fromkeys(_text(each, field) for each in value))


def _choice(value: Any, field: Field) -> str:
    if not isinstance(value, str) or value not in field.choices:
        raise ValueError(f"expected one of {', '.join(field.choices)}")
    return str(value)


def _day(value: Any, _field: Field) -> str:
    try:
        found = date.fromisoformat(str(value))
    except ValueError:
        raise ValueError("expected a day, YYYY-MM-DD") from None
    if found.year not in _YEARS:
        raise ValueError(f"expected a day from {_YEARS[0]} to {_YEARS[-1]}")
    return found.isoformat()


def _period(value: Any, field: Field) -> dict[str, str]:
    if not isinstance(value, dict) or set(value) != {"from", "to"}:
        raise ValueError("expected two days: {from: YYYY-MM-DD, to: YYYY-MM-DD}")
    found = {key: _day(value[key], field) for key in ("from", "to")}
    if found["from"] > found["to"]:
        raise ValueError("ends before it begins")
    return found


def _columns(value: Any, field: Field) -> list[str]:
    found = _lines(value, field)
    tables: dict[str, list[str]] = {}
    for each in found:
        table, dot, column = each.partition(".")
        if not (dot and table and column):
            raise ValueError("expected columns as table.column, or table.* for all of a table")
        tables.setdefault(table, []).append(column)
    if wrong := unknown_columns({t: [c for c in columns if c != ALL] for t, columns in tables.items()}):
        raise ValueError("; ".join(wrong))
    return found


def _query(value: Any, field: Field) -> str:
    said = _text(value, field)
    try:
        one_query(said)
    except QueryError as error:
        raise ValueError(str(error)) from None
    return said


def _people(value: Any, field: Field) -> list[dict[str, str]]:
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ValueError(f"expected a list of people, each with {', '.join(A_PERSON)}")
    found = [{key: _text(each[key], field) for key in A_PERSON if each.get(key)} for each in value]
    if any(set(each) != set(A_PERSON) for each in value) or any(len(each) != len(A_PERSON) for each in found):
        raise ValueError(f"everybody needs {', '.join(A_PERSON)}, and nothing else")
    parts = [each["part"] for each in found]
    if set(parts) - {PRINCIPAL, RESEARCHER, RECIPIENT} or parts.count(PRINCIPAL) != 1:
        raise ValueError(f"expected one {PRINCIPAL}; others are {RESEARCHER} or {RECIPIENT}")
    if len({each["account"].casefold() for each in found}) != len(found):
        raise ValueError("somebody is named twice")
    return found


_READ: Mapping[str, Callable[[Any, Field], Any]] = {
    "text": _text, "lines": _lines, "choice": _choice, "day": _day, "period": _period, "people": _people,
    "hospitals": _lines, "files": _lines, "columns": _columns, "query": _query,
}  # fmt: skip
_TAKES = {
    "text": "a text", "lines": "a list of texts", "choice": "one of", "day": "a day, YYYY-MM-DD",
    "period": "{from: YYYY-MM-DD, to: YYYY-MM-DD}",
    "people": f"a list of {{account, name, part, affiliation}}; part: {PRINCIPAL} (one), {RESEARCHER}, {RECIPIENT}",
    "columns": "a list of columns of the CDM, each table.column, or table.* for all of a table",
    "query": "SQL over the CDM, one query that gives person_id and index_date",
    "hospitals": "a list of hospitals by their short names", "files": "a list of files, by their paths from this one",
}  # fmt: skip
