"""Opens the warehouse that the settings name."""

from __future__ import annotations

from pathlib import Path

from etl.errors import ConfigError
from etl.settings import Settings
from etl.warehouse.ducklake import DuckLake
from etl.warehouse.protocol import Warehouse


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of `ETL_WAREHOUSE_URL`; ConfigError for an engine that is not supported."""
    url = settings.warehouse
    if url.get_backend_name() == "ducklake" and url.database:
        return DuckLake(Path(url.database), keep=settings.keep_nights)
    if url.get_backend_name() == "postgresql":
        from etl.warehouse.postgres.warehouse import Postgres  # noqa: PLC0415 - loads the driver

        return Postgres(url, keep=settings.keep_nights, patience=settings.publish_patience)
    raise ConfigError(
        f"ETL_WAREHOUSE_URL: '{url.get_backend_name()}' is not supported",
        hint="use ducklake:///<absolute folder> or postgresql+psycopg://<user>@<host>/<database>",
    )
