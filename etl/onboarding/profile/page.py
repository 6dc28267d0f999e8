"""The profile as a page: one HTML file without anything from elsewhere, in the style of the nightly reports."""

from __future__ import annotations

from pathlib import Path

from etl.files import write_atomically
from etl.onboarding.profile.model import Profile
from etl.pages.page import render

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
    "people": "whatever it holds",
}


def _short_number(value: float) -> str:
    return f"{value:g}"


def page_of(profile: Profile) -> str:
    """The page of a profile."""
    columns = [c for f in profile.files for c in f.columns]
    values = {
        "profile": profile,
        "columns": len(columns),
        "rejected": sum(f.rejected for f in profile.files),
        "hidden": sum(c.hidden is not None for c in columns),
        "size": sum(f.form.bytes for f in profile.files),
        "sampled": any(not f.complete for f in profile.files),
        "encodings": sorted({f.form.encoding for f in profile.files if f.form.encoding and f.form.format == "csv"})
        or ["Parquet"],
        "delimiters": _DELIMITERS,
        "hidden_words": _HIDDEN,
        "shown": _SHOWN,
    }
    return render(_TEMPLATES, "profile.html.j2", values, filters={"short_number": _short_number})


def write_page(profile: Profile, target: Path) -> None:
    """Write the page."""
    write_atomically(target, page_of(profile))
