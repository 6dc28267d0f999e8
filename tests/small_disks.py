"""A file system of its own for tests of what happens when it is full."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def disk_in_memory(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a size (as `mount` writes it: 48m, 900k) below `folder`; the test is skipped where none can be made."""
    disk = folder / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    done = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if not done or done.returncode:
        pytest.skip("a file system in memory cannot be mounted here (root is needed)")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)
