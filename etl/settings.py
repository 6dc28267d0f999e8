"""Settings from `ETL_…` environment variables or a `.env` file, checked when they are read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from etl.errors import ConfigError

_STAGE_FOLDERS = {"land": "1_landed", "merge": "2_state", "map": "3_mapped", "derive": "4_derived"}
PROJECT = Path(__file__).resolve().parent.parent
#: The group on PostgreSQL as which the pipeline works, whatever its login is called.
LOADER = "etl_loader"
#: Kinds of warehouses, as their URLs begin.
WAREHOUSES = ("ducklake", "postgresql")
_SUPPORTED = "ducklake:///<absolute folder> or postgresql+psycopg://<user>@<host>/<database>"
_LEDGER_OPTIONS = ("-c search_path=admin,quality,office,audit", "-c statement_timeout=0")


class Settings(BaseSettings):
    """Where things are and how much of the machine a run may use.

    Every field is the environment variable `ETL_<FIELD>`; a `.env` file in the working folder is read too.
    """

    model_config = SettingsConfigDict(
        env_prefix="ETL_", env_file=(PROJECT / ".env", ".env"), extra="ignore", frozen=True
    )

    home: Annotated[Path, Field(description="Folder of lake, key stores, embedded warehouse and reports")] = (
        PROJECT / "demo"
    )
    warehouse_url: Annotated[
        str | None,
        Field(description="SQLAlchemy URL of the warehouse; default: ducklake:///<home>/warehouse"),
    ] = None
    keep_nights: Annotated[
        int,
        Field(ge=1, description="Published nights of a hospital that `etl rollback` can go back to, the last included"),
    ] = 3
    publish_patience: Annotated[
        float, Field(gt=0, description="Seconds that publishing into PostgreSQL waits for readers to end their queries")
    ] = 900
    mappings: Annotated[Path, Field(description="Folder with one sub-folder per hospital")] = PROJECT / "mappings"
    expectations: Annotated[Path, Field(description="Folder of the Great Expectations suites")] = (
        PROJECT / "expectations"
    )
    datasets: Annotated[Path, Field(description="Folder with one sub-folder per data set's definition")] = (
        PROJECT / "datasets"
    )
    vault: Annotated[
        Path | None,
        Field(description="Folder of the keys of project spaces, outside lake and warehouse; default: <home>/vault"),
    ] = None
    vocabulary: Annotated[
        str | None, Field(description="Release of the vocabulary to map with; default: the newest loaded")
    ] = None
    at_rest_key_file: Annotated[
        Path | None,
        Field(description="File with the key that lake and embedded warehouse are encrypted under; default: none"),
    ] = None
    at_rest_write: Annotated[
        bool, Field(description="false: what is written from now on is in the clear, what is encrypted is still read")
    ] = True
    key_secret: Annotated[
        SecretStr | None, Field(description="Secret of the key stores (HMAC), at least 32 characters")
    ] = None
    office_oidc: Annotated[
        Path | None,
        Field(description="YAML file that says who signs people in to the office"),
    ] = None
    office_url: Annotated[
        str | None, Field(pattern="^https?://", description="Where the office is, for a link in Airflow's pages")
    ] = None
    office_framed_by: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$",
            description="Airflow's address, whose pages may show the office's",
        ),
    ] = None
    audit_anchors: Annotated[
        Path | None,
        Field(description="File or folder, on another machine or medium, that the ends of the audit log are noted in"),
    ] = None
    threads: Annotated[int, Field(ge=1, description="Threads of the DuckDB engine")] = os.cpu_count() or 2
    memory: Annotated[str, Field(description="Memory limit of the DuckDB engine, such as 1500MB")] = "1500MB"

    @field_validator("home", "mappings", "expectations", "datasets")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().resolve()

    @field_validator("vault", "at_rest_key_file")
    @classmethod
    def _absolute_if_said(cls, value: Path | None) -> Path | None:
        return value and value.expanduser().resolve()

    @field_validator("home")
    @classmethod
    def _in_urls(cls, value: Path) -> Path:
        if {"?", "\\"} & set(str(value)):
            raise ValueError("expected a folder whose path has neither ? nor \\")
        return value

    @field_validator("memory")
    @classmethod
    def _size(cls, value: str) -> str:
        number = value.rstrip("KMGTiB ")
        if not number.replace(".", "", 1).isdigit() or number == value:
            raise ValueError("expected a size with its unit, such as 1500MB or 2GB")
        return value

    @field_validator("key_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 32:
            raise ValueError("expected at least 32 characters")
        return value

    @property
    def warehouse(self) -> URL:
        """The warehouse's URL, parsed."""
        if self.warehouse_url is None:
            return make_url(f"ducklake:///{self.home / 'warehouse'}")
        url = database_url(self.warehouse_url, "ETL_WAREHOUSE_URL", "postgresql+psycopg://user@host:5432/database")
        kind = url.get_backend_name()
        if kind not in WAREHOUSES or (kind == "ducklake" and not url.database):
            meant = "postgresql+psycopg:// in the place of postgres://" if kind == "postgres" else _SUPPORTED
            raise ConfigError(f"ETL_WAREHOUSE_URL: '{kind}' is not supported", hint=f"write {meant}")
        return url

    @property
    def warehouse_shown(self) -> str:
        """The warehouse's URL without what may be secret: its password and its parameters."""
        return self.warehouse.set(query={}).render_as_string(hide_password=True)

    @property
    def lake(self) -> Path:
        """Folder of the landed and mapped Parquet files."""
        return self.home / "lake"

    def stage_folder(self, stage: str, hospital: str) -> Path:
        """Folder in which a stage leaves its work for a hospital, one sub-folder per delivery."""
        return self.lake / _STAGE_FOLDERS[stage] / f"hospital={hospital}"

    @property
    def keys(self) -> Path:
        """Folder of the key stores, one SQLite file per hospital; outside lake and warehouse."""
        return self.home / "keys"

    @property
    def vocabularies(self) -> Path:
        """Folder of the loaded vocabulary releases."""
        return self.home / "vocabulary"

    @property
    def reports(self) -> Path:
        """Folder of the validation reports."""
        return self.home / "reports"

    @property
    def vault_folder(self) -> Path:
        """Folder of the keys of project spaces, one file a project."""
        return self.vault or self.home / "vault"

    @property
    def spaces(self) -> Path:
        """Folder of the project spaces, one sub-folder a project."""
        return self.home / "spaces"

    @property
    def scratch(self) -> Path:
        """Folder that DuckDB spills to; emptied at the start of each run."""
        return self.home / "tmp"

    @property
    def ledger_url(self) -> str:
        """SQLAlchemy URL of the ledger: in a warehouse on PostgreSQL, else a SQLite file. It may hold a password."""
        url = self.warehouse
        if url.get_backend_name() != "postgresql":
            return f"sqlite:///{self.home / 'ledger.sqlite'}"
        given = url.query.get("options", ())
        options = " ".join([*((given,) if isinstance(given, str) else given), *_LEDGER_OPTIONS])
        url = url.set(drivername="postgresql+psycopg").update_query_dict(
            {"application_name": "omop-etl ledger"} | dict(url.query) | {"options": options}
        )
        return url.render_as_string(hide_password=False)


def database_url(said: str, name: str, such_as: str) -> URL:
    """The URL of a database; ConfigError, which quotes nothing of it, where a part cannot be what was meant.

    `name` is where it was said. An @ in a password would end it: what follows would be taken for the host, and shown.
    """
    if said.count("@") > 1:
        raise ConfigError(
            f"{name}: there is more than one @, so a password or name holds a sign that has a meaning in URLs",
            hint="write it as its code: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, % is %25; or leave the "
            "password out and give it by PGPASSWORD or ~/.pgpass",
        )
    try:
        url = make_url(said)
    except (ArgumentError, ValueError):
        raise ConfigError(f"{name} is not a SQLAlchemy URL", hint=f"such as {such_as}; a port is a number") from None
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise ConfigError(f"{name}: there is no port {url.port}", hint=f"such as {such_as}")
    return url


def load_settings() -> Settings:
    """Read the settings; raise ConfigError naming every variable that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"ETL_{str(e['loc'][0]).upper()}: {e['msg'].removeprefix('Value error, ')}" for e in error.errors()]
        raise ConfigError("\n".join(wrong), hint="set the variable in the environment or in .env") from error
