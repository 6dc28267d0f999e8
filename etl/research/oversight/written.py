"""The register as files: a table for spreadsheets, JSON, a page to be printed on A4."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from etl.files import packaged
from etl.pages.language import say_in
from etl.pages.page import render, render_on
from etl.pages.site import Site
from etl.quality.findings.actions import today
from etl.quality.names import Names
from etl.research.oversight.definition import definition
from etl.research.oversight.register import Processing
from etl.research.oversight.told import as_plain, columns, told, word
from etl.spreadsheets import cells

_TEMPLATES = Path(__file__).with_name("templates")


def as_csv(lines: Sequence[Processing], names: Names, language: str) -> str:
    """A table, with the mark by which spreadsheets know UTF-8; several texts of a cell stand on lines of their own."""
    file = io.StringIO(newline="")
    rows = csv.writer(file)
    rows.writerow(columns(language))
    for line in lines:
        rows.writerow(cells("\n".join(texts) for texts in told(line, names, language).values()))
    return f"\ufeff{file.getvalue()}"


def as_json(lines: Sequence[Processing]) -> str:
    """All lines for a program, with what they are."""
    said = {
        "register": definition().title.en, "law": definition().law.en, "years": definition().years,
        "processings": [as_plain(line) for line in lines],
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, indent=1, default=str) + "\n"


def printed(lines: Sequence[Processing], names: Names, language: str) -> str:
    """The page of the register, by itself."""
    return render(
        _TEMPLATES, "register_printed.html.j2", _values(lines, names, language),
        style=packaged(__name__, "templates", "register.css"), say=say_in(language),
    )  # fmt: skip


def register_page(site: Site, lines: Sequence[Processing], names: Names) -> str:
    """The page of the register in the office."""
    return render_on(site, _TEMPLATES, "register.html.j2", _values(lines, names, site.say.language))


def _values(lines: Sequence[Processing], names: Names, language: str) -> dict[str, object]:
    said = definition()
    return {
        "title": getattr(said.title, language), "law": getattr(said.law, language), "columns": said.columns,
        "lines": [told(line, names, language) for line in lines], "day": today(),
        "said": lambda words: getattr(words, language), "w": lambda key, **values: word(key, language, **values),
        "there": sum(line.destroyed is None for line in lines),
    }  # fmt: skip
