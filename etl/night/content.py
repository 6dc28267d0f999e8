"""What lies inside the files of a delivery, and how it is read: a stream of bytes, never an unpacked copy on disk.

`x.csv.gz` holds one file, `x.zip` its members, `x.xlsx` one CSV a sheet (see `sheets`). Archives in archives are not
opened.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast
from zipfile import BadZipFile, ZipFile, ZipInfo

from etl.errors import InputError
from etl.night import sheets

GZIP, ZIP = ".gz", ".zip"
#: A file that unpacks to more than so many times its size is refused (exports reach 5 to 50), unless it stays small.
MAX_RATIO, ALWAYS = 200, 1 << 26
#: Unpacked size of what is held in memory of a workbook while a sheet is read: its texts, and the other parts together.
_MAX_TEXTS, _MAX_REST = 1 << 28, 1 << 24
_UTF8_NAME = 0x800
_BROKEN = (OSError, EOFError, zlib.error, BadZipFile, NotImplementedError, sheets.NoWorkbook, ValueError, IndexError)


@dataclass(frozen=True, slots=True)
class Packed:
    """A file inside another one: `inner` is its path in a .zip, the name of a sheet, or nothing in a .gz."""

    path: Path
    inner: str

    @property
    def name(self) -> str:
        """File name, for messages."""
        return f"{self.path.name}!{self.inner}" if self.inner else self.path.name

    def open(self, mode: Literal["rb"]) -> io.BufferedIOBase:
        """The unpacked bytes, read from start to end."""
        if _is(self.path, GZIP):
            return gzip.open(self.path, mode)
        archive = ZipFile(self.path)
        if _is(self.path, *sheets.SUFFIXES):
            return io.BufferedReader(_Chunks(sheets.csv_chunks(archive, self.inner)))
        found = archive.open(next(i for i in archive.infolist() if _name_of(i) == self.inner))
        return cast(io.BufferedIOBase, found)  # which is what it is


Content = Path | Packed


def is_sheet(path: Path) -> bool:
    """Whether the file is a workbook, whose sheets are read as UTF-8 with commas."""
    return _is(path, *sheets.SUFFIXES)


def inside(path: Path) -> list[str] | None:
    """Names of what a file holds (`""`: one thing without a name), None when it is no archive."""
    if _is(path, GZIP):
        return [""]
    if _is(path, ZIP):
        with readable(path), ZipFile(path) as archive:
            if any(i.flag_bits & 1 for i in archive.infolist()):
                raise InputError("the archive is encrypted", hint="ask for the archive without a password")
            names = [_name_of(i) for i in archive.infolist() if not i.is_dir()]
        return [n for n in names if not _hidden(n)]
    if is_sheet(path):
        with readable(path), ZipFile(path) as archive:
            _check_texts(path, archive)
            return sheets.sheet_names(archive)
    return None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """InputError when an archive cannot be read to its end."""
    try:
        yield
    except InputError:
        raise
    except _BROKEN as error:
        if getattr(error, "errno", None):
            raise  # of the file system, not of what the file holds
        kind = "workbook" if is_sheet(path) else "archive"
        raise InputError(
            f"this is no readable {kind}, or it was cut",
            hint="ask for the file again; encrypted or of another kind it must be delivered as plain files",
        ) from error


def check_unpacked(path: Path, size: int) -> None:
    """InputError when `size`, the bytes that came out of a file so far, says that it would fill any disk."""
    if size > max(ALWAYS, MAX_RATIO * path.stat().st_size):
        raise InputError(
            f"it unpacks to more than {MAX_RATIO} times its size and is not read any further",
            hint="if the hospital says that this is right, ask for its files unpacked",
        )


def _check_texts(path: Path, archive: ZipFile) -> None:
    sizes = {i.filename: i.file_size for i in archive.infolist()}
    texts, rest = sizes.get(sheets.TEXTS, 0), sum(sizes.get(part, 0) for part in sheets.PARTS)
    if texts > _MAX_TEXTS or rest > _MAX_REST:
        raise InputError(
            f"the texts of this workbook take {texts + rest >> 20:,} MB unpacked, more than is read",
            hint="ask for its sheets as CSV files",
        )


def _is(path: Path, *suffixes: str) -> bool:
    return path.suffix.lower() in suffixes


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _name_of(member: ZipInfo) -> str:
    """The member's path; Korean Windows writes CP949 where the format knows IBM's code page 437 or UTF-8."""
    name = member.filename
    if not member.flag_bits & _UTF8_NAME:
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "cp949"):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError:
                continue
    return name


class _Chunks(io.RawIOBase):
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = piece
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count
