"""A delivery: one hospital's export for one night, identified by (hospital, night, sha256 of its files)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from etl.errors import InputError, all_of
from etl.files import is_pattern
from etl.night.content import Content, Packed, check_unpacked, inside, is_sheet, readable
from etl.night.folder import digest_of, files_in, holds_a_day, named_after
from etl.night.manifest import MANIFEST, Promise, manifest_of, promises
from etl.night.naming import is_text, legible, refuse_illegible, tell_all

_CHUNK = 1 << 20  # what the processor's cache holds is counted fastest
_LINE_END = 10


class NoDelivery(InputError):
    """There is nothing at the place that was named which could be a delivery: no trace of it is kept."""


@dataclass(frozen=True, slots=True)
class DeliveredFile:
    """One file as it came, or one that lay inside an archive; all but `path` are of the file unpacked.

    `lines` counts line ends, `zeros` tells whether there are zero bytes, `rows` is what the manifest promises (None:
    nothing). `folder` is the sub-folder of the delivery, `inner` the path in an archive or the name of a sheet (None:
    the file is none). By the names in `also` a contract may call it, too. `told` is what messages and records call it
    (see `etl.night.naming`), `place` where it stands among the folder's files and, in an archive, among what that
    holds. `stamp` tells without reading whether the file on disk is the one that was hashed.
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
    told: str = ""
    place: tuple[int, int] = (0, 0)
    stamp: str = ""
    zeros: bool = False

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
    """One folder of files; `names` is a digest of what they are called."""

    hospital: str
    night: date
    folder: Path
    files: dict[str, DeliveredFile]
    sha256: str
    names: str = field(default="", compare=False)

    @property
    def run_id(self) -> str:
        """Name of the run that takes this delivery through the stages."""
        return f"{self.hospital}-{self.night:%Y%m%d}-{self.sha256[:12]}"

    @property
    def bytes(self) -> int:
        """Size of all files."""
        return sum(f.bytes for f in self.files.values())


def _name(folder: str, path: Path, inner: str | None) -> str:
    return f"{f'{folder}/' if folder else ''}{legible(path.name)}{f'!{inner}' if inner else ''}"


def unread(folder: Path, path: Path, place: int) -> list[DeliveredFile]:
    """A file of a delivery's folder, or each that lies in it, of which nothing but its names is known yet.

    Raises InputError for an archive that cannot be read.
    """
    where, held = _above(folder, path), inside(path)
    if held is None:
        return [DeliveredFile(path, 0, "", 0, True, folder=where, place=(place, 0))]
    return [
        DeliveredFile(
            path, 0, "", 0, True, folder=where, inner=inner, also=_also(where, path, inner, alone=len(held) == 1),
            place=(place, number),
        )
        for number, inner in enumerate(held)
    ]  # fmt: skip


def _also(folder: str, path: Path, inner: str, *, alone: bool) -> tuple[str, ...]:
    """An archive is as good as what it holds: lying where it lies, and by its own name if that is one file."""
    place = f"{folder}/" if folder else ""
    if not inner:
        return (f"{place}{legible(path.stem)}",)
    names = [] if is_sheet(path) else [f"{place}{inner}"]
    return (*names, *([f"{place}{legible(path.name)}"] if alone else []))


def read_file(folder: Path, path: Path, place: int = 0) -> list[DeliveredFile]:
    """Hash a file, or all that lie in it, and count their lines in one pass of bounded memory.

    Raises InputError for an archive that cannot be read or is made to fill a disk.
    """
    files: list[DeliveredFile] = []
    for file in unread(folder, path, place):
        if file.inner is None:
            return [hashed(file)]
        with readable(path):
            files.append(hashed(file, sum(f.bytes for f in files)))
    return files


def stamp_of(path: Path) -> str:
    """Where a file lies on disk, its size, and when it or its name was changed last."""
    said = path.stat()
    return f"{said.st_dev}:{said.st_ino}:{said.st_size}:{said.st_mtime_ns}:{said.st_ctime_ns}"


def hashed(file: DeliveredFile, before: int = 0) -> DeliveredFile:
    """The file with what is counted of it; `before`: bytes that came out of its archive before."""
    stamp = stamp_of(file.path)
    digest = hashlib.sha256()
    lines = size = 0
    zeros = False
    last = b"\n"
    with file.content.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            lines += int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == _LINE_END))
            zeros = zeros or b"\0" in chunk
            last = chunk[-1:]
            if file.inner is not None:
                check_unpacked(file.path, before + size)
    return replace(file, bytes=size, sha256=digest.hexdigest(), lines=lines, ends_with_newline=last == b"\n",
                   stamp=stamp, zeros=zeros)  # fmt: skip


def night_of(folder: Path) -> date:
    """The night a folder is named after (YYYY-MM-DD or YYYYMMDD), else today in Seoul.

    InputError for a name with a day in it that is not all of the name, or none of the calendar: which night such a
    folder is of, only who named it knows.
    """
    day = named_after(folder)
    if day is None and holds_a_day(folder):
        raise InputError(
            f"which night {folder.name} is of cannot be told from its name",
            hint="name the folder YYYY-MM-DD or give --night",
        )
    return day or datetime.now(ZoneInfo("Asia/Seoul")).date()


