"""When a hospital's nights start, where its deliveries arrive and when one is complete.

The scheduler reads this every few seconds, so nothing heavy is imported here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from time import time as seconds_now
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from etl.errors import ConfigError, InputError
from etl.files import read_json, write_atomically
from etl.mapping.language.hospital import Hospital
from etl.mapping.read.documents import Document, hospital_folders, read_file
from etl.night.folder import PARTIAL, sizes_in
from etl.night.manifest import Promise, manifest_of, promises
from etl.settings import Settings

TIME_ZONE = "Asia/Seoul"
_PACKED = (".gz", ".zip", ".xlsx", ".xlsm")


class Scheduling(BaseSettings):
    """How long to wait, how often to try: every field is the environment variable `ETL_AIRFLOW_<FIELD>`."""

    model_config = SettingsConfigDict(env_prefix="ETL_AIRFLOW_", env_file=".env", extra="ignore", frozen=True)

    wait_minutes: Annotated[float, Field(gt=0, description="How long a night waits for its delivery")] = 360
    poll_seconds: Annotated[float, Field(gt=0, description="How often it looks for the delivery")] = 60
    settle_seconds: Annotated[
        float, Field(ge=0, description="A delivery without manifest.csv is complete when unchanged for so long")
    ] = 120
    grown_schedule: Annotated[
        str,
        Field(description="When deliveries that grew after their run are looked for, as cron in Seoul; empty: never"),
    ] = "*/30 * * * *"
    grown_days: Annotated[int, Field(ge=1, description="How many days back nights are looked at for that")] = 7
    digest_schedule: Annotated[
        str,
        Field(description="When people are told how many findings wait for them, as cron in Seoul; empty: never"),
    ] = "30 7 * * *"
    retry_seconds: Annotated[
        float, Field(ge=0, description="Pause before the first retry; doubled each time, 15 minutes at most")
    ] = 30
    publish_pool: Annotated[str, Field(min_length=1, description="Airflow pool that publishing runs in")] = (
        "etl_publish"
    )
    publish_slots: Annotated[int, Field(ge=1, description="Hospitals that may publish at the same time")] = 2
    requests_schedule: Annotated[
        str,
        Field(description="When requests for data are looked at, as cron in Seoul; empty: never (etl request work)"),
    ] = "*/15 * * * *"
    admin_conn_id: Annotated[
        str | None,
        Field(
            description="Airflow connection of who makes schemas and roles of project spaces on PostgreSQL; default: "
            "the warehouse's own"
        ),
    ] = None
    warehouse_conn_id: Annotated[
        str | None, Field(description="Airflow connection of the warehouse; default: ETL_WAREHOUSE_URL")
    ] = None
    approval_minutes: Annotated[float, Field(gt=0, description="How long a night waits for a person's approval")] = 720
    approval_default: Annotated[
        Literal["refuse", "approve"], Field(description="What holds when nobody has answered by then")
    ] = "refuse"
    approvers: Annotated[
        str, Field(description="Ids of the Airflow users who may approve, with commas; default: who may edit the DAG")
    ] = ""
    done_by: Annotated[
        time | None, Field(description="Hour in Seoul, HH:MM, by which a night must be done; empty: no alert")
    ] = time(7)
    mail_to: Annotated[str, Field(description="Who is told by mail, with commas; empty: nobody")] = ""
    mail_from: Annotated[str | None, Field(description="Sender of mails; default: as the connection says")] = None
    smtp_conn_id: Annotated[str, Field(min_length=1, description="Airflow connection of the mail server")] = (
        "smtp_default"
    )
    webhook_url: Annotated[
        SecretStr | None, Field(description="Where notices are posted to as JSON, such as a chat's incoming webhook")
    ] = None

    @field_validator("done_by", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return value or None

    @field_validator("grown_schedule", "digest_schedule", "requests_schedule")
    @classmethod
    def _cron(cls, value: str) -> str:
        if value and not croniter.is_valid(value):
            raise ValueError("is not a cron expression")
        return value

    @property
    def pool(self) -> str:
        """The pool that publishing runs in, one for each warehouse."""
        return "_".join(part for part in (self.publish_pool, self.warehouse_conn_id) if part)

    @property
    def approving(self) -> tuple[str, ...]:
        """Ids of the users who may approve; none: everybody who may edit the DAG."""
        return listed(self.approvers)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def load_scheduling() -> Scheduling:
    """Read the settings; raise ConfigError naming every variable that is wrong."""
    try:
        return Scheduling()
    except ValidationError as error:
        wrong = [f"ETL_AIRFLOW_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
        raise ConfigError("\n".join(wrong), hint="set the variable in the environment or in .env") from error


def time_allowed(schedule: str, done_by: time) -> timedelta:
    """From when a night is due until the hour in Seoul by which it must be done, the same day or the next."""
    due: datetime = croniter(schedule, datetime.now(ZoneInfo(TIME_ZONE)).replace(tzinfo=None)).get_next(datetime)
    end = datetime.combine(due.date(), done_by)
    return (end if end > due else end + timedelta(days=1)) - due


@dataclass(frozen=True, slots=True)
class Plan:
    """One hospital's nights; `problems` says what is wrong with its hospital.yaml, each with file and line."""

    hospital: str
    title: str
    schedule: str
    drops: str | None = None
    extracts: bool = False  # its nights are read from the hospital's own database
    problems: tuple[str, ...] = ()
    number: int | None = None  # the hospital's in every id

    @property
    def dag_id(self) -> str:
        """Name of the DAG; a folder's name may hold what a DAG's may not."""
        return "etl_" + re.sub(r"[^\w.-]", "_", self.hospital)

    @property
    def asset(self) -> str:
        """URI of what the nights leave: the hospital's part of the warehouse."""
        return f"etl://warehouse/{self.dag_id.removeprefix('etl_')}"


