"""The pages of the quality office, as functions: the office serves what they return, `etl report` writes it down."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from etl.pages.charts import Part
from etl.pages.disclosure import SMALL_CELL
from etl.pages.formats import DASH
from etl.pages.language import noted
from etl.pages.page import render_on
from etl.pages.site import Site
from etl.pages.tables import Order, Pages
from etl.quality.findings.told import rows_told
from etl.quality.names import Names, name_of
from etl.quality.report.decisions import Asked
from etl.quality.report.figures import Night, RunSummary
from etl.quality.report.hospital import HospitalNights
from etl.quality.report.needs import Need, need_of
from etl.quality.report.read import UNIT_DOMAIN
from etl.quality.report.reasons import changed, explained
from etl.quality.report.tonight import Tonight, sorted_lines
from etl.quality.report.verdict import verdict
from etl.quality.report.words import asked_as, gate_name, stage_name
from etl.store.ledger.ledger import Ledger

_TEMPLATES = Path(__file__).with_name("templates")
#: Gives the command by which a run is run again, where it can be told.
Again = Callable[[str], str | None]
#: Below how many persons a number is not told, by hospital; of a hospital that is not there the usual one holds.
SmallCells = Mapping[str, int]
_OUTCOMES = ("rejected", "quarantined", "filtered")


def tonight_page(
    site: Site, figures: Tonight, names: Names, again: Again, *, sort: str = "state", down: bool | None = None,
    said: str | None = None, news: str = "", cells: SmallCells | None = None, duties: str = "",
) -> str:  # fmt: skip
    """All hospitals at a glance; `said` is what a decision just came to, `news` what is new of tracked findings.

    `duties` is what waits for the reader beside the nights.
    """
    lines, reverse = sorted_lines(figures, sort, down=down)
    order = Order(sort, reverse, site.link("tonight") or "", "hospitals")
    return _page(
        site, "tonight.html.j2", names, cells, again=again, tonight=figures, lines=lines, order=order, said=said,
        beside=_beside(site), news=news, duties=duties,
    )  # fmt: skip


def hospital_page(
    site: Site, figures: HospitalNights, names: Names, *, news: str = "", cells: SmallCells | None = None
) -> str:  # fmt: skip
    """A hospital's nights, its figures over time, what its newest night found, what is new of tracked findings."""
    address = site.link("hospital", hospital=figures.hospital) or ""
    pages = Pages(figures.page, figures.pages, address)
    name = name_of(names, figures.hospital)
    return _page(site, "hospital.html.j2", names, cells, figures=figures, pages=pages, name=name, news=news)


def night_page(
    site: Site, ledger: Ledger, figures: Night, names: Names, again: Again, beside: tuple[date | None, date | None],
    *, said: str | None = None, cells: SmallCells | None = None,
) -> str:  # fmt: skip
    """Everything about one run, what holds it first; `beside` are the hospital's nights before and after."""
    run = figures.run
    earlier, later = beside
    return _page(
        site, "night.html.j2", names, cells, again=again, night=figures, run=run, said=said,
        verdict=verdict(figures, site.say),
        need=need_of(ledger, run, figures.stays, late=False, say=site.say),
        name=name_of(names, run.hospital),
        earlier=_linked(site, run, earlier), later=_linked(site, run, later),
        shares=_shares(site, run),
        changes=changed(figures.changes),
        reasons={outcome: explained(figures.reasons, outcome) for outcome in _OUTCOMES},
    )  # fmt: skip


def approvals_page(
    site: Site, needs: Sequence[Need], decided: Sequence[Asked], hospitals: Mapping[str, str], names: Names,
    again: Again, *, said: str | None = None, cells: SmallCells | None = None,
) -> str:  # fmt: skip
    """What waits for a person, and what was decided before; `hospitals` are those of the runs decided about."""
    return _page(
        site,
        "approvals.html.j2",
        names,
        cells,
        again=again,
        needs=needs,
        decided=decided,
        hospitals=hospitals,
        said=said,
    )


def _page(site: Site, template: str, names: Names, cells: SmallCells | None, **values: Any) -> str:
    def small(hospital: str) -> int:
        return (cells or {}).get(hospital, SMALL_CELL)

    said = {
        "rows": lambda each, hospital: rows_told(each.violated, each.total or None, small(hospital), site.say),
        "told": lambda number, hospital: rows_told(number, None, small(hospital), site.say) or DASH,
        "gate_name": lambda gate: gate_name(gate, site.say),
        "stage_name": lambda stage: stage_name(stage, site.say),
        "asked_as": lambda expectation: asked_as(expectation, site.say),
        "named": lambda hospital: name_of(names, hospital),
        "unit_domain": UNIT_DOMAIN,
        "say": site.say,
    }
    return render_on(site, _TEMPLATES, template, {**said, **values})


def _beside(site: Site) -> list[tuple[str, str]]:
    """What lies beside exported reports: addresses and names."""
    pages = {
        "findings": site.say("Findings"), "battery": site.say("Battery"), "coverage": site.say("Mapping coverage"),
        "comparison": site.say("Comparison of hospitals"), "lineage": site.say("Lineage: from sources to the CDM"),
    }  # fmt: skip
    return [(address, name) for page, name in pages.items() if (address := site.link(page))]


def _linked(site: Site, run: RunSummary, night: date | None) -> tuple[date, str] | None:
    """A night and the link to its page, where there is one."""
    address = site.link("night", hospital=run.hospital, night=night) if night else None
    return (night, address) if night and address else None


def _shares(site: Site, run: RunSummary) -> list[Part]:
    """Where the rows went; what has no outcome yet is the last part."""
    kinds = (noted("mapped"), noted("filtered"), noted("quarantined"), noted("rejected"))
    parts = [Part(kind, site.say(kind), getattr(run, kind) or 0) for kind in kinds]
    return [*parts, Part("open", site.say("without an outcome"), max((run.rows_in or 0) - run.accounted, 0))]