def open_delivery(
    hospital: str, folder: Path, night: date | None = None, progress: Callable[[str], None] | None = None,
    patterns: Iterable[str] = (),
) -> Delivery:  # fmt: skip
    """Hash the files of a delivery and check them against its manifest.csv when there is one.

    `patterns` are the names by which the contract calls files. Raises InputError when the folder or a file of the
    manifest is missing, a size differs, something in the folder is no file, or the folder is named after another day
    than `night`.
    """
    delivery, wrong = read_delivery(hospital, folder, night, progress, patterns)
    if wrong:
        raise all_of(wrong)
    return delivery


def read_delivery(
    hospital: str, folder: Path, night: date | None = None, progress: Callable[[str], None] | None = None,
    patterns: Iterable[str] = (),
) -> tuple[Delivery, list[InputError]]:  # fmt: skip
    """`open_delivery`, but for what its manifest promises and the files do not keep: all of it, not raised."""
    paths = _files(hospital, folder)
    day = named_after(folder)
    if night and day and night != day:
        raise InputError(
            f"the folder {folder} is of {day}, --night says {night}",
            hint=f"leave --night away (in Airflow: set the parameter night to {day}), or rename the folder",
        )
    known = list(patterns)
    closed = [_closed(folder, path) for path in paths]
    told = tell_all(closed, known)
    refuse_illegible(closed, paths, told, known)

    def read(place: int) -> list[DeliveredFile]:
        if progress:
            progress(told[place])
        try:
            return read_file(folder, paths[place], place)
        except InputError as error:
            raise InputError(f"{told[place]}: {error.message}", hint=error.hint) from error

    night = night or night_of(folder)
    with ThreadPoolExecutor(2) as pool:
        found = [file for files in pool.map(read, range(len(paths))) for file in files]
    found = [replace(f, told=name) for f, name in zip(found, tell_all(found, known), strict=True)]
    files, wrong = _as_promised(folder, {f.name: f for f in found}, known)
    total = hashlib.sha256("".join(f"{n}\0{f.sha256}\n" for n, f in sorted(files.items())).encode()).hexdigest()
    return Delivery(hospital, night, folder, files, total, digest_of(folder, paths)), wrong


def _closed(folder: Path, path: Path) -> DeliveredFile:
    """A file of which only its own name is known, not what lies in it."""
    above = _above(folder, path)
    return DeliveredFile(path, 0, "", 0, True, folder=above, also=_also(above, path, "", alone=True))


def _above(folder: Path, path: Path) -> str:
    above = path.parent.relative_to(folder)
    return "" if above == Path() else legible(above.as_posix())


def _files(hospital: str, folder: Path) -> list[Path]:
    """The files in a delivery's folder; InputError when it is none, has none, or holds what is no file of it."""
    if not is_text(str(folder)):
        raise NoDelivery("the path of the delivery's folder is no UTF-8", hint="rename its folder")
    if folder.is_file():
        raise NoDelivery(f"{folder} is a file; a delivery is a folder", hint="give the folder with the night's files")
    if not folder.is_dir():
        raise NoDelivery(f"there is no delivery at {folder}", hint="check the drop folder of the hospital")
    if paths := files_in(folder):
        return paths
    nights = {day: p for p in folder.iterdir() if p.is_dir() and (day := named_after(p))}
    if nights:
        raise NoDelivery(
            f"{folder} holds nights ({len(nights)}), not the files of one",
            hint=f"give one of them; the newest: etl run {hospital} {nights[max(nights)]}",
        )
    raise NoDelivery(f"the delivery {folder} is empty", hint="check that the hospital's export has finished")


def _as_promised(
    folder: Path, files: dict[str, DeliveredFile], patterns: Sequence[str]
) -> tuple[dict[str, DeliveredFile], list[InputError]]:
    """The files with the rows promised for them, and an error for each that is not there or not as large as promised.

    A hospital may send a manifest.csv (file,bytes,rows): it shows a file that was cut or left out. Rows are counted
    when a file lands.
    """
    manifest = manifest_of(files)
    if manifest is None:
        return files, []
    plain = {p for p in patterns if not is_pattern(p)}
    try:
        listed = promises(folder / manifest, plain)
    except InputError as error:
        return files, [error]
    promised: dict[str, DeliveredFile] = {}
    for promise in listed:
        named = _named(promise.file, files)
        promised |= {f.name: replace(f, rows=promise.rows) for f in named if len(named) == 1}
    return files | promised, list(_broken(listed, files, plain))


def _named(said: str, files: Mapping[str, DeliveredFile]) -> list[DeliveredFile]:
    return [f for f in files.values() if said in (f.name, *f.also)]


def _broken(listed: Iterable[Promise], files: Mapping[str, DeliveredFile], known: set[str]) -> Iterator[InputError]:
    # a file may be listed as it lies in the folder, or as one inside an archive
    lying = {_name(f.folder, f.path, None): f.path for f in files.values()}
    for promise in listed:
        said = promise.file if promise.file in known else f"{MANIFEST}, line {promise.line}"
        named, packed = _named(promise.file, files), lying.get(promise.file)
        if not named and packed is None:
            yield InputError(f"{said}: the manifest lists it, the delivery lacks it", hint="ask for the file again")
            continue
        sizes = [packed.stat().st_size] if packed else [f.bytes for f in named]
        if promise.bytes not in sizes:
            yield InputError(
                f"{said}: {sizes[0]:,} bytes came, the manifest says {promise.bytes:,}; the file was cut or changed",
                hint="ask for the file again",
            )
