"""One run: a delivery of one hospital with all that its stages need, and the folders where they leave their work."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import etl
from etl.delivery import DeliveredFile, Delivery, open_delivery
from etl.errors import ConfigError, TransientError
from etl.ledger import Accounts, Ledger
from etl.mapping.check import load_mappings
from etl.mapping.model import HospitalMapping
from etl.settings import Settings
from etl.vocabulary.release import Release, current_release
from etl.warehouse.open import open_warehouse
from etl.warehouse.protocol import Warehouse

MARKER = "_stage.json"
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Run:
    """A delivery on its way; every stage is a function of this."""

    settings: Settings
    mapping: HospitalMapping
    delivery: Delivery
    release: Release
    force: bool = False  # do the work of every stage again, even where it lies finished

    @property
    def run_id(self) -> str:
        """Its name in the ledger."""
        return self.delivery.run_id

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger."""
        return Ledger(self.settings.ledger_url)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The warehouse, opened once: to attach its catalogue takes half a second."""
        return open_warehouse(self.settings)

    def folder(self, stage: str) -> Path:
        """Where a stage that writes Parquet leaves its work."""
        place = self.settings.stage_folder(stage, self.delivery.hospital)
        return place / f"delivery={self.delivery.night:%Y%m%d}-{self.delivery.sha256[:12]}"

    @property
    def fingerprint(self) -> str:
        """What a run's result depends on besides the delivery: program, mappings, vocabulary release."""
        text = "\0".join((etl.__version__, self.mapping.digest, self.release.name))
        return hashlib.sha256(text.encode()).hexdigest()


def run_file(settings: Settings, run_id: str) -> Path:
    """Where an open run is remembered between tasks."""
    return settings.home / "runs" / f"{run_id}.json"


def begin(
    settings: Settings, hospital: str, folder: Path, night: date | None, progress: Progress | None = None,
    *, force: bool = False,
) -> Run:  # fmt: skip
    """Check mappings and vocabulary, hash the delivery and remember the run, so that its stages can be tasks."""
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    release = current_release(settings)
    delivery = open_delivery(hospital, folder, night, progress)
    run = Run(settings, mapping, delivery, release, force)
    _remember(run)
    return run


def _remember(run: Run) -> None:
    d = run.delivery
    file = run_file(run.settings, run.run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    files = [{**asdict(f), "path": str(f.path)} for f in d.files.values()]
    content = {"hospital": d.hospital, "night": d.night.isoformat(), "folder": str(d.folder), "sha256": d.sha256}
    write_atomically(file, json.dumps({**content, "files": files, "release": run.release.name, "force": run.force}))


def _remembered(settings: Settings, run_id: str) -> dict[str, Any]:
    file = run_file(settings, run_id)
    if not file.exists():
        raise ConfigError(
            f"the run {run_id} is not known",
            hint="a run is named HOSPITAL-NIGHT-…: etl status --json tells the newest ones; etl run begins one",
        )
    said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return said


def delivery_of(settings: Settings, run_id: str) -> Delivery:
    """The delivery of a run that `begin` has remembered; ConfigError when it is unknown."""
    said = _remembered(settings, run_id)
    files = [DeliveredFile(**{**f, "path": Path(f["path"])}) for f in said["files"]]
    return Delivery(
        said["hospital"],
        date.fromisoformat(said["night"]),
        Path(said["folder"]),
        {f.path.name: f for f in files},
        said["sha256"],
    )


def resume(settings: Settings, run_id: str) -> Run:
    """A run that `begin` has remembered; ConfigError when it is unknown."""
    said, delivery = _remembered(settings, run_id), delivery_of(settings, run_id)
    mapping = load_mappings(settings.mappings, [delivery.hospital])[delivery.hospital]
    pinned = settings.model_copy(update={"vocabulary": said["release"]})
    return Run(settings, mapping, delivery, current_release(pinned), said["force"])


def write_atomically(file: Path, text: str) -> None:
    """Write a small file so that it is there wholly or not at all."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


@contextmanager
def hospital_lock(settings: Settings, hospital: str) -> Iterator[None]:
    """Held while one hospital's stages work; TransientError when another process holds it."""
    file = settings.home / "locks" / f"{hospital}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TransientError(
                f"another run of {hospital} is at work", hint="wait for it; `etl status` shows it"
            ) from error
        yield


def reusable(folder: Path, key: str) -> Accounts | None:
    """The accounts of a finished stage made from the same inputs, or None."""
    marker = folder / MARKER
    if not marker.exists():
        return None
    said = json.loads(marker.read_text(encoding="utf-8"))
    return Accounts(**said["accounts"]) if said["key"] == key else None


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A folder to work in that takes the place of `folder` only when the work is done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for stale in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def finish(folder: Path, key: str, accounts: Accounts) -> None:
    """Write the marker of a finished stage into its working folder."""
    text = json.dumps({"key": key, "accounts": asdict(accounts)}, ensure_ascii=False)
    (folder / MARKER).write_text(text, encoding="utf-8")
