"""The pages of requests: all, one with what can be done about it, one to be printed on A4; in Korean and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from etl.files import packaged
from etl.pages.language import say_in
from etl.pages.page import render, render_on
from etl.pages.site import Site
from etl.quality.battery.definition import Words
from etl.quality.findings.actions import today
from etl.quality.names import Names, name_of
from etl.research.requests.case import Case
from etl.research.requests.chain import chain
from etl.research.requests.flat import LISTS, PERIOD, people
from etl.research.requests.forms import (
    A_PERSON,
    PRINCIPAL,
    RECIPIENT,
    RESEARCHER,
    Field,
    blank,
    layout,
    pledge,
    pledges,
)
from etl.research.requests.guards import IRB_RESULTS, VOTES
from etl.research.requests.read import Listed, day_of, told

_TEMPLATES = Path(__file__).with_name("templates")
_ROOM = 2  # people more than are there


def printed(case: Case, names: Names, language: str) -> str:
    """The page of a request as it stands."""
    values = _values(case, names, language)
    return render(
        _TEMPLATES, "request.html.j2", values, style=packaged(__name__, "templates", "request.css"),
        say=say_in(language),
    )  # fmt: skip


def requests_page(site: Site, found: Sequence[Listed], *, late: bool) -> str:
    """The requests that a reader may see; `late`: those that wait too long were asked for."""
    values = {"found": found, "late": late, "today": today(), "chain": chain(), **_said(site.say.language)}
    return render_on(site, _TEMPLATES, "requests.html.j2", values)


def case_page(
    site: Site, case: Case, names: Names, moves: Sequence[str], hospitals: Sequence[str], *,
    written: Mapping[str, str] | None = None, why: str | None = None, done: bool = False, may_change: bool = False,
) -> str:  # fmt: skip
    """One request, with a form for each of some `moves`; `written` and `why`: what was not taken, and why not."""
    language = site.say.language
    values = {
        **_values(case, names, language), "offered": moves, "mine": hospitals, "written": written or {},
        "why": why, "done": done, "may_change": may_change, "votes": VOTES, "results": IRB_RESULTS,
        "blank": blank("conditions"),
        "named": lambda shorts: [(each, getattr(name_of(names, each), language)) for each in shorts],
        "in_words": lambda keys: [(key, getattr(page_words()[key], language)) for key in keys],
    }  # fmt: skip
    return render_on(site, _TEMPLATES, "case.html.j2", values)


def draft_page(
    site: Site, case: Case | None, fields: Mapping[str, str], hospitals: Sequence[str], names: Names, *,
    why: str | None = None, seen: str | None = None,
) -> str:  # fmt: skip
    """The form of a request to be filled in, or (of a `case`) changed; `fields`: what is in it, see `flat`.

    `seen`: the step that was the last when it was opened, where it comes back; `why`: why it was not taken.
    """
    language = site.say.language
    there = case.form.get("files", ()) if case else ()
    values = {
        **_said(language), "case": case, "fields": fields, "why": why, "seen": seen, "layout": layout("request"),
        "lists": LISTS, "period": PERIOD, "a_person": A_PERSON, "hospitals": hospitals, "files": there,
        "parts": [(part, getattr(page_words()[part], language)) for part in (PRINCIPAL, RESEARCHER, RECIPIENT)],
        "rows": range(len(people("people", fields)) + _ROOM),
        "hospital": lambda short: getattr(name_of(names, short), language),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, "draft.html.j2", values)


def _said(language: str) -> dict[str, Any]:
    words = {key: getattr(each, language) for key, each in page_words().items()}
    return {"w": words, "said": lambda each: str(getattr(each, language))}


def _values(case: Case, names: Names, language: str) -> dict[str, Any]:
    return {
        **_said(language), "case": case, "chain": chain(), "pledge": pledge(), "steps": told(case),
        "day_of": day_of, "title": getattr(layout("request").title, language),
        "decision": getattr(layout("conditions").title, language),
        "asked": _lines("request", case.form, names, language),
        "approved": _lines("conditions", case.conditions, names, language),
        "hospital": lambda short: getattr(name_of(names, short), language),
        "texts": [text for version, text in pledges().items() if version in _signed(case)],
        "destroyed": case.newest("destroy"),
    }  # fmt: skip


def _signed(case: Case) -> set[str]:
    """Versions of the pledge that were signed, and, where somebody may still sign, the one of today."""
    signed = {step.said["text"] for step in case.signatures}
    current = {person for person, version in case.pledges.items() if version == pledge().version}
    waits = case.state in chain().moves["pledge"].from_ and not case.people <= current
    return {*signed, pledge().version} if waits else signed


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
