"""The dictionary as a page: one HTML file without anything from elsewhere, in the style of the nightly reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from etl.files import packaged, write_atomically
from etl.mapping.load import load_mappings
from etl.pages.formats import DASH, count, percent
from etl.pages.page import render
from etl.research.dictionary.document import Dictionary, describe, rules
from etl.research.dictionary.measure import Filled
from etl.settings import Settings
from etl.store.warehouse.open import open_warehouse

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
    write_atomically(target, page_of(dictionary))
    return target


def page_of(dictionary: Dictionary) -> str:
    """The page."""

    def shown(filled: Filled) -> str:
        return f"<{dictionary.small_cell}" if filled.hidden else count(filled.rows)

    def share(filled: Filled, whole: int) -> str:
        return DASH if filled.hidden or not whole else percent(filled.rows, whole)

    style, script = (packaged(__name__, "templates", name) for name in ("dictionary.css", "dictionary.js.j2"))
    values = {"dictionary": dictionary, "rules": rules(), "shown": shown, "share": share}
    return render(_TEMPLATES, f"{PAGE}.j2", values, style=style, script=script, filters={"month": _month})


def _month(value: date | None) -> str:
    """A month, or a dash."""
    return DASH if value is None else f"{value:%Y-%m}"
