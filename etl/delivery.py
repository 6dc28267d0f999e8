"""A delivery: one hospital's export for one night, identified by (hospital, night, sha256 of its files)."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.errors import InputError

MANIFEST = "manifest.csv"
_CHUNK = 1 << 24


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file as it came; `lines` counts line ends."""

    path: Path
    bytes: int
    sha256: str
    lines: int
    ends_with_newline: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """One folder of files."""

    hospital: str
    night: date
    folder: Path
    files: dict[str, DeliveredFile]
    sha256: str

    @property
    def run_id(self) -> str:
        """Name of the run that takes this delivery through the stages."""
        return f"{self.hospital}-{self.night:%Y%m%d}-{self.sha256[:12]}"

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(f.bytes for f in self.files.values())


def read_file(path: Path) -> DeliveredFile:
    """Hash a file and count its lines in one pass of bounded memory."""
    digest = hashlib.sha256()
    lines = size = 0
    last = b"\n"
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
    return DeliveredFile(path, size, digest.hexdigest(), lines, last == b"\n")


def night_of(folder: Path) -> date:
    """The night a folder is named after (YYYY-MM-DD or YYYYMMDD), else today in Seoul."""
    match = re.search(r"(\d{4})-?(\d{2})-?(\d{2})$", folder.name)
    if match:
        try:
            return date(*(int(g) for g in match.groups()))
        except ValueError as error:
            raise InputError(
                f"{folder.name} is not a day", hint="name the folder YYYY-MM-DD or give --night"
            ) from error
    return datetime.now(ZoneInfo("Asia/Seoul")).date()


def open_delivery(
    hospital: str, folder: Path, night: date | None = None, progress: Callable[[str], None] | None = None
) -> Delivery:
    """Hash the files of a delivery and check them against its manifest.csv when there is one.

    Raises InputError when the folder or a file of the manifest is missing or a size differs.
    """
    if not folder.is_dir():
        raise InputError(f"there is no delivery at {folder}", hint="check the drop folder of the hospital")
    paths = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    if not paths:
        raise InputError(f"the delivery {folder} is empty", hint="check that the hospital's export has finished")
    with ThreadPoolExecutor(2) as pool:
        read = list(pool.map(partial(_noted, progress), paths))
    files = {f.path.name: f for f in read}
    _check_manifest(folder, files)
    total = hashlib.sha256("".join(f"{n}\0{f.sha256}\n" for n, f in sorted(files.items())).encode()).hexdigest()
    return Delivery(hospital, night or night_of(folder), folder, files, total)


def _noted(progress: Callable[[str], None] | None, path: Path) -> DeliveredFile:
    if progress:
        progress(path.name)
    return read_file(path)


def _check_manifest(folder: Path, files: dict[str, DeliveredFile]) -> None:
    """A hospital may send a manifest.csv (file,bytes,rows): it shows a file that was cut or left out."""
    if MANIFEST not in files:
        return
    try:
        with (folder / MANIFEST).open(encoding="utf-8-sig", newline="") as stream:
            listed = {row["file"]: int(row["bytes"]) for row in csv.DictReader(stream)}
    except (KeyError, TypeError, ValueError) as error:  # not UTF-8 is a ValueError too
        raise InputError(
            f"{MANIFEST}: expected a line `file,bytes` (or more columns) and one line per file in UTF-8",
            hint="ask for the manifest again",
        ) from error
    for name, size in listed.items():
        if name not in files:
            raise InputError(f"{name}: the manifest lists it, the delivery lacks it", hint="ask for the file again")
        if files[name].bytes != size:
            raise InputError(
                f"{name}: {files[name].bytes:,} bytes came, the manifest says {size:,}; the file was cut or changed",
                hint="ask for the file again",
            )