def read_plan(folder: Path) -> Plan:
    """The plan of the hospital in `folder`; a broken hospital.yaml makes a plan with problems, never an error."""
    document = Document()
    read_file(folder / "hospital.yaml", folder.parent, document)
    said = {key: value for key, value in document.data.items() if key in Hospital.model_fields}
    problems = list(document.problems)
    hospital = None
    try:
        hospital = Hospital.model_validate(said)
    except ValidationError as error:
        problems += [document.problem(tuple(e["loc"]), e["msg"]) for e in error.errors()]
    else:
        if not croniter.is_valid(hospital.schedule):
            problems.append(document.problem(("schedule",), "is not a cron expression"))
        if hospital.hospital != folder.name:
            problems.append(document.problem(("hospital",), f"is not the name of the folder, '{folder.name}'"))
    if hospital is None or problems:
        schedule: Any = Hospital.model_fields["schedule"].default
        return Plan(folder.name, folder.name, schedule, problems=tuple(str(p) for p in problems))
    title, extracts = f"{hospital.name.ko} ({hospital.name.en})", hospital.connection is not None
    return Plan(folder.name, title, hospital.schedule, hospital.drops, extracts, number=hospital.number)


def read_plans(mappings: Path) -> list[Plan]:
    """The plan of every folder below `mappings` that holds a hospital.yaml."""
    return [read_plan(folder) for folder in hospital_folders(mappings)]


def looks_of(settings: Settings) -> Path:
    """Where looks at deliveries that are still coming are noted."""
    return settings.home / "looks"


def drop_folder(settings: Settings, hospital: str, drops: str | None) -> Path:
    """Where a hospital's deliveries arrive; a relative `drops` lies below ETL_HOME."""
    return settings.home / (drops or Path("exports", hospital))


def delivery_folder(settings: Settings, hospital: str, drops: str | None, night: date) -> Path:
    """Where a night's delivery arrives: YYYY-MM-DD (or YYYYMMDD, if that is there) below the drop folder."""
    root = drop_folder(settings, hospital, drops)
    compact = root / f"{night:%Y%m%d}"
    return compact if compact.is_dir() else root / night.isoformat()


def missing(folder: Path, settle_seconds: float, looks: Path | None = None) -> str | None:
    """What a delivery still lacks; None when it is complete.

    All that a manifest.csv promises must be there in its size, and nothing may be called like a file that is coming.
    Without a manifest names and sizes must have stayed the same for `settle_seconds` (0: they need not); the folder
    `looks` keeps what they were at the look before. Times of files tell nothing: some programs bring old ones along.
    """
    if not folder.is_dir():
        return f"there is no folder {folder}"
    sizes = sizes_in(folder)
    if not sizes:
        return f"{folder} is empty"
    coming = sum(name.casefold().endswith(PARTIAL) for name in sizes)
    if coming:
        return f"{coming} of {len(sizes)} files in {folder} are still coming, by their names"
    manifest = manifest_of(sizes)
    if manifest:
        with suppress(InputError):  # one that cannot be read is told when the delivery is opened
            listed = promises(folder / manifest)
            lacking = sum(not _kept(promise, sizes) for promise in listed)
            return f"{lacking} of {len(listed)} files of the manifest are not in {folder} yet" if lacking else None
    return f"files are still coming into {folder}" if not _quiet(folder, sizes, settle_seconds, looks) else None


def _kept(promise: Promise, sizes: Mapping[str, int]) -> bool:
    """Whether a promised file is there as a whole; what lies in an archive is seen when the delivery is opened."""
    if promise.file in sizes:
        # a manifest may speak of what an archive of that name holds
        return sizes[promise.file] >= promise.bytes or promise.file.lower().endswith(_PACKED)
    return any(name.lower().endswith(_PACKED) for name in sizes)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was seen of a folder, and since when (seconds)."""

    seen: str
    since: float


def _quiet(folder: Path, sizes: Mapping[str, int], settle_seconds: float, looks: Path | None) -> bool:
    """Whether names and sizes have not changed for so long; a look that finds others than the last notes them."""
    if settle_seconds == 0 or looks is None:
        return settle_seconds == 0
    seen = hashlib.sha256(json.dumps(sorted(sizes.items())).encode()).hexdigest()
    file = looks / f"{hashlib.sha256(str(folder).encode()).hexdigest()[:24]}.json"
    with suppress(OSError, ConfigError):
        said = read_json(file, _Look)
        if said.seen == seen and said.since <= seconds_now():
            return seconds_now() - said.since >= settle_seconds
    write_atomically(file, json.dumps({"seen": seen, "since": seconds_now()}))
    return False
