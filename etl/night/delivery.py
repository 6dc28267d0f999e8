"""A delivery: one hospital's export for one night, identified by (hospital, night, sha256 of its files)."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from etl.errors import InputError, all_of
from etl.night.content import Content, Packed, check_unpacked, inside, is_sheet, readable

MANIFEST = "manifest.csv"
_CHUNK = 1 << 24
_DAY = r"(\d{4})-?(\d{2})-?(\d{2})$"


class NoDelivery(InputError):
    """There is nothing at the place that was named which could be a delivery: no trace of it is kept."""


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file as it came, or one that lay inside an archive; all but `path` are of the file unpacked.

    `lines` counts line ends, `rows` is what the manifest promises (None: nothing). `folder` is the sub-folder of the
    delivery, `inner` the path in an archive or the name of a sheet (None: the file is none). By the names in `also` a
    contract may call it, too.
    """

    path: Path
    bytes: int
    sha256: str
    lines: int
    ends_with_newline: bool
    rows: int | None = None
    folder: str = ""
    inner: str | None = None
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its name in the delivery: `patients.csv`, `ward/labs.csv.gz`, `july.zip!labs.csv`, `book.xlsx!patients`."""
        return _name(self.folder, self.path, self.inner)

    @property
    def content(self) -> Content:
        """What opens as its bytes."""
        return self.path if self.inner is None else Packed(self.path, self.inner)


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


def _name(folder: str, path: Path, inner: str | None) -> str:
    return f"{f'{folder}/' if folder else ''}{path.name}{f'!{inner}' if inner else ''}"


def read_file(path: Path, folder: str = "") -> list[DeliveredFile]:
    """Hash a file, or all that lie in it, and count their lines in one pass of bounded memory.

    Raises InputError for an archive that cannot be read or is made to fill a disk.
    """
    found = inside(path)
    if found is None:
        return [_read(DeliveredFile(path, 0, "", 0, True, folder=folder), 0)]
    files: list[DeliveredFile] = []
    for inner in found:
        also = _also(folder, path, inner, alone=len(found) == 1)
        with readable(path):
            file = DeliveredFile(path, 0, "", 0, True, folder=folder, inner=inner, also=also)
            files.append(_read(file, sum(f.bytes for f in files)))
    return files


def _also(folder: str, path: Path, inner: str, *, alone: bool) -> tuple[str, ...]:
    """An archive is as good as what it holds: lying where it lies, and by its own name if that is one file."""
    place = f"{folder}/" if folder else ""
    if not inner:
        return (f"{place}{path.stem}",)
    names = [] if is_sheet(path) else [f"{place}{inner}"]
    return (*names, *([f"{place}{path.name}"] if alone else []))


def _read(file: DeliveredFile, before: int) -> DeliveredFile:
    """The file with what is counted of it; `before`: bytes that came out of its archive before."""
    digest = hashlib.sha256()
    lines = size = 0
    last = b"\n"
    with file.content.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            lines += chunk.count(b"\n")
            last = chunk[-1:]
            if file.inner is not None:
                check_unpacked(file.path, before + size)
    return replace(file, bytes=size, sha256=digest.hexdigest(), lines=lines, ends_with_newline=last == b"\n")


def night_of(folder: Path) -> date:
    """The night a folder is named after (YYYY-MM-DD or YYYYMMDD), else today in Seoul."""
    match = re.search(_DAY, folder.name)
    if match:
        try:
            return date(*(int(g) for g in match.groups()))
        except ValueError as error:
            raise InputError(
                f"{folder.name} is not a day", hint="name the folder YYYY-MM-DD or give --night"
            ) from error
    return datetime.now(ZoneInfo("Asia/Seoul")).date()


def named_after(folder: Path) -> date | None:
    """The day that is a folder's whole name (YYYY-MM-DD or YYYYMMDD); None for any other name."""
    match = re.match(_DAY, folder.name)
    try:
        return date(*(int(g) for g in match.groups())) if match else None
    except ValueError:
        return None


def open_delivery(
    hospital: str, folder: Path, night: date | None = None, progress: Callable[[str], None] | None = None
) -> Delivery:
    """Hash the files of a delivery and check them against its manifest.csv when there is one.

    Raises InputError when the folder or a file of the manifest is missing, a size differs, or the folder is named
    after another day than `night`.
    """
    delivery, wrong = read_delivery(hospital, folder, night, progress)
    if wrong:
        raise all_of(wrong)
    return delivery


