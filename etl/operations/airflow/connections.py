"""The databases a task works with, from Airflow's connections.

A connection is read in the task's own process and given to the pipeline there: the warehouse in its settings, source
databases in the process's environment for as long as the work takes. Nothing of it gets into logs, templates or XCom.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk import BaseHook
from sqlalchemy.engine import URL

from etl.errors import ConfigError
from etl.mapping.read.documents import read_hospital
from etl.operations.extract.connections import source_variable
from etl.operations.plan import load_scheduling
from etl.settings import Settings, load_settings

#: Drivers that the pipeline speaks to databases with, by Airflow's type of connection.
_DRIVERS: Mapping[str, str] = {
    "postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg", "oracle": "oracle+oracledb",
    "mssql": "mssql+pyodbc", "mysql": "mysql+pymysql", "sqlite": "sqlite",
}  # fmt: skip


def url_of(conn_id: str) -> URL:
    """An Airflow connection as SQLAlchemy's URL; ConfigError when there is none, without naming what it holds."""
    try:
        found: Any = BaseHook.get_connection(conn_id)
    except Exception as error:  # of Airflow's own kinds, which differ between its processes
        raise ConfigError(
            f"Airflow has no connection '{conn_id}' ({type(error).__name__})", hint="airflow connections add"
        ) from None
    said = {key: value for key, value in found.extra_dejson.items() if isinstance(value, str)}
    driver = said.pop("drivername", None) or _DRIVERS.get(found.conn_type or "", found.conn_type)
    return URL.create(driver, found.login, found.password, found.host, found.port, found.schema, said)


def source_conn_id(hospital: str, name: str) -> str:
    """The id of the Airflow connection of a hospital's source database."""
    return re.sub(r"\W", "_", f"etl_source_{hospital}_{name}").lower()


@contextmanager
def task_settings(hospital: str | None = None) -> Iterator[Settings]:
    """The pipeline's settings in a task, with the warehouse's and the hospital's connections, until the block ends."""
    settings, conn_id = load_settings(), load_scheduling().warehouse_conn_id
    if conn_id:
        url = url_of(conn_id).render_as_string(hide_password=False)
        settings = settings.model_copy(update={"warehouse_url": url})
    given = _sources(settings, hospital) if hospital else {}
    os.environ.update(given)
    try:
        yield settings
    finally:
        for name in given:
            os.environ.pop(name, None)


def _sources(settings: Settings, hospital: str) -> dict[str, str]:
    """What the environment lacks of the source databases that a hospital's contract names."""
    found = {}
    for name in _named(settings, hospital):
        key = source_variable(hospital, name)
        if key not in os.environ:
            found[key] = url_of(source_conn_id(hospital, name)).render_as_string(hide_password=False)
    return found


def _named(settings: Settings, hospital: str) -> list[str]:
    """Names of connections in a hospital's contract; a broken file is told of by those who check it."""
    said = read_hospital(settings.mappings / hospital).data
    sources = said.get("sources")
    entries = [said, *(sources.values() if isinstance(sources, dict) else ())]
    names = (entry.get("connection") for entry in entries if isinstance(entry, dict))
    return list(dict.fromkeys(str(name) for name in names if name))
