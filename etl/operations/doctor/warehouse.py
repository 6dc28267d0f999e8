"""The warehouse: whether it can be reached, is of this program's making, and keeps hospitals apart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from etl.errors import EtlError
from etl.operations.doctor.finding import Finding, Look
from etl.operations.doctor.postgres import check_postgres
from etl.store.warehouse.ducklake.warehouse import DuckLake

SUBJECT = "warehouse"


def check_warehouse(look: Look) -> Iterator[Finding]:
    """The checks of the engine that the settings name."""
    url = look.settings.warehouse
    if url.get_backend_name() == "postgresql":
        yield from check_postgres(look)
    else:
        yield from _check_lake(DuckLake.of(look.settings))


def _check_lake(lake: DuckLake) -> Iterator[Finding]:
    """The embedded one opens, and every file that its catalog names is there."""
    if not lake.exists():
        if any(lake.data.glob("*/*")):
            text, step = (
                f"{lake.folder} has data, but its catalog is gone",
                "restore the folder from its newest back-up",
            )
            yield Finding(SUBJECT, "catalog", "fail", text, step)
        else:
            yield Finding(SUBJECT, "catalog", "ok", f"{lake.folder} is made by the first night that is published")
        return
    again = "restore the folder from its newest back-up, or publish again: etl run HOSPITAL DELIVERY --force"
    try:
        with lake.reader() as con, closing(con.cursor()) as cursor:
            cursor.execute("use warehouse.main")
            hospitals = cursor.execute("select count(*) from admin.published").fetchone()
            rows = cursor.execute(
                "select path from __ducklake_metadata_warehouse.ducklake_data_file where end_snapshot is null"
            ).fetchall()
    except EtlError as error:
        yield Finding(SUBJECT, "catalog", "fail", error.message, error.hint)
        return
    except duckdb.Error as error:
        text = f"the catalog in {lake.folder} cannot be read ({type(error).__name__})"
        yield Finding(SUBJECT, "catalog", "fail", text, again)
        return
    lost = [path for (path,) in rows if Path(path).is_absolute() and not Path(path).exists()]
    if lost:
        text = f"{len(lost)} of {len(rows)} files that the catalog names are gone, the first: {lost[0]}"
        yield Finding(SUBJECT, "files", "fail", text, again)
    else:
        published = hospitals[0] if hospitals else 0
        text = f"{lake.folder} opens; {published} hospital(s) are published in {len(rows)} files"
        yield Finding(SUBJECT, "catalog", "ok", text)
