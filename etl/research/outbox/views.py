"""The pages of outputs: those that a reader may see, one with what can be done about it; in Korean and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter

from etl.files import packaged
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages, part_of
from etl.quality.battery.definition import Words
from etl.quality.findings.actions import today
from etl.research.disclosure.findings import Place, letters
from etl.research.disclosure.rules import read_rules
from etl.research.outbox.policy import policy
from etl.research.outbox.read import Listed, Shown
from etl.research.requests.chain import chain
from etl.research.requests.read import day_of

_TEMPLATES = Path(__file__).with_name("templates")
#: Batches of a page.
_SIZE = 50


def outputs_page(
    site: Site, found: Sequence[Listed], *, page: int, late: bool, mine: bool, request: int | None = None
) -> str:  # fmt: skip
    """Batches that a reader may see, or those of one request; `late`, `mine`: those that were asked for."""
    shown, number, last = part_of(found, page, _SIZE)
    here = site.link("outputs") if request is None else site.link("request_outputs", number=request)
    asked = tuple((name, "1") for name, on in (("late", late), ("mine", mine)) if on)
    values = {
        **_said(site), "found": shown, "late": late, "mine": mine, "today": today(), "request": request, "here": here,
        "pages": Pages(number, last, here or "", asked),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, "outputs.html.j2", values)


def batch_page(
    site: Site, shown: Shown, *, written: Mapping[str, str] | None = None, why: str | None = None, done: bool = False
) -> str:  # fmt: skip
    """One batch as it is shown; `written` and `why`: what was not taken, and why not."""
    values = {
        **_said(site), "shown": shown, "batch": shown.batch, "rules": read_rules().findings, "day_of": day_of,
        "is_author": shown.batch.actor == (site.reader.name if site.reader else None),
        "roles": chain().roles, "written": written or {}, "why": why, "done": done,
        "place": lambda place: _place(place, site.say.language),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, "batch.html.j2", values)


def _said(site: Site) -> dict[str, Any]:
    language = site.say.language
    words = {key: getattr(each, language) for key, each in page_words().items()}
    return {"w": words, "said": lambda each: str(getattr(each, language)), "policy": policy()}


@cache
def page_words() -> Mapping[str, Words]:
    """The words of the pages."""
    return TypeAdapter(dict[str, Words]).validate_python(yaml.safe_load(packaged(__name__, "page.yaml")))


def _place(place: Place, language: str) -> str:
    """Where something was found, in a language."""
    said = {key: getattr(page_words()[key], language) for key in ("part", "row", "column", "whole_file")}
    parts = [("part", str(place.part)), ("row", str(place.row)), ("column", letters(place.column))]
    return " ".join(f"{said[key]} {at}" for key, at in parts if at not in {"0", ""}) or said["whole_file"]
