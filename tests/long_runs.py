"""Long runs in pieces: two processes, a bar, and what is done stays, so that a run that was broken off goes on."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from etl.settings import PROJECT

FOLDER = PROJECT / ".long_runs"
_MADE_OF = ("etl", "expectations", "mappings", "tests/data")  # whose change makes what was seen before void
_LOOK = 1.0  # seconds


@dataclass(frozen=True)
class Notes:
    """What one piece has seen so far: lines of JSON, each written when its part of the work was done."""

    folder: Path
    piece: str

    @property
    def place(self) -> Path:
        """Where the piece works."""
        return self.folder / self.piece

    def lines(self) -> list[dict[str, Any]]:
        """All that is noted, in order; a line that was not finished does not count."""
        file = self.folder / f"{self.piece}.jsonl"
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def add(self, **said: Any) -> None:
        """Note one more, in the place of a line that was not finished."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{self.piece}.jsonl").open("ab+") as lines:
            lines.seek(0)
            lines.truncate(lines.read().rfind(b"\n") + 1)
            lines.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")


def work_through(
    folder: Path, pieces: Mapping[str, int], work: Callable[[Notes], None], processes: int
) -> Iterator[Notes]:
    """Do what is left of every piece (name: how many lines it will have), the longest first; then all their notes."""
    folder.mkdir(parents=True, exist_ok=True)
    notes = {piece: Notes(folder, piece) for piece in pieces}
    longest = sorted(pieces, key=lambda piece: (len(notes[piece].lines()) - pieces[piece], piece))
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        begun = [pool.submit(work, notes[p]) for p in longest if len(notes[p].lines()) < pieces[p]]
        _watch(notes, sum(pieces.values()), begun)
    yield from notes.values()


def _watch(notes: Mapping[str, Notes], total: int, begun: Sequence[Future[None]]) -> None:
    bar = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*bar, console=Console(stderr=True)) as progress:
        task = progress.add_task("seen", total=total)
        while True:
            over = all(each.done() for each in begun)
            progress.update(task, completed=sum(len(each.lines()) for each in notes.values()))
            for each in begun:
                if each.done() and each.exception() is not None:
                    for other in begun:
                        other.cancel()  # what has not begun; what has comes to its end
            if over:
                break
            time.sleep(_LOOK)
    for each in begun:
        if not each.cancelled():
            each.result()


def same_program(folder: Path) -> str:
    """Empties `folder` when another state of the program worked there; returns the digest of this one."""
    digest, note = _digest(), folder / "program"
    if folder.exists() and (not note.exists() or note.read_text() != digest):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(digest)
    return digest


def _digest() -> str:
    found = hashlib.sha256()
    for root in _MADE_OF:
        for place, folders, files in os.walk(PROJECT / root):
            folders[:] = sorted(f for f in folders if f not in ("__pycache__", "vendor"))
            for name in sorted(files):
                found.update(f"{place}/{name}".removeprefix(str(PROJECT)).encode() + b"\0")
                found.update((Path(place) / name).read_bytes())
    return found.hexdigest()[:12]


def processes() -> int:
    """One for each core, two at most: each holds a hospital in memory."""
    return min(2, os.cpu_count() or 1)
