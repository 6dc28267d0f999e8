"""A disk that fills up at any moment: exit code 5, last night stays whole, and the same command succeeds later."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import tiny
from processes import start
from small_disks import disk_in_memory
from tiny import Tiny

# from "not even the run's file fits" to "all but the last of publishing fits"
FREE_KILOBYTES = (0, 8, 64, 200, 400, 700, 1000, 1400)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, held in memory."""
    with disk_in_memory(tmp_path, "48m") as disk:
        yield disk


def fill(disk: Path, leave: int) -> Path:
    """Take all space of a disk but `leave` bytes."""
    ballast = disk / "ballast"
    space = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_frsize - leave, 1))
    return ballast


def test_a_full_disk_ends_with_5_and_publishes_nothing(small_disk: Path, vocabulary: Path, tmp_path: Path) -> None:
    hospital: Tiny = tiny.make(small_disk / "home", vocabulary)
    hospital.publish()
    before = tiny.warehouse_rows(hospital.settings)
    hospital.tables["LAB.csv"][1][4] = "11.4"
    folder = hospital.deliver(date(2026, 7, 2))
    stopped = 0
    for free in FREE_KILOBYTES:
        ballast = fill(small_disk, free << 10)
        command = start(hospital, "run", "tiny", str(folder), "--force", log=tmp_path / f"{free}.log")
        code = command.exit_code()
        ballast.unlink()
        assert "Traceback" not in command.output, f"{free} kB: {command.output}"
        assert code in (0, 5), f"{free} kB: {command.output}"
        if code == 0 or re.search(r"2026-07-02 .* published", command.output):
            assert code == 0 or "No space left" in command.output  # what found no room were the pages
            break
        stopped += 1
        assert tiny.warehouse_rows(hospital.settings) == before, f"{free} kB"
    assert stopped >= 3

    last = start(hospital, "run", "tiny", str(folder), log=tmp_path / "last.log")
    assert last.exit_code() == 0, last.output
    after = tiny.warehouse_rows(hospital.settings)
    assert after["person"] == before["person"]
    assert [r[8] for r in after["measurement"]] != [r[8] for r in before["measurement"]]
