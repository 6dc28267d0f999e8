"""Where versions lie: `ETL_HOME/datasets/NAME/v0001`, each there wholly or not at all, and never changed."""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from etl.engine import rows_in
from etl.errors import ConfigError, TransientError, nearest
from etl.files import read_bytes, read_json
from etl.research.datasets.snapshot import Snapshot
from etl.settings import Settings

DATA, COHORT, MANIFEST, MADE = "data.parquet", "cohort.parquet", "manifest.json", "made.json"
BUILDING = ".building."
_VERSION = re.compile(r"v(\d{4,})")
_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A file of a version: SHA-256 of its bytes, and a digest of its rows, which encryption does not change."""

    sha256: str
    rows: str


@dataclass(frozen=True, slots=True)
class Before:
    """The version before: its number, and SHA-256 of its manifest."""

    version: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a version is. It tells no time, so that the same inputs give the same manifest.

    `definition` are the texts that it was built by; counts are as they may be told. `changes` tells what is otherwise
    than in the version before, and why.
    """

    name: str
    version: int
    definition: Mapping[str, str]
    digest: str
    snapshot: Snapshot
    small_cell: int
    sizes: Mapping[str, Any]
    attrition: list[dict[str, Any]]
    columns: Mapping[str, Any]
    completeness: Mapping[str, Any]
    distributions: Mapping[str, Any]
    units: Mapping[str, Any]
    checks: list[dict[str, Any]]
    files: Mapping[str, File]
    before: Before | None = None
    changes: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """When (UTC), by whom and in how many seconds a version was built, and SHA-256 of its manifest."""

    at: str
    by: str
    seconds: float
    manifest: str


def folder_of(settings: Settings, name: str, version: int) -> Path:
    """The folder of a version."""
    return settings.home / "datasets" / name / f"v{version:04d}"


def versions(settings: Settings, name: str) -> list[int]:
    """The versions that stand, the oldest first."""
    folder = settings.home / "datasets" / name
    found = (_VERSION.fullmatch(place.name) for place in folder.glob("v*") if (place / MANIFEST).exists())
    return sorted(int(each.group(1)) for each in found if each)


def built(settings: Settings) -> list[str]:
    """The data sets that have a version, by name."""
    return sorted({file.parent.parent.name for file in (settings.home / "datasets").glob(f"[!.]*/v*/{MANIFEST}")})


def chosen(settings: Settings, name: str, version: int | None) -> int:
    """A version that stands, by default the newest; ConfigError where there is none."""
    there = versions(settings, name)
    if not there:
        raise ConfigError(
            f"no version of '{name}' was built{nearest(name, built(settings))}", hint=f"etl dataset build {name}"
        )
    if version is not None and version not in there:
        listed = ", ".join(map(str, there[-12:]))
        raise ConfigError(f"there is no version {version} of {name}; there are {listed}", hint="etl dataset list")
    return version or there[-1]


def manifest(settings: Settings, name: str, version: int) -> Manifest:
    """The manifest of a version that stands."""
    return read_json(folder_of(settings, name, version) / MANIFEST, Manifest)


def made(settings: Settings, name: str, version: int) -> Made:
    """When and by whom a version was built."""
    return read_json(folder_of(settings, name, version) / MADE, Made)


def rows_of(settings: Settings, name: str, version: int, file: str = DATA) -> str:
    """SQL of the rows of a version's file."""
    return rows_in(folder_of(settings, name, version) / file)


def file_of_long(name: str) -> str:
    """The file of a long table."""
    return f"long_{name}.parquet"


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    found = sha256()
    with file.open("rb") as handle:
        while part := handle.read(_BYTES):
            found.update(part)
    return found.hexdigest()


def digest_of_manifest(settings: Settings, name: str, version: int) -> str:
    """SHA-256 of a version's manifest."""
    return sha256(read_bytes(folder_of(settings, name, version) / MANIFEST)).hexdigest()


@contextmanager
def at_work(settings: Settings, name: str) -> Iterator[Path]:
    """The turn to build a data set, and an empty folder for its next version; TransientError while another has it."""
    lock = settings.home / "locks" / f"dataset-{name}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(f"somebody builds {name}", hint="run again when it is done") from None
        folder = settings.home / "datasets" / name / BUILDING
        shutil.rmtree(folder, ignore_errors=True)  # what a killed build left
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def remove_old(settings: Settings, name: str, keep: int) -> list[int]:
    """Remove the oldest versions beyond those that are kept; returns which."""
    old = versions(settings, name)[:-keep]
    for version in old:
        folder = folder_of(settings, name, version)
        gone = folder.with_name(f".gone.{folder.name}")
        folder.replace(gone)
        shutil.rmtree(gone)
    return old
