"""Opens the warehouse that the settings name. Another kind of warehouse is a line of the table here."""

from __future__ import annotations

from etl.errors import ConfigError
from etl.loading import load
from etl.settings import Settings
from etl.store.warehouse.protocol import Warehouse

#: By the kind of its URL: the class, whose `of(settings)` opens it.
KINDS = {
    "ducklake": "etl.store.warehouse.ducklake.warehouse:DuckLake",
    "postgresql": "etl.store.warehouse.postgres.warehouse:Postgres",
}


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of `ETL_WAREHOUSE_URL`; ConfigError for an engine that is not supported."""
    kind = settings.warehouse.get_backend_name()
    if kind not in KINDS or (kind == "ducklake" and not settings.warehouse.database):
        raise ConfigError(
            f"ETL_WAREHOUSE_URL: '{kind}' is not supported",
            hint="use ducklake:///<absolute folder> or postgresql+psycopg://<user>@<host>/<database>",
        )
    opened: Warehouse = load(KINDS[kind]).of(settings)
    return opened
