"""Where a hospital's own database is: a URL from the environment, which no message, log or file ever shows."""

from __future__ import annotations

import os

from dotenv import dotenv_values
from sqlalchemy.engine import URL

from etl.errors import ConfigError
from etl.settings import Settings, database_url


def source_variable(hospital: str, name: str) -> str:
    """Name of the environment variable that holds the URL of a hospital's connection."""
    return f"ETL_SOURCE_{hospital}_{name}".upper()


def source_url(settings: Settings, hospital: str, name: str) -> URL:
    """The SQLAlchemy URL of a hospital's connection, from the environment or a .env file.

    Raises ConfigError, without quoting what is set, when it is missing or no URL.
    """
    variable = source_variable(hospital, name)
    said = os.environ.get(variable) or _from_files(settings, variable)
    if not said:
        raise ConfigError(
            f"{variable} is not set: where is the database '{name}' of {hospital}?",
            hint="set it to a SQLAlchemy URL, dialect://user:password@host/database, or make an Airflow connection",
        )
    url = database_url(said, variable, "dialect://user:password@host:port/database")
    if url.drivername in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    return url


def _from_files(settings: Settings, variable: str) -> str | None:
    """What the .env files say that the settings are read from; the later one wins."""
    files = settings.model_config.get("env_file") or ()
    found: str | None = None
    for file in files if isinstance(files, tuple | list) else (files,):
        found = dotenv_values(file).get(variable) or found
    return found
