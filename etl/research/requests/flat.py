"""A request's form as a page of plain fields holds it: by flat names, texts only, whatever type a field has.

`period` is `period.from` and `period.to`; a hospital or a file that is chosen `hospitals.snuh`; a person
`people.0.account` and so on; a list of texts is one text, a line each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from etl.research.requests.forms import A_PERSON, Form, layout

Flat = Mapping[str, str]
PERIOD = ("from", "to")
#: Types of which a line of the text is an item.
LISTS = ("lines", "columns")


def flat(form: Form) -> dict[str, str]:
    """The fields of a page that hold what a form says."""
    found: dict[str, str] = {}
    for key, value in form.items():
        kind = layout("request").fields[key].type
        if kind in LISTS:
            found[key] = "\n".join(value)
        elif kind == "period":
            found |= {f"{key}.{end}": value[end] for end in PERIOD}
        elif kind == "hospitals":
            found |= {f"{key}.{each}": "1" for each in value}
        elif kind == "files":
            found |= {f"{key}.{each['digest']}": "1" for each in value}
        elif kind == "people":
            found |= {f"{key}.{n}.{part}": each[part] for n, each in enumerate(value) for part in A_PERSON}
        else:
            found[key] = str(value)
    return found


def said(fields: Flat) -> dict[str, Any]:
    """What fields of a page say, in the shapes that `checked` takes; files are not among it."""
    found = {key: _SAID.get(field.type, _text)(key, fields) for key, field in layout("request").fields.items()
             if field.type != "files"}  # fmt: skip
    return {key: value for key, value in found.items() if value}


def chosen(key: str, fields: Flat) -> list[str]:
    """What was ticked of a field: hospitals by their short names, files by their digests."""
    return [name.removeprefix(f"{key}.") for name, value in fields.items() if name.startswith(f"{key}.") and value]


def people(key: str, fields: Flat) -> list[dict[str, str]]:
    """The people of a field, without the rows that are empty."""
    numbers = {name.split(".")[1] for name in fields if name.startswith(f"{key}.")}
    ordered = sorted(int(n) for n in numbers if n.isascii() and n.isdigit())
    rows = [{part: fields.get(f"{key}.{n}.{part}", "").strip() for part in A_PERSON} for n in ordered]
    return [{part: value for part, value in row.items() if value} for row in rows if any(row.values())]


def _text(key: str, fields: Flat) -> str:
    return fields.get(key, "").replace("\r\n", "\n").strip()


def _lines(key: str, fields: Flat) -> list[str]:
    return [line.strip() for line in _text(key, fields).splitlines() if line.strip()]


def _period(key: str, fields: Flat) -> dict[str, str]:
    return {end: value for end in PERIOD if (value := fields.get(f"{key}.{end}", "").strip())}


_SAID: Mapping[str, Callable[[str, Flat], Any]] = {
    **dict.fromkeys(LISTS, _lines), "period": _period, "hospitals": chosen, "people": people,
}  # fmt: skip
