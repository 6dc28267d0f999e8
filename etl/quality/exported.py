"""Writes the pages about findings, checks, coverage and months as files: the office's own, without what can be done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from functools import cached_property
from pathlib import Path

from etl.errors import ConfigError
from etl.files import write_atomically
from etl.pages.language import say_in
from etl.quality.battery.checks import Check
from etl.quality.battery.failing import ChecksAsked, failing
from etl.quality.battery.newest import Judged, judged, newest_looks
from etl.quality.battery.nights import checks_by_id, checks_folder
from etl.quality.battery.views import battery_page, check_page
from etl.quality.findings.actions import today
from etl.quality.findings.checks import check_shown
from etl.quality.findings.chosen import Chosen, Listed, listed
from etl.quality.findings.links import links_of
from etl.quality.findings.read import show
from etl.quality.findings.views import finding_page, findings_page
from etl.quality.names import Names
from etl.quality.report.comparison import comparison
from etl.quality.report.coverage import CodesAsked, coverage
from etl.quality.report.folder import SINGLE, Folder, check_path, finding_path, month_path
from etl.quality.report.month import month, month_name, months
from etl.quality.report.texts import texts_of
from etl.quality.report.together import comparison_page, coverage_page, month_page
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

#: So many findings and checks have pages of their own, the worst; all are in the lists.
_PAGES = 100
_MONTHS = 13


class Exported:
    """The pages that are written: the lists, and of the worst findings and checks each its own."""

    def __init__(self, settings: Settings, ledger: Ledger, names: Names, cells: Mapping[str, int]) -> None:
        self.settings, self.ledger, self.names, self.cells = settings, ledger, names, cells

    @cached_property
    def pages(self) -> list[Path]:
        """Where they lie within the folder."""
        several = [*map(finding_path, self._findings), *map(check_path, self._checks), *map(month_path, self._months)]
        return [*(path for name, path in SINGLE.items() if name not in ("tonight", "lineage")), *several]

    def write(self) -> None:
        """Write them, and remove those of findings and checks that were among the worst before."""
        for path, page in self._made():
            write_atomically(self.settings.reports / path, page)
        for folder in ("findings", "checks"):
            for file in (self.settings.reports / folder).glob("*.html"):
                if file.relative_to(self.settings.reports) not in self.pages:
                    file.unlink()

    def _made(self) -> Iterator[tuple[Path, str]]:
        settings, ledger, names, cells = self.settings, self.ledger, self.names, self.cells
        folder = Folder(settings.reports, self.pages)
        yield from self._lists(folder)
        for number in self._findings:
            detail, at = show(ledger, number), finding_path(number)
            links = links_of(settings, ledger, detail)
            yield at, finding_page(folder.beside(at), detail, links, names, cells, self._asked)
        for name in self._checks:
            if shown := check_shown(settings, ledger, self._asked, name):
                yield check_path(name), check_page(folder.beside(check_path(name)), *shown, names, cells)
        for name, first in self._months.items():  # the committee reads Korean
            if figures := month(ledger, first, self._measured):
                site = folder.beside(month_path(name), say_in("ko"))
                yield month_path(name), month_page(site, figures, texts_of(ledger, first), names)

    def _lists(self, folder: Folder) -> Iterator[tuple[Path, str]]:
        site = {name: folder.beside(path) for name, path in SINGLE.items()}
        names, cells = self.names, self.cells
        yield SINGLE["findings"], findings_page(site["findings"], self._listed, names, cells)
        yield SINGLE["battery"], battery_page(site["battery"], self._newest, ChecksAsked(), names, cells)
        yield SINGLE["coverage"], coverage_page(site["coverage"], coverage(self.ledger, CodesAsked()), names, cells)
        yield SINGLE["comparison"], comparison_page(site["comparison"], comparison(self.ledger, self._newest), names)

    @cached_property
    def _listed(self) -> Listed:
        return listed(self.ledger, Chosen(), today())

    @cached_property
    def _findings(self) -> list[int]:
        return [finding.number for finding in self._listed.findings[:_PAGES]]

    @cached_property
    def _asked(self) -> Mapping[str, Check]:
        with suppress(ConfigError):  # checks that are written wrongly keep no other page from being read
            return checks_by_id(self.settings)
        return {}

    @cached_property
    def _newest(self) -> list[Judged]:
        return self._measured(None)

    def _measured(self, until: date | None) -> list[Judged]:
        looks = newest_looks(self.ledger, until) if self._asked else []
        return judged(self.ledger, looks, self._asked, checks_folder(self.settings))

    @cached_property
    def _checks(self) -> list[str]:
        return [each.check.id for each in failing(self._newest, ChecksAsked())[:_PAGES]]

    @cached_property
    def _months(self) -> dict[str, date]:
        return {month_name(first): first for first in months(self.ledger)[-_MONTHS:]}
