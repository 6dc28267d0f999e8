"""The pages about all hospitals together, as functions: mapping coverage, comparison, the month's report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from etl.pages.disclosure import SMALL_CELL
from etl.pages.formats import count, duration, percent, points, thousandths
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages
from etl.quality.battery.views import CERTIFIED
from etl.quality.findings.told import rows_told
from etl.quality.names import Names, name_of
from etl.quality.report.comparison import Comparison
from etl.quality.report.coverage import Coverage
from etl.quality.report.month import ON_TIME, Month, month_name
from etl.quality.report.read import UNIT_DOMAIN
from etl.quality.report.texts import PARTS, Text

_FORMS: dict[str, Callable[[float | None], str]] = {
    "count": count, "percent": percent, "points": points, "thousandths": thousandths,
}  # fmt: skip
_TEMPLATES = Path(__file__).with_name("templates")


def coverage_page(site: Site, figures: Coverage, names: Names, cells: Mapping[str, int]) -> str:
    """Mapping rates by domain and hospital, and the codes that nobody has mapped yet; of few records in steps."""

    def told(records: int, hospital: str) -> str:
        return rows_told(records, None, cells.get(hospital, SMALL_CELL), site.say)

    pages = Pages(figures.page, figures.pages, site.link("coverage") or "", figures.asked.asked)
    return _page(site, "coverage.html.j2", names, figures=figures, pages=pages, unit_domain=UNIT_DOMAIN, told=told)


def comparison_page(site: Site, figures: Comparison, names: Names) -> str:
    """Hospitals side by side."""

    def shown(value: float | None, form: str) -> str:
        return duration(value, site.say) if form == "duration" else _FORMS[form](value)

    return _page(site, "comparison.html.j2", names, figures=figures, certified=CERTIFIED, shown=shown)


def month_page(
    site: Site, figures: Month, texts: Mapping[str, Text], names: Names, *, said: str | None = None,
    overtaken: str | None = None, kept: Text | None = None,
) -> str:  # fmt: skip
    """A month's report; `kept` is a text that was not taken because somebody else wrote meanwhile."""
    return _page(
        site, "month.html.j2", names, month=figures, texts=texts, parts=PARTS, certified=CERTIFIED,
        hour=f"{ON_TIME:%H:%M}", said=said, overtaken=overtaken, kept=kept,
        earlier=month_name(figures.earlier) if figures.earlier else None,
        later=month_name(figures.later) if figures.later else None,
    )  # fmt: skip


def _page(site: Site, template: str, names: Names, **values: Any) -> str:
    said = {"say": site.say, "named": lambda hospital: name_of(names, hospital)}
    return render_on(site, _TEMPLATES, template, {**said, **values})
