"""The printed page of a request, in Korean or English: its form, decision, pledges, steps; A4, one file."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from etl.files import packaged
from etl.pages.language import say_in
from etl.pages.page import render
from etl.quality.battery.definition import Words
from etl.quality.names import Names, name_of
from etl.research.requests.case import Case
from etl.research.requests.chain import chain
from etl.research.requests.forms import Field, layout, pledge
from etl.research.requests.read import day_of, told

_TEMPLATES = Path(__file__).with_name("templates")


def printed(case: Case, names: Names, language: str) -> str:
    """The page of a request as it stands."""
    words = {key: getattr(each, language) for key, each in page_words().items()}

    def said(each: Words) -> str:
        return str(getattr(each, language))

    values = {
        "case": case, "w": words, "said": said, "chain": chain(), "pledge": pledge(), "steps": told(case),
        "day_of": day_of, "title": said(layout("request").title), "decision": said(layout("conditions").title),
        "asked": _lines("request", case.form, names, language),
        "approved": _lines("conditions", case.conditions, names, language),
        "hospital": lambda short: getattr(name_of(names, short), language),
        "signed": {s.actor: s for s in case.steps if s.move == "pledge"}, "destroyed": case.newest("destroy"),
    }  # fmt: skip
    return render(
        _TEMPLATES, "request.html.j2", values, style=packaged(__name__, "templates", "request.css"),
        say=say_in(language),
    )  # fmt: skip


@cache
def page_words() -> Mapping[str, Words]:
    """The words of the page."""
    return TypeAdapter(dict[str, Words]).validate_python(yaml.safe_load(packaged(__name__, "forms", "page.yaml")))


def _lines(form: str, values: Mapping[str, Any], names: Names, language: str) -> list[tuple[str, list[str]]]:
    """The fields of a form in words, each with its lines; people have a table of their own."""
    return [
        (getattr(field.title, language), _told(field, values.get(key), names, language))
        for key, field in layout(form).fields.items()
        if field.type != "people"
    ]


def _told(field: Field, value: Any, names: Names, language: str) -> list[str]:
    if value is None:
        return []
    if field.type == "choice":
        return [getattr(field.choices[value], language)]
    if field.type == "hospitals":
        return [getattr(name_of(names, each), language) for each in value]
    if field.type == "period":
        return [f"{value['from']} – {value['to']}"]
    if field.type == "files":
        unit = getattr(page_words()["bytes"], language)
        return [f"{each['name']} ({each['bytes']:,} {unit}, sha256 {each['digest'][:16]})" for each in value]
    return list(value) if field.type == "lines" else str(value).splitlines()
