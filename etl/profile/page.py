"""The profile as a page: one HTML file without anything from elsewhere, in the style of the nightly reports."""

from __future__ import annotations

import os
from pathlib import Path

import jinja2

from etl.profile.model import Profile
from etl.report.write import page_environment

_TEMPLATES = Path(__file__).with_name("templates")
_SHOWN = 12  # frequent values on the page; the workbook has all of them
_DELIMITERS = {",": "comma", "|": "bar |", "\t": "tab", ";": "semicolon", "^": "caret ^", "~": "tilde ~", "": "–"}
_HIDDEN = {
    "person": "record number of a patient",
    "name": "name of a person",
    "rrn": "resident registration number",
    "phone": "telephone number",
    "address": "address",
    "other": "identifier",
    "record": "record number",
    "text": "free text",
}


def _short_number(value: float) -> str:
    return f"{value:g}"


def render(profile: Profile) -> str:
    """The page of a profile."""
    environment = page_environment()
    page = environment.overlay(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(_TEMPLATES), environment.loader or jinja2.DictLoader({})])
    )
    page.filters["short_number"] = _short_number
    columns = [c for f in profile.files for c in f.columns]
    return page.get_template("profile.html.j2").render(
        profile=profile,
        columns=len(columns),
        rejected=sum(f.rejected for f in profile.files),
        hidden=sum(c.hidden is not None for c in columns),
        size=sum(f.form.bytes for f in profile.files),
        sampled=any(not f.complete for f in profile.files),
        encodings=sorted({f.form.encoding for f in profile.files if f.form.encoding and f.form.format == "csv"})
        or ["Parquet"],
        delimiters=_DELIMITERS,
        hidden_words=_HIDDEN,
        shown=_SHOWN,
    )


def write_page(profile: Profile, target: Path) -> None:
    """Write the page beside the target and rename it, so that a reader never opens half of it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.write_text(render(profile), encoding="utf-8")
    unfinished.replace(target)