def read_delivery(
    hospital: str, folder: Path, night: date | None = None, progress: Callable[[str], None] | None = None
) -> tuple[Delivery, list[InputError]]:
    """`open_delivery`, but for what its manifest promises and the files do not keep: all of it, not raised."""
    paths = _files(hospital, folder)
    day = named_after(folder)
    if night and day and night != day:
        raise InputError(
            f"the folder {folder} is of {day}, --night says {night}",
            hint=f"leave --night away (in Airflow: set the parameter night to {day}), or rename the folder",
        )
    with ThreadPoolExecutor(2) as pool:
        read = list(pool.map(partial(_noted, progress, folder), paths))
    files, wrong = _as_promised(folder, {f.name: f for files in read for f in files})
    total = hashlib.sha256("".join(f"{n}\0{f.sha256}\n" for n, f in sorted(files.items())).encode()).hexdigest()
    return Delivery(hospital, night or night_of(folder), folder, files, total), wrong


def _files(hospital: str, folder: Path) -> list[Path]:
    """The files in a delivery's folder; InputError when it is none or has none."""
    if folder.is_file():
        raise NoDelivery(f"{folder} is a file; a delivery is a folder", hint="give the folder with the night's files")
    if not folder.is_dir():
        raise NoDelivery(f"there is no delivery at {folder}", hint="check the drop folder of the hospital")
    nights = {day: p for p in folder.iterdir() if p.is_dir() and (day := named_after(p))}
    inside_nights = set(nights.values())
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not _left_out(p.relative_to(folder)))
    paths = [p for p in paths if not inside_nights & set(p.parents)]
    if paths:
        return paths
    if nights:
        raise NoDelivery(
            f"{folder} holds nights ({len(nights)}), not the files of one",
            hint=f"give one of them; the newest: etl run {hospital} {nights[max(nights)]}",
        )
    raise NoDelivery(f"the delivery {folder} is empty", hint="check that the hospital's export has finished")


def _left_out(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _noted(progress: Callable[[str], None] | None, folder: Path, path: Path) -> list[DeliveredFile]:
    place = path.parent.relative_to(folder)
    if progress:
        progress(path.relative_to(folder).as_posix())
    return read_file(path, "" if place == Path() else place.as_posix())


@dataclass(frozen=True, slots=True)
class _Promise:
    """What the manifest says of a file."""

    bytes: int
    rows: int | None


def _promises(manifest: Path) -> dict[str, _Promise]:
    """The lines of a manifest by file; InputError naming the line that cannot be read."""
    line = 1
    found = {}
    try:
        listed = csv.DictReader(io.StringIO(manifest.read_text(encoding="utf-8-sig")))
        for row in listed:
            file, size = row["file"], row["bytes"]
            line = listed.line_num
            found[file] = _Promise(int(size), _rows(row.get("rows"), file, line))
    except UnicodeDecodeError as error:
        raise _unreadable(error.object.count(b"\n", 0, error.start) + 1) from error
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise _unreadable(line) from error
    return found


def _unreadable(line: int) -> InputError:
    return InputError(
        f"{MANIFEST}, line {line}: expected a line `file,bytes` (or more columns) and one line per file in UTF-8",
        hint="ask for the manifest again",
    )


def _rows(said: str | None, file: str, line: int) -> int | None:
    """The number in the column `rows`, None where it says nothing."""
    text = (said or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InputError(
            f"{MANIFEST}, line {line}: `rows` of {file} is no number",
            hint="ask for the manifest again: rows of data without the header, in digits only, or nothing",
        )
    return int(text)


def _as_promised(folder: Path, files: dict[str, DeliveredFile]) -> tuple[dict[str, DeliveredFile], list[InputError]]:
    """The files with the rows promised for them, and an error for each that is not there or not as large as promised.

    A hospital may send a manifest.csv (file,bytes,rows): it shows a file that was cut or left out. Rows are counted
    when a file lands.
    """
    if MANIFEST not in files:
        return files, []
    try:
        listed = _promises(folder / MANIFEST)
    except InputError as error:
        return files, [error]
    promised: dict[str, DeliveredFile] = {}
    for said, promise in listed.items():
        named = _named(said, files)
        promised |= {f.name: replace(f, rows=promise.rows) for f in named if len(named) == 1}
    return files | promised, list(_broken(folder, listed, files))


def _named(said: str, files: Mapping[str, DeliveredFile]) -> list[DeliveredFile]:
    return [f for f in files.values() if said in (f.name, *f.also)]


def _broken(folder: Path, listed: Mapping[str, _Promise], files: Mapping[str, DeliveredFile]) -> Iterator[InputError]:
    for said, promise in listed.items():
        named = _named(said, files)
        packed = folder / said  # a file may be listed as it lies in the folder, or as one inside an archive
        if not named and not packed.is_file():
            yield InputError(f"{said}: the manifest lists it, the delivery lacks it", hint="ask for the file again")
            continue
        sizes = [packed.stat().st_size] if packed.is_file() else [f.bytes for f in named]
        if promise.bytes not in sizes:
            yield InputError(
                f"{said}: {sizes[0]:,} bytes came, the manifest says {promise.bytes:,}; the file was cut or changed",
                hint="ask for the file again",
            )
