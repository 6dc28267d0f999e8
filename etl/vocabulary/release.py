"""Releases of the vocabulary: those that are loaded, which one is used, and loading another beside them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.engine import open_engine, rows_in
from etl.errors import ConfigError, InputError, TransientError
from etl.faults import etl_errors
from etl.files import packaged, read_json, write_atomically
from etl.settings import Settings
from etl.sql import literal
from etl.vocabulary.bundle import BundleFile, open_bundle, write_table
from etl.vocabulary.mend import mended, unmerged_cpt4


def use_release(settings: Settings, name: str) -> Release:
    """Make a loaded release the one that is used, as if it had been loaded last."""
    release = release_named(settings, name)
    _make_newest(settings, release.folder)
    return release


def _make_newest(settings: Settings, folder: Path) -> None:
    """Number a release as the one loaded last; clocks are not believed."""
    said = read_json(folder / MARKER, dict[str, Any])
    numbers = [read_json(m, _Said).number for m in settings.vocabularies.glob(f"[!.]*/{MARKER}")]
    write_atomically(folder / MARKER, json.dumps({**said, "number": 1 + max(numbers, default=0)}, indent=1))


LOOKUPS = ("source_code", "maps_to")
FORMAT = 2  # of a release's folder; one of another format has to be loaded again
MARKER = "release.json"
_DANGLING = 0.01  # share of 'Maps to' whose target CONCEPT lacks; in a whole bundle there is none
Progress = Callable[[str, str], None]
"""Told the file (or what else is being made) and how far it is."""


@dataclass(frozen=True, slots=True)
class Release:
    """A loaded release; `version` is what the bundle calls itself, `name` the folder's; `rows` by vocabulary table.

    `notes` say what was mended when it was loaded, and what is missing.
    """

    name: str
    version: str
    folder: Path
    rows: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def table(self, name: str) -> Path:
        """The Parquet file of a vocabulary or look-up table."""
        return self.folder / f"{name}.parquet"


@dataclass(frozen=True, slots=True)
class _Said:
    """The shape of a release's marker; programs of another format may have said less."""

    version: str = ""
    rows: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    number: int = 0
    format: int | None = None


def releases(settings: Settings) -> list[Release]:
    """Loaded releases, the one loaded last first."""
    said = {m.parent: read_json(m, _Said) for m in settings.vocabularies.glob(f"[!.]*/{MARKER}")}
    # programs that numbered nothing went by the time of the file
    order = sorted(said, key=lambda f: (said[f].number, (f / MARKER).stat().st_mtime_ns), reverse=True)
    return [
        Release(f.name, said[f].version, f, said[f].rows, said[f].notes)
        for f in order if said[f].format == FORMAT
    ]  # fmt: skip


def current_release(settings: Settings) -> Release:
    """The release to map with: `ETL_VOCABULARY`, else the one loaded last; ConfigError when there is none."""
    if settings.vocabulary is not None:
        return release_named(settings, settings.vocabulary, "ETL_VOCABULARY: ")
    loaded = releases(settings)
    if not loaded:
        older = any(settings.vocabularies.glob(f"[!.]*/{MARKER}"))
        raise ConfigError(
            "the loaded vocabulary is of an older program's making" if older else "no vocabulary is loaded",
            hint="run: etl vocabulary load <folder of the Athena bundle>",
        )
    return loaded[0]


def release_named(settings: Settings, name: str, where: str = "") -> Release:
    """The release of that name or version; ConfigError, beginning with `where`, when it is not loaded."""
    loaded = releases(settings)
    found = next((r for r in loaded if name == r.name), None) or next((r for r in loaded if name == r.version), None)
    if found is None:
        older = (settings.vocabularies / name / MARKER).exists()
        known = ", ".join(r.name for r in loaded) or "none"
        raise ConfigError(
            f"{where}release '{name}' {'was loaded by an older program' if older else 'is not loaded'}; "
            f"loaded are: {known}",
            hint="run: etl vocabulary load <folder of the Athena bundle>",
        )
    return found


@contextmanager
def load_lock(settings: Settings) -> Iterator[None]:
    """Held while releases are loaded or removed; TransientError when another process holds it."""
    settings.vocabularies.mkdir(parents=True, exist_ok=True)
    with (settings.vocabularies / ".lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TransientError(
                "another command is loading or removing a vocabulary", hint="wait for it, then run again"
            ) from error
        yield


