"""Writes all pages of the quality office: reports of every night, the index, the lineage of the mappings."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from etl.errors import ConfigError
from etl.quality.lineage.pages import write_pages
from etl.quality.names import hospital_names
from etl.quality.report.pages import LINEAGE, write_reports
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger


def write_all_reports(settings: Settings) -> Path:
    """Write the lineage pages, every night's report and the index; returns the index."""
    with suppress(ConfigError):  # broken mappings keep no report from being read; etl check tells of them
        write_pages(settings, None, settings.reports / LINEAGE)
    return write_reports(Ledger(settings.ledger_url), settings.reports, hospital_names(settings))
