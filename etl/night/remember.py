"""Remembers an open run between its stages, so that each can be a task and a killed run be taken up."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from etl.errors import ConfigError
from etl.files import write_atomically
from etl.mapping.load import load_mappings
from etl.night.delivery import DeliveredFile, Delivery, open_delivery
from etl.night.run import Progress, Run
from etl.settings import Settings
from etl.vocabulary.release import current_release


def run_file(settings: Settings, run_id: str) -> Path:
    """Where an open run is remembered between tasks."""
    return settings.home / "runs" / f"{run_id}.json"


def begin(
    settings: Settings, hospital: str, folder: Path, night: date | None, progress: Progress | None = None,
    *, force: bool = False, reason: str | None = None,
) -> Run:  # fmt: skip
    """Check mappings and vocabulary, hash the delivery and remember the run, so that its stages can be tasks."""
    mapping = load_mappings(settings.mappings, [hospital])[hospital]
    release = current_release(settings)
    delivery = open_delivery(hospital, folder, night, progress)
    run = Run(settings, mapping, delivery, release, force, reason)
    _remember(run)
    return run


def _remember(run: Run) -> None:
    d = run.delivery
    file = run_file(run.settings, run.run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    files = [{**asdict(f), "path": str(f.path)} for f in d.files.values()]
    made = {"release": run.release.name, "force": run.force, "reason": run.reason}
    content = {"hospital": d.hospital, "night": d.night.isoformat(), "folder": str(d.folder), "sha256": d.sha256}
    write_atomically(
        file,
        json.dumps({**content, "files": files, **made}),
    )


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
    files = [DeliveredFile(**{**f, "path": Path(f["path"]), "also": tuple(f.get("also", ()))}) for f in said["files"]]
    return Delivery(
        said["hospital"],
        date.fromisoformat(said["night"]),
        Path(said["folder"]),
        {f.name: f for f in files},
        said["sha256"],
    )


def resume(settings: Settings, run_id: str) -> Run:
    """A run that `begin` has remembered; ConfigError when it is unknown."""
    said, delivery = _remembered(settings, run_id), delivery_of(settings, run_id)
    mapping = load_mappings(settings.mappings, [delivery.hospital])[delivery.hospital]
    pinned = settings.model_copy(update={"vocabulary": said["release"]})
    return Run(settings, mapping, delivery, current_release(pinned), said["force"], said.get("reason"))
