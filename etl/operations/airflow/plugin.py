"""A way from Airflow's pages to the office's, where `ETL_OFFICE_URL` says where that is; Airflow loads it by itself."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from etl.errors import ConfigError
from etl.settings import load_settings


def _views() -> list[dict[str, Any]]:
    """The link in Airflow's navigation; settings that are wrong are told by the first task, not by Airflow's pages."""
    with suppress(ConfigError):
        if address := load_settings().office_url:
            return [{"name": "CDM office", "href": address, "destination": "nav", "nav_top_level": True}]
    return []


class Office(AirflowPlugin):
    """The office in Airflow's navigation."""

    name = "omop_office"
    external_views = _views()
