"""Exported pages in a folder: where each lies, and how they link each other."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import quote

from etl.pages.language import ENGLISH, Say
from etl.pages.site import Site
from etl.quality.report.figures import RunSummary

LINEAGE = "lineage"  # folder of the lineage pages within the report folder
ASSETS = "assets"
_HOSPITALS = "hospitals"
#: Pages of which there is one.
SINGLE = {
    "tonight": Path("index.html"), "findings": Path("findings.html"), "battery": Path("battery.html"),
    "coverage": Path("coverage.html"), "comparison": Path("comparison.html"), "lineage": Path(LINEAGE) / "index.html",
}  # fmt: skip


def page_path(run: RunSummary) -> Path:
    """Where a run's page lies within the report folder."""
    return Path(str(run.night)) / f"{run.hospital}.html"


def hospital_path(hospital: str) -> Path:
    """Where a hospital's page lies within the report folder."""
    return Path(_HOSPITALS) / f"{hospital}.html"


def finding_path(number: int | str) -> Path:
    """Where a finding's page lies."""
    return Path("findings") / f"{number}.html"


def check_path(name: str) -> Path:
    """Where a check's page lies; what no file may be called is written otherwise."""
    return Path("checks") / f"{quote(name, safe=' ,').replace(' ', '_')}.html"


def month_path(name: str) -> Path:
    """Where a month's report lies."""
    return Path("months") / f"{name}.html"


class Folder:
    """The pages of a folder, linked by their paths; what is not there, and will not be, is not linked."""

    def __init__(self, folder: Path, written: Collection[Path]) -> None:
        self.folder, self.written = folder, written

    def beside(self, page: Path, say: Say = ENGLISH) -> Site:
        """The folder as it is seen from one of its pages."""
        up = "../" * len(page.parent.parts)

        def address(name: str, parts: Mapping[str, str]) -> str | None:
            target = _target(name, parts)
            there = target is not None and (target in self.written or (self.folder / target).exists())
            return f"{up}{quote(target.as_posix())}" if target and (there or name == "tonight") else None

        return Site(address, lambda name: f"{up}{ASSETS}/{name}", say=say)


#: Pages of which there are several, by their parts.
_SEVERAL: dict[str, Callable[[Mapping[str, str]], Path]] = {
    "night": lambda parts: Path(parts["night"]) / f"{parts['hospital']}.html",
    "hospital": lambda parts: hospital_path(parts["hospital"]),
    "finding": lambda parts: finding_path(parts["number"]),
    "check": lambda parts: check_path(parts["check"]),
    "month": lambda parts: month_path(parts["month"]),
    "lineage_of": lambda parts: Path(LINEAGE) / f"{parts['hospital']}.html",
}


def _target(name: str, parts: Mapping[str, str]) -> Path | None:
    return _SEVERAL[name](parts) if name in _SEVERAL else SINGLE.get(name)
