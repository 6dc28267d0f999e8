"""Remembers an open run between its stages, so that each can be a task and a killed run be taken up."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from etl.errors import ConfigError, InputError
from etl.files import read_json, write_atomically
from etl.mapping.load import load_mappings
from etl.night.delivery import DeliveredFile, Delivery, open_delivery, unread
from etl.night.folder import digest_of, files_in
from etl.night.naming import plainly
from etl.night.run import Progress, Run
from etl.settings import Settings
from etl.vocabulary.release import current_release

#: What of a file is not remembered, but looked up again.
_NAMES = ("path", "folder", "inner", "also")


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
    patterns = [source.file for source in mapping.sources.values()]
    delivery = open_delivery(hospital, folder, night, progress, patterns)
    run = Run(settings, mapping, delivery, release, force, reason)
    _remember(run)
    return run


def _remember(run: Run) -> None:
    d = run.delivery
    file = run_file(run.settings, run.run_id)
    file.parent.mkdir(parents=True, exist_ok=True)
    files = [{k: v for k, v in asdict(f).items() if k not in _NAMES} for f in d.files.values()]
    made = {"release": run.release.name, "force": run.force, "reason": run.reason}
    content = {
        "hospital": d.hospital, "night": d.night.isoformat(), "folder": str(d.folder), "sha256": d.sha256,
        "names": d.names,
    }  # fmt: skip
    write_atomically(file, json.dumps({**content, "files": files, **made}))


@dataclass(frozen=True, slots=True)
class _File:
    """A file as runs of any release were remembered: earlier ones knew it by its path and names."""

    bytes: int
    sha256: str
    lines: int
    ends_with_newline: bool
    rows: int | None = None
    told: str = ""
    place: tuple[int, int] = (0, 0)
    stamp: str = ""
    zeros: bool = False
    path: Path | None = None
    folder: str = ""
    inner: str | None = None
    also: tuple[str, ...] = ()

    @property
    def counted(self) -> dict[str, Any]:
        """What is remembered of a file in every release."""
        return {name: value for name, value in asdict(self).items() if name not in _NAMES}


@dataclass(frozen=True, slots=True)
class _Said:
    """What is remembered of a run."""

    hospital: str
    night: date
    folder: Path
    sha256: str
    files: tuple[_File, ...]
    release: str
    force: bool
    names: str = ""
    reason: str | None = None


def release_of(file: Path) -> str:
    """The vocabulary release of the run that is remembered in a file."""
    return read_json(file, _Said).release


def _remembered(settings: Settings, run_id: str) -> _Said:
    file = run_file(settings, run_id)
    if not file.exists():
        raise ConfigError(
            f"the run {run_id} is not known",
            hint="a run is named HOSPITAL-NIGHT-…: etl status --json tells the newest ones; etl run begins one",
        )
    return read_json(file, _Said)


def delivery_of(settings: Settings, run_id: str) -> Delivery:
    """The delivery of a run that `begin` has remembered; ConfigError when it is unknown."""
    said = _remembered(settings, run_id)
    files = _named_again(said) if said.names else [_with_names(said.folder, f) for f in said.files]
    return Delivery(said.hospital, said.night, said.folder, {f.name: f for f in files}, said.sha256, said.names)


def again(settings: Settings, run_id: str) -> str | None:
    """The command by which a run is run again; None where its files were put away."""
    try:
        delivery = delivery_of(settings, run_id)
    except ConfigError:
        return None
    return f"etl run {delivery.hospital} {delivery.folder} --night {delivery.night}"


def _with_names(folder: Path, said: _File) -> DeliveredFile:
    """A file as runs of earlier releases were remembered, with all that it is called."""
    at = said.path or folder
    file = DeliveredFile(at, folder=said.folder, inner=said.inner, also=said.also, **said.counted)
    return replace(file, told=file.name)


def _named_again(said: _Said) -> list[DeliveredFile]:
    """The files with their names in the folder; where that is gone or has others, with what they are told as.

    A run remembers places and no names: what a hospital writes into them may be somebody's.
    """
    there: dict[tuple[int, int], DeliveredFile] = {}
    with suppress(OSError, InputError):
        paths = files_in(said.folder)
        if digest_of(said.folder, paths) == said.names:
            places = {f.place[0] for f in said.files if f.place[0] < len(paths)}
            there = {f.place: f for place in places for f in unread(said.folder, paths[place], place)}
    return [_placed(said.folder, f, there.get(f.place)) for f in said.files]


def _placed(folder: Path, said: _File, file: DeliveredFile | None) -> DeliveredFile:
    if file is None:
        file = DeliveredFile(folder / said.told, 0, "", 0, True, also=(plainly(said.told),))
    return replace(file, **said.counted)


def resume(settings: Settings, run_id: str) -> Run:
    """A run that `begin` has remembered; ConfigError when it is unknown."""
    said, delivery = _remembered(settings, run_id), delivery_of(settings, run_id)
    mapping = load_mappings(settings.mappings, [delivery.hospital])[delivery.hospital]
    pinned = settings.model_copy(update={"vocabulary": said.release})
    return Run(settings, mapping, delivery, current_release(pinned), said.force, said.reason)
