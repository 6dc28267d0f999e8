"""Writes the validation report: the pages of the quality office as files, to be read, mailed and kept without it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from etl.files import write_atomically
from etl.pages.site import Site, write_assets
from etl.quality.findings.chosen import news_of
from etl.quality.findings.views import news_part
from etl.quality.names import Names
from etl.quality.report.folder import ASSETS, Folder, hospital_path, page_path
from etl.quality.report.hospital import hospital_nights, neighbours
from etl.quality.report.read import last_deliveries, night, summaries
from etl.quality.report.tonight import tonight
from etl.quality.report.views import hospital_page, night_page, tonight_page
from etl.store.ledger.ledger import Ledger


def write_reports(
    ledger: Ledger, folder: Path, names: Names, *, run_ids: Sequence[str] | None = None,
    cells: Mapping[str, int] | None = None, beside: Collection[Path] = (),
) -> Path:  # fmt: skip
    """Write `folder/<night>/<hospital>.html` of the given runs (default: all), their hospitals' pages and the index.

    A hospital's newest delivery of a night owns the night's page. With `cells`, below how many persons a hospital's
    numbers are not told, what is new of tracked findings stands on the index and the hospitals' pages. `beside` are
    pages that somebody else writes. Returns the path of the index.
    """
    runs = summaries(ledger)
    last = last_deliveries(runs)
    wanted = None if run_ids is None else {(r.hospital, r.night) for r in runs if r.run_id in set(run_ids)}
    chosen = last if wanted is None else [run for run in last if (run.hospital, run.night) in wanted]
    # where no run is named, pages may have been removed: what links them is written anew
    hospitals = list(dict.fromkeys(run.hospital for run in (chosen or last)))
    if not chosen:
        hospitals = [hospital for hospital in hospitals if (folder / hospital_path(hospital)).exists()]
    files = Folder(
        folder, {page_path(run) for run in chosen} | {hospital_path(name) for name in hospitals} | set(beside)
    )
    for run in chosen:
        page = night_page(
            files.beside(page_path(run)),
            ledger,
            night(ledger, run, runs),
            names,
            _run_again,
            neighbours(ledger, run),
            cells=cells,
        )
        write_atomically(folder / page_path(run), page)
    for hospital in hospitals:
        if figures := hospital_nights(ledger, hospital, size=None):
            site = files.beside(at := hospital_path(hospital))
            news = _news(site, ledger, names, cells, hospital)
            write_atomically(folder / at, hospital_page(site, figures, names, news=news, cells=cells))
    index = folder / "index.html"
    site = files.beside(Path(index.name))
    news = _news(site, ledger, names, cells)
    page = tonight_page(site, tonight(ledger, names), names, _run_again, news=news, cells=cells)
    write_atomically(index, page)
    write_assets(folder / ASSETS)
    return index


def _news(site: Site, ledger: Ledger, names: Names, cells: Mapping[str, int] | None, hospital: str = "") -> str:
    if cells is None:
        return ""
    return news_part(site, news_of(ledger, hospital or None), names, cells, hospital)


def _run_again(_run_id: str) -> None:
    """Where a delivery lies is no matter of pages that are mailed."""
