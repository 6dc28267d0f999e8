"""What goes: everything of a hospital that is older than a reader may be, and that nothing kept needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from etl.operations.retention.keep import PREFIX, Kept
from etl.settings import Settings

REMOVED = ".removed."  # a folder that is being removed begins with this
# in this order, so that what is broken off leaves nothing that another part still tells of
_STAGES = (("merge", "state"), ("derive", "derived rows"), ("map", "mapped rows"), ("land", "landed rows"))


@dataclass(frozen=True, slots=True)
class Removal:
    """One folder or file that goes. Of a `stripped` one only the rows go; what tells of their lines stays."""

    hospital: str
    kind: str
    path: Path
    bytes: int
    night: date | None = None
    stripped: bool = False


def size_of(path: Path) -> int:
    """Bytes of a file or of all files of a folder."""
    if path.is_dir():
        return sum(f.stat().st_size for f in path.rglob("*") if f.is_file())
    return path.stat().st_size


def removals(settings: Settings, hospital: str, kept: Kept, before: datetime, pages_from: date) -> list[Removal]:
    """What goes of a hospital; nothing that was written after `before`, no page of `pages_from` or later."""
    return [
        *_of_lake(settings, hospital, kept, before.timestamp()),
        *_of_folds(settings, hospital, kept, before.timestamp()),
        *_of_runs(settings, hospital, kept, before.timestamp()),
        *_of_pages(settings, hospital, pages_from),
    ]


def _of_lake(settings: Settings, hospital: str, kept: Kept, before: float) -> Iterator[Removal]:
    for stage, kind in _STAGES:
        place = settings.stage_folder(stage, hospital)
        for folder in sorted(place.glob(".*")):
            if folder.name.startswith(REMOVED) or folder.stat().st_mtime < before:
                yield Removal(hospital, "left over", folder, size_of(folder))
        stay = kept.deliveries | kept.landed if stage == "land" else kept.deliveries
        for folder in sorted(place.glob(f"{PREFIX}*")):
            if folder.name in stay or folder.stat().st_mtime >= before:
                continue
            night = night_in(folder.name)
            if stage != "land" or folder.name not in kept.known:
                yield Removal(hospital, kind, folder, size_of(folder), night)
            elif rows := [f for f in folder.iterdir() if f.is_dir()]:
                yield Removal(hospital, kind, folder, sum(map(size_of, rows)), night, stripped=True)


def _of_folds(settings: Settings, hospital: str, kept: Kept, before: float) -> Iterator[Removal]:
    for folder in sorted(settings.stage_folder("merge", hospital).glob("fold=*")):
        if folder.name not in kept.folds and folder.stat().st_mtime < before:
            yield Removal(hospital, "fold", folder, size_of(folder))


def _of_runs(settings: Settings, hospital: str, kept: Kept, before: float) -> Iterator[Removal]:
    """Run files tell where a delivery's files lie: they stay as long as anything leads to a line of them."""
    stay = kept.deliveries | kept.landed | kept.known
    for file in sorted((settings.home / "runs").glob(f"{hospital}-*.json")):
        name = f"{PREFIX}{file.stem.removeprefix(f'{hospital}-')}"
        if name not in stay and file.stat().st_mtime < before:
            yield Removal(hospital, "run file", file, size_of(file), night_in(name))


def _of_pages(settings: Settings, hospital: str, pages_from: date) -> Iterator[Removal]:
    for file in sorted(settings.reports.glob(f"????-??-??/{hospital}.html")):
        if (night := date.fromisoformat(file.parent.name)) < pages_from:
            yield Removal(hospital, "page", file, size_of(file), night)


def old_notes(settings: Settings, before: datetime) -> list[Removal]:
    """Notes on folders of nights long ago: what runs took of them, and looks at those that were still coming."""
    files = sorted(f for place in ("taken", "looks") for f in (settings.home / place).glob("*.json"))
    return [Removal("", "note", f, size_of(f)) for f in files if f.stat().st_mtime < before.timestamp()]


def night_in(name: str) -> date:
    """The night in a delivery's name."""
    return date.fromisoformat(name.removeprefix(PREFIX).split("-")[0])
