"""The dictionary as a page: one HTML file without anything from elsewhere, in the style of the nightly reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import jinja2
from markupsafe import Markup

from etl.dictionary.document import Dictionary, describe, rules
from etl.dictionary.measure import Filled
from etl.mapping.check import load_mappings
from etl.report.formats import DASH, count, percent
from etl.report.write import page_environment, policy_hash
from etl.run import write_atomically
from etl.settings import Settings
from etl.warehouse.open import open_warehouse

PAGE = "dictionary.html"
_TEMPLATES = Path(__file__).with_name("templates")


def write_dictionary(settings: Settings, folder: Path, tell: Callable[[str], None] = lambda _: None) -> Path:
    """Measure the published warehouse and write `folder/dictionary.html`; returns its path.

    Raises ConfigError where there is no warehouse, MappingError where the mappings are wrong.
    """
    mappings = load_mappings(settings.mappings, None)
    with open_warehouse(settings).reader() as con:
        dictionary = describe(con, mappings, tell)
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / PAGE
    write_atomically(target, render(dictionary))
    return target


def render(dictionary: Dictionary) -> str:
    """The page."""
    base = page_environment()
    loader = jinja2.ChoiceLoader([jinja2.FileSystemLoader(_TEMPLATES), base.loader or jinja2.BaseLoader()])
    page = base.overlay(loader=loader)
    page.filters["month"] = _month
    style = f"{base.globals['style']}{_text('dictionary.css')}"
    script = f"{base.globals['script']}{_text('dictionary.js.j2')}"

    def shown(filled: Filled) -> str:
        return f"<{dictionary.small_cell}" if filled.hidden else count(filled.rows)

    def share(filled: Filled, whole: int) -> str:
        return DASH if filled.hidden or not whole else percent(filled.rows, whole)

    return page.get_template("dictionary.html.j2").render(
        dictionary=dictionary, rules=rules(), shown=shown, share=share,
        style=Markup(style), style_hash=policy_hash(style), script=Markup(script), script_hash=policy_hash(script),
    )  # fmt: skip


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _month(value: date | None) -> str:
    """A month, or a dash."""
    return DASH if value is None else f"{value:%Y-%m}"
