"""Writes the validation report: one self-contained HTML file per hospital and night, and an index over all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from etl.files import write_atomically
from etl.pages.charts import Part, Point
from etl.pages.page import render
from etl.quality.report.figures import Night, RunSummary
from etl.quality.report.names import HospitalName
from etl.quality.report.read import UNIT_DOMAIN, last_deliveries, newest_night, night, summaries
from etl.quality.report.reasons import changed, explained
from etl.quality.report.verdict import gate_name, verdict
from etl.store.ledger.ledger import Ledger

_TEMPLATES = Path(__file__).with_name("templates")
LINEAGE = "lineage"  # folder of the lineage pages within the report folder
_GRID_NIGHTS = 14
_ATTENTION = ("failed", "lost", "blocked", "waiting", "running", "unpublished", "left", "published")


def write_reports(
    ledger: Ledger, folder: Path, names: Mapping[str, HospitalName], *, run_ids: Sequence[str] | None = None
) -> Path:
    """Write `folder/<night>/<hospital>.html` of the given runs (default: all) and `folder/index.html`.

    A hospital's newest delivery of a night owns the night's page. Returns the path of the index.
    """
    runs = summaries(ledger)
    last = last_deliveries(runs)
    wanted = None if run_ids is None else {(r.hospital, r.night) for r in runs if r.run_id in set(run_ids)}
    chosen = last if wanted is None else [run for run in last if (run.hospital, run.night) in wanted]
    readable = {r.run_id for r in chosen} | {r.run_id for r in last if (folder / page_path(r)).exists()}
    linked = [run for run in last if run.run_id in readable]
    for run in chosen:
        write_atomically(folder / page_path(run), render_night(night(ledger, run, runs), linked, names))
    index = folder / "index.html"
    lineage = (folder / LINEAGE / "index.html").exists()
    write_atomically(index, render_index(last, newest_night(runs), readable, names, lineage=lineage))
    return index


def page_path(run: RunSummary) -> Path:
    """Where a run's page lies within the report folder."""
    return Path(str(run.night)) / f"{run.hospital}.html"


def render_night(figures: Night, linked: Sequence[RunSummary], names: Mapping[str, HospitalName]) -> str:
    """The page of one hospital and night; `linked` are the runs whose pages exist, oldest first."""
    run = figures.run
    own = [r.night for r in linked if r.hospital == run.hospital]
    return _page(
        "night.html.j2",
        night=figures,
        run=run,
        verdict=verdict(figures),
        name=_name(names, run.hospital),
        earlier=max((n for n in own if n < run.night), default=None),
        later=min((n for n in own if n > run.night), default=None),
        shares=_shares(run),
        changes=changed(figures.changes),
        reasons={outcome: explained(figures.reasons, outcome) for outcome in ("rejected", "quarantined", "filtered")},
        trends=_trends(figures.trend),
    )


def render_index(
    last: Sequence[RunSummary],
    newest: date | None,
    readable: set[str],
    names: Mapping[str, HospitalName],
    *,
    lineage: bool = False,
) -> str:
    """The index over the last delivery of every hospital and night, which starts with the night `newest`.

    `lineage`: with a link to the lineage pages.
    """
    nights = sorted({run.night for run in last}, reverse=True)
    history = {h: [r for r in last if r.hospital == h] for h in dict.fromkeys(run.hospital for run in last)}
    return _page(
        "index.html.j2",
        nights=nights[:_GRID_NIGHTS][::-1],
        older=nights[_GRID_NIGHTS:],
        newest=newest,
        latest=_by_attention([_latest(runs, newest) for runs in history.values()], newest),
        cells={(run.hospital, run.night): run for run in last},
        sparks={h: [Point(r.night, r.rate, r.state) for r in runs[-30:]] for h, runs in history.items()},
        readable=readable,
        names={hospital: _name(names, hospital) for hospital in history},
        order=_ATTENTION,
        lineage=f"{LINEAGE}/index.html" if lineage else None,
    )


def _page(template: str, **values: Any) -> str:
    return render(_TEMPLATES, template, {"gate_name": gate_name, "unit_domain": UNIT_DOMAIN, **values})


def _latest(runs: Sequence[RunSummary], newest: date | None) -> RunSummary:
    """A hospital's run to show first: not of a night after `newest`, which was gone back from, if there is another."""
    return next((run for run in reversed(runs) if newest and run.night <= newest), runs[-1])


def _by_attention(latest: list[RunSummary], newest: date | None) -> list[RunSummary]:
    """What needs a look first: hospitals without a run of the newest night, then failed, blocked, the rest."""
    rank = {state: i for i, state in enumerate(_ATTENTION)}
    return sorted(latest, key=lambda r: (r.night == newest, rank.get(r.state, 0), r.hospital))


def _name(names: Mapping[str, HospitalName], hospital: str) -> HospitalName:
    return names.get(hospital) or HospitalName(hospital, hospital)


def _shares(run: RunSummary) -> list[Part]:
    """Where the rows went; what has no outcome yet is the last part."""
    parts = [Part(k, k, getattr(run, k) or 0) for k in ("mapped", "filtered", "quarantined", "rejected")]
    return [*parts, Part("open", "without an outcome", max((run.rows_in or 0) - run.accounted, 0))]


def _trends(runs: Sequence[RunSummary]) -> dict[str, list[Point]]:
    def points(name: str) -> list[Point]:
        return [Point(run.night, getattr(run, name), run.state) for run in runs]

    return {name: points(name) for name in ("rate", "rows_in", "quarantined")}
