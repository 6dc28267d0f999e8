"""Writes the validation report: the pages of the quality office as files, to be read, mailed and kept without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from etl.files import write_atomically
from etl.pages.site import Site, write_assets
from etl.quality.names import HospitalName
from etl.quality.report.figures import RunSummary
from etl.quality.report.hospital import hospital_nights, neighbours
from etl.quality.report.read import last_deliveries, night, summaries
from etl.quality.report.tonight import tonight
from etl.quality.report.views import hospital_page, night_page, tonight_page
from etl.store.ledger.ledger import Ledger

LINEAGE = "lineage"  # folder of the lineage pages within the report folder
_HOSPITALS, _ASSETS = "hospitals", "assets"


def write_reports(
    ledger: Ledger, folder: Path, names: Mapping[str, HospitalName], *, run_ids: Sequence[str] | None = None
) -> Path:
    """Write `folder/<night>/<hospital>.html` of the given runs (default: all), their hospitals' pages and the index.

    A hospital's newest delivery of a night owns the night's page. Returns the path of the index.
    """
    runs = summaries(ledger)
    last = last_deliveries(runs)
    wanted = None if run_ids is None else {(r.hospital, r.night) for r in runs if r.run_id in set(run_ids)}
    chosen = last if wanted is None else [run for run in last if (run.hospital, run.night) in wanted]
    # where no run is named, pages may have been removed: what links them is written anew
    hospitals = list(dict.fromkeys(run.hospital for run in (chosen or last)))
    if not chosen:
        hospitals = [hospital for hospital in hospitals if (folder / hospital_path(hospital)).exists()]
    files = _Files(folder, {page_path(run) for run in chosen} | {hospital_path(name) for name in hospitals})
    for run in chosen:
        page = night_page(
            files.beside(page_path(run)), ledger, night(ledger, run, runs), names, _run_again, neighbours(ledger, run)
        )
        write_atomically(folder / page_path(run), page)
    for hospital in hospitals:
        if figures := hospital_nights(ledger, hospital, size=None):
            at = hospital_path(hospital)
            write_atomically(folder / at, hospital_page(files.beside(at), figures, names))
    index = folder / "index.html"
    page = tonight_page(files.beside(Path(index.name)), tonight(ledger, names), names, _run_again)
    write_atomically(index, page)
    write_assets(folder / _ASSETS)
    return index


def page_path(run: RunSummary) -> Path:
    """Where a run's page lies within the report folder."""
    return Path(str(run.night)) / f"{run.hospital}.html"


def hospital_path(hospital: str) -> Path:
    """Where a hospital's page lies within the report folder."""
    return Path(_HOSPITALS) / f"{hospital}.html"


class _Files:
    """The pages of a folder, linked by their paths; what is not there, and will not be, is not linked."""

    def __init__(self, folder: Path, written: set[Path]) -> None:
        self.folder, self.written = folder, written

    def beside(self, page: Path) -> Site:
        """The folder as it is seen from one of its pages."""
        up = "../" * len(page.parent.parts)

        def address(name: str, parts: Mapping[str, str]) -> str | None:
            target = _target(name, parts)
            there = target is not None and (target in self.written or (self.folder / target).exists())
            return f"{up}{target.as_posix()}" if target and (there or name == "tonight") else None

        return Site(address, lambda name: f"{up}{_ASSETS}/{name}")


def _target(name: str, parts: Mapping[str, str]) -> Path | None:
    if name == "night":
        return Path(parts["night"]) / f"{parts['hospital']}.html"
    if name == "hospital":
        return hospital_path(parts["hospital"])
    return {"tonight": Path("index.html"), "lineage": Path(LINEAGE) / "index.html"}.get(name)


def _run_again(_run_id: str) -> None:
    """Where a delivery lies is no matter of pages that are mailed."""
