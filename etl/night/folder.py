"""The folder of a delivery: which files lie in it, and what is no file that may be read."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path

from etl.errors import InputError, all_of
from etl.night.naming import listed

#: How programs that bring files call one that has not wholly come (rsync begins its name with a dot).
PARTIAL = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".uploading", ".inprogress")
_DAY = r"(\d{4})-?(\d{2})-?(\d{2})"


def named_after(folder: Path) -> date | None:
    """The day that is a folder's whole name (YYYY-MM-DD or YYYYMMDD); None for any other name."""
    match = re.fullmatch(_DAY, folder.name)
    try:
        return date(*(int(g) for g in match.groups())) if match else None
    except ValueError:
        return None


def holds_a_day(folder: Path) -> bool:
    """Whether eight digits in a folder's name look like a day, whatever else stands there."""
    return re.search(rf"(?<!\d){_DAY}(?!\d)", folder.name) is not None


def files_in(folder: Path) -> list[Path]:
    """The files of a delivery in the order of their names, those of other nights' and hidden folders left out.

    Raises InputError, telling by number, for links that lead out of the folder and for what is no file: who reads such
    a link reads what somebody else keeps, and who reads a pipe waits for ever.
    """
    nights = {p for p in folder.iterdir() if p.is_dir() and named_after(p)}
    found = sorted(p for p in folder.rglob("*") if not _hidden(p.relative_to(folder)) and not nights & {p, *p.parents})
    kinds = (
        ("are links that lead out of its folder, or nowhere", "ask for the files themselves", _leading(folder, found)),
        ("are pipes, sockets or devices", "ask for files", _no_files(found)),
    )
    wrong = [
        InputError(
            f"{len(numbers)} of the {len(found)} things in the delivery {what} "
            f"(number {listed(numbers)} in the order of their names)",
            hint=hint,
        )
        for what, hint, numbers in kinds
        if numbers
    ]
    if wrong:
        raise all_of(wrong)
    return [p for p in found if p.is_file()]


def digest_of(folder: Path, files: Sequence[Path]) -> str:
    """A digest of the names of a folder's files, by which it is seen whether they are still the same ones."""
    names = "\0".join(p.relative_to(folder).as_posix() for p in files)
    return hashlib.sha256(names.encode("utf-8", "surrogateescape")).hexdigest()


def sizes_in(folder: Path) -> dict[str, int]:
    """The size in bytes of each file in a folder, by its path there; hidden ones are no part of a delivery.

    Unlike `files_in` it refuses nothing: what lies there may still be coming.
    """
    sizes = {}
    for file in folder.rglob("*"):
        at = file.relative_to(folder)
        if not _hidden(at) and file.is_file():
            with suppress(FileNotFoundError):  # it got its final name meanwhile
                sizes[at.as_posix()] = file.stat().st_size
    return sizes


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _leading(folder: Path, found: Sequence[Path]) -> list[int]:
    root = folder.resolve()
    return [n for n, p in enumerate(found, 1) if p.is_symlink() and not _inside(root, p)]


def _inside(root: Path, link: Path) -> bool:
    try:
        return link.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):  # it leads nowhere, or in a circle
        return False


def _no_files(found: Sequence[Path]) -> list[int]:
    def plain(path: Path) -> bool:
        mode = path.stat().st_mode
        return stat.S_ISREG(mode) or stat.S_ISDIR(mode)

    return [n for n, p in enumerate(found, 1) if p.exists() and not plain(p)]
