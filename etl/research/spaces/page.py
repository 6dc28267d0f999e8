"""The pages of a space, in English and Korean: how it measures by its policy, and that it was destroyed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from etl.files import write_atomically
from etl.pages.disclosure import told_persons
from etl.pages.language import LANGUAGES, noted, say_in
from etl.pages.page import render_on
from etl.pages.site import Site, write_assets
from etl.research.concepts.usage import strictest_small_cell
from etl.research.spaces.adequacy import Measured
from etl.research.spaces.certificate import Certificate
from etl.research.spaces.definition import Definition
from etl.research.spaces.policy import Policy
from etl.settings import Settings

_TEMPLATES = Path(__file__).with_name("templates")
_ASSETS = "assets"
REPORT = "report"
_WORDS = {
    "sex": noted("sex"), "birth": noted("birth"), "place": noted("place"), "died": noted("died"),
    "main_condition": noted("most frequent condition"), "death": noted("death"),
    "prosecutor": noted("who knows that a person is in the space"),
    "journalist": noted("who looks for anybody in the whole warehouse"),
    "marketer": noted("who tries all persons, on average"),
}  # fmt: skip
_RULES = {
    "dates": noted("Days"), "birth": noted("Birth"), "places": noted("Places"), "codes": noted("Codes"),
    "text": noted("Texts"), "staff": noted("Staff"), "adequacy": noted("Adequacy"),
}  # fmt: skip


def write_report(
    settings: Settings, folder: Path, definition: Definition, policy: Policy, measured: Measured, left_out: int,
    failures: list[str],
) -> None:  # fmt: skip
    """Write how a space measures: `report.json`, and a page in each language."""
    cell = strictest_small_cell(settings)
    said = {
        "project": definition.name, "policy": policy.name, "holds": not failures, "fails": failures,
        "left_out": _few(left_out, cell), **measures_told(measured, cell),
    }  # fmt: skip
    write_atomically(folder / f"{REPORT}.json", json.dumps(said, ensure_ascii=False, indent=1))
    values = {
        "definition": definition, "policy": policy, "measured": measured, "left_out": left_out, "failures": failures,
        "words": _WORDS, "rules": _RULES, "few": lambda n: told_persons(None if 0 < n < cell else n, cell),
    }  # fmt: skip
    _write_pages(folder, REPORT, "space_report.html.j2", values)


def measures_told(measured: Measured, cell: int) -> dict[str, Any]:
    """The measures of a space as they are told, for a script and for the record."""
    return {
        "persons": _few(measured.persons, cell), "below": _few(measured.below, cell),
        "cured": {name: _few(n, cell) for name, n in measured.cured.items()},
        "unique_here": _few(measured.unique_here, cell), "unique_everywhere": _few(measured.unique_everywhere, cell),
        **{name: asdict(measured)[name] for name in ("known", "classes", "k", "l", "t", "risks", "texts", "numbers")},
    }  # fmt: skip


def _few(number: int, cell: int) -> int | str:
    """A number of persons as it is told."""
    return number if number == 0 or number >= cell else f"<{cell}"


def write_certificate(folder: Path, name: str, certificate: Certificate) -> Path:
    """Write the certificate's pages; returns the English one."""
    return _write_pages(folder, name, "space_certificate.html.j2", {"said": certificate})


def _write_pages(folder: Path, name: str, template: str, values: Mapping[str, Any]) -> Path:
    write_assets(folder / _ASSETS)
    for language in LANGUAGES:
        site = Site(lambda _page, _parts: None, lambda asset: f"{_ASSETS}/{asset}", say=say_in(language))
        other = {code: f"{name}.{code}.html" for code in LANGUAGES}
        page = render_on(site, _TEMPLATES, template, {**values, "other": other, "say": site.say})
        write_atomically(folder / f"{name}.{language}.html", page)
    return folder / f"{name}.en.html"
