"""The pages about all hospitals together, as functions: mapping coverage, comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from etl.pages.formats import count, duration, percent, points, thousandths
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages
from etl.quality.battery.views import CERTIFIED
from etl.quality.names import Names, name_of
from etl.quality.report.comparison import Comparison
from etl.quality.report.coverage import Coverage
from etl.quality.report.read import UNIT_DOMAIN

_FORMS: dict[str, Callable[[float | None], str]] = {
    "count": count, "percent": percent, "points": points, "thousandths": thousandths,
}  # fmt: skip
_TEMPLATES = Path(__file__).with_name("templates")


def coverage_page(site: Site, figures: Coverage, names: Names) -> str:
    """Mapping rates by domain and hospital, and the codes that nobody has mapped yet."""
    pages = Pages(figures.page, figures.pages, site.link("coverage") or "", figures.asked.asked)
    return _page(site, "coverage.html.j2", names, figures=figures, pages=pages, unit_domain=UNIT_DOMAIN)


def comparison_page(site: Site, figures: Comparison, names: Names) -> str:
    """Hospitals side by side."""

    def shown(value: float | None, form: str) -> str:
        return duration(value, site.say) if form == "duration" else _FORMS[form](value)

    return _page(site, "comparison.html.j2", names, figures=figures, certified=CERTIFIED, shown=shown)


def _page(site: Site, template: str, names: Names, **values: Any) -> str:
    said = {"say": site.say, "named": lambda hospital: name_of(names, hospital)}
    return render_on(site, _TEMPLATES, template, {**said, **values})
