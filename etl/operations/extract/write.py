"""Writes what was read as a delivery: whole or not at all, and for the pipeline's own eyes only."""

from __future__ import annotations

import csv
import io
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from etl.night.lake.layers import WHOLE
from etl.night.manifest import MANIFEST

_GROUP_ROWS = 122_880  # rows of a row group, as the engine reads them at once
_GROUP_BYTES = 64 << 20


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """An empty folder beside the delivery's, hidden from who looks for deliveries; it is gone at the end."""
    place = folder.with_name(f".{folder.name}.extracting")
    for killed in {place, *folder.parent.glob(".[0-9]*.extracting")}:  # the hospital's lock is ours
        shutil.rmtree(killed, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    place.mkdir(mode=0o700)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _new_file(path: Path) -> io.FileIO:
    return io.FileIO(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")


def _close(stream: io.FileIO) -> None:
    os.fsync(stream.fileno())
    stream.close()


def write_parquet(path: Path, columns: Sequence[str], batches: Iterator[pa.Table], tell: Callable[[int], None]) -> int:
    """Write batches of text columns, keeping no more than a row group of them; `tell` gets the rows so far."""
    schema = pa.schema([(name, pa.string()) for name in columns])
    stream = _new_file(path)
    rows = waiting = size = 0
    group: list[pa.Table] = []
    with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        for batch in batches:
            group.append(batch)
            waiting, size, rows = waiting + batch.num_rows, size + batch.nbytes, rows + batch.num_rows
            if waiting >= _GROUP_ROWS or size >= _GROUP_BYTES:
                writer.write_table(pa.concat_tables(group))
                group, waiting, size = [], 0, 0
                tell(rows)
        if group:
            writer.write_table(pa.concat_tables(group))
    _close(stream)
    return rows


def _write_text(path: Path, text: str) -> None:
    stream = _new_file(path)
    stream.write(text.encode("utf-8"))
    _close(stream)


def write_manifest(place: Path, rows: Mapping[str, int]) -> None:
    """Write `manifest.csv` of the files in `place`; it is what says that a delivery is complete."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["file", "bytes", "rows"])
    table.writerows([name, (place / name).stat().st_size, count] for name, count in sorted(rows.items()))
    _write_text(place / MANIFEST, out.getvalue())


def mark_whole(place: Path) -> None:
    """Say that the night is whole, though the hospital delivers changes."""
    _write_text(place / WHOLE, "")


def hand_over(place: Path, folder: Path, earlier: Sequence[str]) -> None:
    """Make the files in `place` the delivery `folder`, or part of it where the hospital's own files lie there.

    What an earlier extraction left there (`earlier`) goes first, so that two moments never lie side by side. The
    manifest comes last; a hospital's own one stays: it does not speak of our files.
    """
    mine = {p.name for p in place.iterdir()} - {MANIFEST}
    remove_files(folder, [*earlier, *mine])
    if not folder.exists():
        place.rename(folder)
        _sync(folder.parent)
        return
    for name in sorted(mine):
        (place / name).replace(folder / name)
    if not (folder / MANIFEST).exists():
        (place / MANIFEST).replace(folder / MANIFEST)
    _sync(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def _listed(folder: Path) -> set[str]:
    """The files that a folder's manifest names; none without a manifest."""
    if not (folder / MANIFEST).exists():
        return set()
    with (folder / MANIFEST).open(encoding="utf-8-sig", newline="") as stream:
        return {str(row.get("file")) for row in csv.DictReader(stream)}


def remove_files(folder: Path, files: Sequence[str]) -> None:
    """Remove extracted files and their manifest, and the folder with them unless the hospital's own files lie there."""
    if not folder.is_dir():
        return
    mine = set(files)
    if _listed(folder) <= mine | {WHOLE}:
        mine.add(MANIFEST)
    if {p.name for p in folder.iterdir()} <= mine:
        shutil.rmtree(folder)
        return
    for name in sorted(mine, key=lambda n: n != MANIFEST):  # first what says that the others are complete
        (folder / name).unlink(missing_ok=True)
