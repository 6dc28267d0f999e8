"""Writes all pages of the quality office: reports of every night, the index, findings, the battery, the lineage."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from etl.errors import ConfigError
from etl.quality.exported import Exported
from etl.quality.findings.told import small_cells
from etl.quality.lineage.pages import write_pages
from etl.quality.names import hospital_names
from etl.quality.report.folder import LINEAGE
from etl.quality.report.pages import write_reports
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


def write_all_reports(settings: Settings) -> Path:
    """Write the lineage pages, every night's report, the pages about findings and checks, and the index; returns it."""
    with suppress(ConfigError):  # broken mappings keep no report from being read; etl check tells of them
        write_pages(settings, None, settings.reports / LINEAGE)
    ledger, names, cells = Ledger(settings.ledger_url), hospital_names(settings), small_cells(settings)
    exported = Exported(settings, ledger, names, cells)
    index = write_reports(ledger, settings.reports, names, cells=cells, beside=exported.pages)
    exported.write()
    return index