@contextmanager
def _work_folder(settings: Settings) -> Iterator[Path]:
    """The folder to load into, removed at the end unless it was renamed."""
    place = settings.vocabularies / ".loading"
    with load_lock(settings):
        shutil.rmtree(place, ignore_errors=True)  # of a load that was killed
        place.mkdir()
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def load_bundle(settings: Settings, bundle: Path, progress: Progress | None = None) -> Release:
    """Load an Athena bundle beside the releases already there and make it the one used; loading again is harmless.

    What is safe to mend is mended and told in `notes`. Raises InputError naming the missing or broken file and its
    line, TransientError when the disk is full or another load is at work. Memory stays within `ETL_MEMORY` at any size;
    a load that is killed leaves no release.
    """
    tell = progress or (lambda _what, _how: None)
    found = open_bundle(bundle)
    with (
        etl_errors(), _work_folder(settings) as place, open_engine(settings) as con, ThreadPoolExecutor(1) as reader,
    ):  # fmt: skip
        con.execute("set preserve_insertion_order = false")
        digests = [(f.table.name, reader.submit(f.sha256)) for f in found]
        rows, notes = _write_tables(con, found, place, tell)
        notes += unmerged_cpt4(con, bundle, place / "concept.parquet")
        tell("look-up tables", _so_far(rows))
        _write_lookups(con, place)
        _check_whole(con)
        digest = hashlib.sha256("\0".join(f"{n}={d.result()}" for n, d in sorted(digests)).encode()).hexdigest()
        version = _version(con) or f"unnamed {digest[:8]}"
        said = {"version": version, "format": FORMAT, "rows": dict(sorted(rows.items())), "notes": notes}
        (place / MARKER).write_text(json.dumps(said, indent=1), encoding="utf-8")
        slug = re.sub(r"[^A-Za-z0-9.]+", "-", version).strip("-").lower()
        target = settings.vocabularies / f"{slug}-{digest[:8]}"
        _take_place(settings, place, target)
    return Release(target.name, version, target, rows, tuple(notes))


def _write_tables(
    con: DuckDBPyConnection, found: list[BundleFile], place: Path, tell: Progress
) -> tuple[dict[str, int], list[str]]:  # fmt: skip
    rows: dict[str, int] = {}
    notes: list[str] = []
    there = [file for file in found if file.path]
    with ThreadPoolExecutor(1) as pool:  # a file is looked through while the next one is read
        looked = []
        for number, file in enumerate(found, 1):
            if file.path:
                tell(f"{file.name} ({number} of {len(there)}, {file.bytes / 1e6:,.0f} MB)", _so_far(rows))
            written = place / f"{file.table.name}.parquet"
            rows[file.table.name] = write_table(con, file, written)
            looked.append((file, pool.submit(mended, con.cursor(), file, written)))
        for file, future in looked:
            rows[file.table.name], said = future.result()
            notes += said
    return rows, notes


def _so_far(rows: Mapping[str, int]) -> str:
    return f"{sum(rows.values()):,} rows so far"


def _write_lookups(con: DuckDBPyConnection, place: Path) -> None:
    for name in ("concept", "concept_relationship", "vocabulary"):
        con.execute(f"create view {name} as from {rows_in(place / f'{name}.parquet')}")
    con.execute(packaged(__name__, "lookup.sql").format(**{n: literal(str(place / f"{n}.parquet")) for n in LOOKUPS}))


def _check_whole(con: DuckDBPyConnection) -> None:
    """A file that was cut at the end of a line shows in what the others say of it."""
    row = con.execute(
        "select count(*), count(*) filter (where c.concept_id is null) from concept_relationship r "
        "left join concept c on c.concept_id = r.concept_id_2 where r.relationship_id = 'Maps to'"
    ).fetchone()
    maps, dangling = row or (0, 0)
    if dangling > maps * _DANGLING:
        raise InputError(
            f"CONCEPT.csv lacks the targets of {dangling:,} of {maps:,} 'Maps to' in CONCEPT_RELATIONSHIP.csv: "
            "one of the two was cut",
            hint="download the bundle again and unpack the whole of it",
        )


def _version(con: DuckDBPyConnection) -> str | None:
    row = con.execute("select vocabulary_version from vocabulary where vocabulary_id = 'None'").fetchone()
    return str(row[0]) if row and row[0] else None


def _take_place(settings: Settings, place: Path, target: Path) -> None:
    """Give a finished release its name; the same bundle loaded before stays and becomes the one used."""
    if target.exists() and read_json(target / MARKER, _Said).format == FORMAT:
        _make_newest(settings, target)
        return
    if target.exists():
        shutil.rmtree(target)  # loaded by an older program
    _make_newest(settings, place)
    place.rename(target)
