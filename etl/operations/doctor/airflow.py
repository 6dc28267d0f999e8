"""Airflow, where one is set up: signs of life, the DAGs, the pool. Its database is read; Airflow is not loaded."""

from __future__ import annotations

import configparser
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from etl.operations.doctor.finding import Finding, Look

SUBJECT = "airflow"
_URL = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"
_SILENT_SECONDS = 90
_COMPONENTS = {"SchedulerJob": "scheduler", "DagProcessorJob": "dag-processor"}
_HEARTBEATS = "select job_type, max(latest_heartbeat) from job where state = 'running' group by job_type"
_ERRORS = "select filename from import_error order by filename"
_DAGS = "select dag_id, is_paused from dag where is_stale = false"
_POOL = "select slots from slot_pool where pool = :pool"


def _database(look: Look) -> str | None:
    """URL of Airflow's database, if this machine has an Airflow: from the environment, its configuration, or ours."""
    if url := look.environment.get(_URL):
        return url
    home = Path(look.environment.get("AIRFLOW_HOME") or look.settings.home / "airflow")
    parser = configparser.ConfigParser(interpolation=None)
    with suppress(OSError, configparser.Error):
        parser.read(home / "airflow.cfg", encoding="utf-8")
    if url := parser.get("database", "sql_alchemy_conn", fallback=None):
        return url
    file = home / "airflow.db"
    return f"sqlite:///{file}" if file.exists() else None


def check_airflow(look: Look) -> Iterator[Finding]:
    """Whether the scheduler lives and knows the hospitals' DAGs; nothing where no Airflow is set up."""
    url = _database(look)
    if url is None:
        return
    try:
        engine = sa.create_engine(make_url(url), poolclass=NullPool)
        with engine.connect() as con:
            yield from _check_jobs(con, look)
            yield from _check_dags(con, look)
            yield from _check_pool(con, look)
    except (SQLAlchemyError, ArgumentError, ImportError) as error:
        text = f"Airflow's database cannot be read ({type(error).__name__})"
        yield Finding(SUBJECT, "database", "fail", text, f"see {_URL}; make its tables: airflow db migrate", 5)


def _check_jobs(con: sa.Connection, look: Look) -> Iterator[Finding]:
    beats = {job: _moment(at) for job, at in con.execute(sa.text(_HEARTBEATS))}
    for job, component in _COMPONENTS.items():
        at = beats.get(job)
        silent = max((look.now - at).total_seconds(), 0.0) if at else None
        if silent is None or silent > _SILENT_SECONDS:
            text = f"the {component} is not running" + (
                f"; its last sign of life was {at:%Y-%m-%d %H:%M} UTC" if at else ""
            )
            step = f"start it: airflow {component} (make airflow on one machine); nights can be run by hand: etl run"
            yield Finding(SUBJECT, component, "fail", text, step, 5)
        else:
            yield Finding(SUBJECT, component, "ok", f"its last sign of life was {silent:.0f} s ago")


def _moment(said: datetime | str | None) -> datetime | None:
    """A time in UTC: PostgreSQL gives it in the server's zone, SQLite as a text in UTC without one."""
    moment = datetime.fromisoformat(said) if isinstance(said, str) else said
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _check_dags(con: sa.Connection, look: Look) -> Iterator[Finding]:
    broken = [row[0] for row in con.execute(sa.text(_ERRORS))]
    if broken:
        text = f"{len(broken)} file(s) of DAGs cannot be read, the first: {broken[0]}"
        yield Finding(SUBJECT, "DAGs", "fail", text, "airflow dags list-import-errors")
    known = dict(row._tuple() for row in con.execute(sa.text(_DAGS)))
    absent = [p.dag_id for p in look.plans if p.dag_id not in known]
    paused = [p.dag_id for p in look.plans if known.get(p.dag_id)]
    if absent and not broken:
        text = f"Airflow does not know {', '.join(absent)}"
        yield Finding(
            SUBJECT, "DAGs", "fail", text, "see AIRFLOW__CORE__DAGS_FOLDER and ETL_MAPPINGS of the dag-processor"
        )
    if paused:
        step = f"airflow dags unpause {paused[0]}"
        yield Finding(SUBJECT, "DAGs", "warn", f"paused, so that no night starts: {', '.join(paused)}", step)
    if not (broken or absent or paused):
        yield Finding(SUBJECT, "DAGs", "ok", f"{len(look.plans)} hospitals' DAGs are read and active")


def _check_pool(con: sa.Connection, look: Look) -> Iterator[Finding]:
    name, slots = look.scheduling.pool, look.scheduling.publish_slots
    found = con.execute(sa.text(_POOL), {"pool": name}).scalar()
    make = f'airflow pools set {name} {slots} "hospitals that may publish at the same time"'
    if found is None:
        yield Finding(SUBJECT, "pool", "fail", f"there is no pool {name}; publishing would wait for ever", make)
    else:
        yield Finding(SUBJECT, "pool", "ok", f"{name} has {found} slot(s)")
