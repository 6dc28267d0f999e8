"""A way from Airflow's pages to the office's, where `ETL_OFFICE_URL` says where that is; Airflow loads it by itself.

With `ETL_OFFICE_FRAMED_BY`, which the office has to know, too, Airflow shows the office within its own pages.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from etl.errors import ConfigError
from etl.settings import load_settings


def _views() -> list[dict[str, Any]]:
    """The entry in Airflow's navigation; settings that are wrong are told by the first task, not by Airflow's pages."""
    with suppress(ConfigError):
        settings = load_settings()
        if address := settings.office_url:
            within = {"url_route": "cdm-office"} if settings.office_framed_by else {}
            return [{"name": "CDM office", "href": address, "destination": "nav", "nav_top_level": True, **within}]
    return []


class Office(AirflowPlugin):
    """The office in Airflow's navigation."""

    name = "omop_office"
    external_views = _views()
