"""The settings, and what of the machine they count on."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb
import psutil

from etl.engine import extension_file
from etl.operations.doctor.finding import Finding, Look, gigabytes
from etl.operations.plan import TIME_ZONE, Scheduling
from etl.settings import Settings
from etl.sql import literal

SUBJECT = "machine"
EXTENSIONS = ("httpfs", "sqlite_scanner", "ducklake", "postgres_scanner")
_CGROUP = Path("/sys/fs/cgroup/memory.max")
_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def check_settings(look: Look) -> Iterator[Finding]:
    """Where things are, and variables that look like a setting but are none."""
    settings = look.settings
    where = settings.warehouse_shown
    yield Finding(SUBJECT, "settings", "ok", f"ETL_HOME {settings.home}, warehouse {where}")
    known = {f"ETL_{n.upper()}" for n in Settings.model_fields}
    known |= {f"ETL_AIRFLOW_{n.upper()}" for n in Scheduling.model_fields}
    for name in sorted(n for n in look.environment if n.startswith("ETL_") and n not in known):
        near = difflib.get_close_matches(name, known, 1, 0.85)
        if near and name.removesuffix("_FILE") not in known:
            yield Finding(SUBJECT, "settings", "warn", f"{name} is not a setting", f"did you mean {near[0]}?")


def check_resources(look: Look) -> Iterator[Finding]:
    """Cores and memory beside what the engine may use."""
    settings, cores = look.settings, os.cpu_count() or 1
    memory, limit = _memory(), _bytes(settings.memory)
    text = f"{settings.threads} threads on {cores} cores, {settings.memory} of {gigabytes(memory)} memory"
    if settings.threads > cores:
        yield Finding(SUBJECT, "cores and memory", "warn", text, f"set ETL_THREADS to {cores}")
    elif limit > memory * 0.8:
        yield Finding(
            SUBJECT, "cores and memory", "warn", text,
            f"set ETL_MEMORY to {int(memory * 0.6 / 1e6)}MB: Python and Great Expectations need some, too",
        )  # fmt: skip
    else:
        yield Finding(SUBJECT, "cores and memory", "ok", text)


def _memory() -> float:
    """Memory of the machine, or of the container where that has a limit; bytes."""
    total = float(psutil.virtual_memory().total)
    said = _CGROUP.read_text(encoding="ascii").strip() if _CGROUP.exists() else "max"
    return min(total, float(said)) if said.isdigit() else total


def _bytes(size: str) -> float:
    """`1500MB` or `2GiB` in bytes."""
    match = re.fullmatch(r"([\d.]+)\s*([KMGT]?)i?B?", size.strip())
    return float(match[1]) * _UNITS[match[2]] if match else 0.0


def check_time_zone(look: Look) -> Iterator[Finding]:
    """Nights are named by the day in Seoul, whatever the machine's zone is."""
    try:
        here = look.now.astimezone(ZoneInfo(TIME_ZONE))
    except ZoneInfoNotFoundError:
        yield Finding(
            SUBJECT, "time zone", "fail", f"this machine does not know the time zone {TIME_ZONE}",
            "install the time zone data of the system (Debian: apt-get install tzdata)",
        )  # fmt: skip
        return
    yield Finding(SUBJECT, "time zone", "ok", f"it is {here:%Y-%m-%d %H:%M} in {TIME_ZONE}, which names the nights")


def check_extensions(look: Look) -> Iterator[Finding]:
    """DuckDB's extensions are files out of wheels; one of another version does not load."""
    wrong = []
    with duckdb.connect() as con:
        for name in EXTENSIONS:
            try:
                con.execute(f"load {literal(str(extension_file(name)))}")
            except duckdb.Error:
                wrong.append(name)
    version = f"DuckDB {duckdb.__version__}"
    if wrong:
        text = f"{version} cannot load {', '.join(wrong)}"
        yield Finding(SUBJECT, "engine", "fail", text, "install what the lock says: make install")
    else:
        yield Finding(SUBJECT, "engine", "ok", f"{version} with {', '.join(EXTENSIONS)}")
