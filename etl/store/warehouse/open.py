"""Opens the warehouse that the settings name. Another kind of warehouse is a line of the table here."""

from __future__ import annotations

from etl.loading import load
from etl.settings import Settings
from etl.store.warehouse.protocol import Warehouse

#: By the kind of its URL (`etl.settings.WAREHOUSES`): the class, whose `of(settings)` opens it.
KINDS = {
    "ducklake": "etl.store.warehouse.ducklake.warehouse:DuckLake",
    "postgresql": "etl.store.warehouse.postgres.warehouse:Postgres",
}


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of `ETL_WAREHOUSE_URL`; ConfigError for an engine that is not supported."""
    opened: Warehouse = load(KINDS[settings.warehouse.get_backend_name()]).of(settings)
    return opened
