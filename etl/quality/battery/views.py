"""The pages of the battery, as functions: the office serves what they return, `etl report` writes it down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.pages.disclosure import SMALL_CELL, few, in_steps, told_records
from etl.pages.formats import DASH, count, percent
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Pages, part_of
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Words
from etl.quality.battery.failing import CHECKS_OF_A_PAGE, DIMENSION_NAMES, SEVERITY_NAMES, ChecksAsked, crossed, failing
from etl.quality.battery.history import Cell, History
from etl.quality.battery.newest import Judged
from etl.quality.battery.summary import CATEGORIES, DIMENSIONS
from etl.quality.names import Names, name_of

_TEMPLATES = Path(__file__).with_name("templates")
_HEATS = (0.01, 0.05, 0.2)  # shares from which a cell is the next shade
#: What certifications of data quality ask for, as a share of what is free of errors.
CERTIFIED = 0.99977


@dataclass(frozen=True, slots=True)
class About:
    """What a check's page says of the check itself; `says` in the languages of the readers."""

    name: str
    says: Words
    title: Words
    means: Words | None
    severity: str
    category: str | None
    dimension: str | None
    threshold: float | None
    is_of_battery: bool = True


@dataclass(frozen=True, slots=True)
class Rows:
    """What lists the ids of the rows that a check found at a hospital, and the finding that has it."""

    hospital: str
    sql: str | None
    finding: int | None


def about(check: Check) -> About:
    """A check of the battery."""
    kind = check.type
    says = Words(en=check.sentence(), ko=check.sentence("ko"))
    return About(check.id, says, kind.title, kind.means, kind.severity, kind.category, kind.dimension, check.threshold)


def battery_page(
    site: Site, nights: Sequence[Judged], asked: ChecksAsked, names: Names, cells: Mapping[str, int], *, page: int = 1
) -> str:  # fmt: skip
    """Every hospital's newest measured night: by dimension and category, and what fails, a page of it."""
    found = failing(nights, asked)
    shown, page, last = part_of(found, page, CHECKS_OF_A_PAGE if site.live else None)
    return _page(
        site, "battery.html.j2", names, cells, nights=nights, asked=asked, number=len(found),
        shown=shown, crossed=crossed(nights, asked.hospital),
        pages=Pages(page, last, site.link("battery") or "", asked.asked), categories=CATEGORIES,
    )  # fmt: skip


def check_page(
    site: Site, said: About, history: History, rows: Sequence[Rows], names: Names, cells: Mapping[str, int]
) -> str:
    """One check: what it asks, its nights with hospitals side by side, and how to get at the rows it found."""
    address = site.link("check", check=said.name) or ""
    pages = Pages(history.page, history.pages, address)
    return _page(
        site, "check.html.j2", names, cells, about=said, history=history, pages=pages,
        rows={each.hospital: each for each in rows},
    )  # fmt: skip


def _page(site: Site, template: str, names: Names, cells: Mapping[str, int], **values: Any) -> str:
    korean = site.say.language == "ko"

    def told(cell: Any, hospital: str) -> str:
        return _told(cell.violated, cell.of, cells.get(hospital, SMALL_CELL))

    def share(cell: Any, hospital: str) -> str:
        hidden = few(cells.get(hospital, SMALL_CELL), cell.violated or 0, cell.of or 0)
        if cell.violated is None or not cell.violated:
            return DASH if cell.violated is None else "0"
        return told_records(in_steps(cell.violated, hidden), hidden) if hidden else percent(cell.share)

    said = {
        "say": site.say, "named": lambda hospital: name_of(names, hospital), "told": told, "share": share,
        "in_words": lambda words: words.ko if korean else words.en, "heat": _heat, "severities": SEVERITY_NAMES,
        "dimensions": dict(zip(DIMENSIONS, DIMENSION_NAMES, strict=True)), "certified": CERTIFIED,
        "sentence_of": lambda check: check.sentence("ko" if korean else "en"),
    }  # fmt: skip
    return render_on(site, _TEMPLATES, template, {**said, **values})


def _told(violated: int | None, of: int | None, small_cell: int) -> str:
    """`120 / 4,000`; fewer than a small cell in steps."""
    if violated is None:
        return DASH
    hidden, few_of = few(small_cell, violated, of or 0), few(small_cell, of or 0)
    part = told_records(in_steps(violated, hidden), hidden)
    return part if of is None else f"{part} / {told_records(in_steps(of, few_of), few_of)}" if hidden else (
        f"{count(violated)} / {count(of)}"
    )  # fmt: skip


def _heat(cell: Cell) -> str:
    """The shade of a cell: none where it holds or says nothing, the deeper the larger the share that fails."""
    if cell.status != "failed":
        return {"passed": "cool" if cell.violated else "clear", "error": "odd"}.get(cell.status, "none")
    share = cell.share or 0.0
    return f"heat-{1 + sum(share >= step for step in _HEATS)}"
