"""Loads an Athena bundle as a release: Parquet per vocabulary table plus the look-up tables made from them."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.cdm.spec import Table, vocabulary_tables
from etl.engine import open_engine
from etl.errors import ConfigError, InputError
from etl.mapping.expression import literal, quote
from etl.settings import Settings

_OPTIONAL = {"concept_synonym", "drug_strength", "source_to_concept_map"}
_MARKER = "release.json"


@dataclass(frozen=True, slots=True)
class Release:
    """A loaded release; `version` is what the bundle calls itself, `name` the folder's."""

    name: str
    version: str
    folder: Path

    def table(self, name: str) -> Path:
        """The Parquet file of a vocabulary or look-up table."""
        return self.folder / f"{name}.parquet"


def releases(settings: Settings) -> list[Release]:
    """Loaded releases, the newest first."""
    markers = sorted(settings.vocabularies.glob(f"*/{_MARKER}"), key=lambda p: p.stat().st_mtime_ns, reverse=True)
    return [Release(m.parent.name, json.loads(m.read_text(encoding="utf-8"))["version"], m.parent) for m in markers]


def current_release(settings: Settings) -> Release:
    """The release to map with: `ETL_VOCABULARY`, else the newest loaded; ConfigError when there is none."""
    loaded = releases(settings)
    if not loaded:
        raise ConfigError("no vocabulary is loaded", hint="run: etl vocabulary load <folder of the Athena bundle>")
    if settings.vocabulary is None:
        return loaded[0]
    found = next((r for r in loaded if settings.vocabulary in (r.name, r.version)), None)
    if found is None:
        known = ", ".join(r.name for r in loaded)
        raise ConfigError(f"ETL_VOCABULARY: release '{settings.vocabulary}' is not loaded; loaded are: {known}")
    return found


def _bundle_files(folder: Path) -> dict[str, Path]:
    """Files of the bundle by vocabulary table; InputError naming those that are missing."""
    if not folder.is_dir():
        raise InputError(f"there is no vocabulary bundle at {folder}")
    by_name = {p.name.lower(): p for p in folder.iterdir()}
    found = {t: by_name[f"{t}.csv"] for t in vocabulary_tables() if f"{t}.csv" in by_name}
    missing = [f"{t.upper()}.csv" for t in vocabulary_tables() if t not in found and t not in _OPTIONAL]
    if missing:
        raise InputError(
            f"the vocabulary bundle {folder} lacks {', '.join(missing)}",
            hint="unpack the whole download from Athena into the folder",
        )
    return found


def _read_sql(file: Path, table: Table) -> str:
    """SQL that reads an Athena file: tab-separated, no quoting at all, dates as YYYYMMDD."""
    with file.open(encoding="utf-8-sig") as stream:
        header = stream.readline().rstrip("\r\n").lower().split("\t")
    missing = [f.name for f in table.fields if f.name not in header and f.required]
    if missing:
        raise InputError(f"{file.name}, line 1: column '{missing[0]}' is missing")
    types = {f.name: f.duckdb_type for f in table.fields}
    columns = ", ".join(f"{literal(c)}: {literal(types.get(c, 'VARCHAR'))}" for c in header)
    select = ", ".join(
        quote(f.name) if f.name in header else f"null::{f.duckdb_type} as {f.name}" for f in table.fields
    )
    return (
        f"select {select} from read_csv({literal(str(file))}, auto_detect = false, header = true, delim = '\t', "
        f"quote = '', escape = '', dateformat = '%Y%m%d', nullstr = '', columns = {{{columns}}})"
    )


def _write_table(con: DuckDBPyConnection, table: Table, file: Path | None, target: Path) -> int:
    empty = "select " + ", ".join(f"null::{f.duckdb_type} as {quote(f.name)}" for f in table.fields) + " where false"
    try:
        row = con.execute(
            f"copy ({_read_sql(file, table) if file else empty}) to {literal(str(target))} "
            "(format parquet, compression zstd)"
        ).fetchone()
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        line = re.search(r"[Ll]ine:? (\d+)", str(error))
        where = f", line {line.group(1)}" if line else ""
        name = file.name if file else table.name
        raise InputError(f"{name}{where}: is not in Athena's format", hint="download the bundle again") from error
    return int(row[0]) if row else 0


def _version(con: DuckDBPyConnection, folder: Path) -> str | None:
    vocabulary = literal(str(folder / "vocabulary.parquet"))
    query = f"select vocabulary_version from read_parquet({vocabulary}) where vocabulary_id = 'None'"
    row = con.execute(query).fetchone()
    return str(row[0]) if row and row[0] else None


def load_bundle(settings: Settings, bundle: Path, progress: Callable[[str], None] | None = None) -> Release:
    """Load an Athena bundle beside the releases already there and make it the newest; loading again is harmless.

    Raises InputError naming the missing or broken file. Memory stays within `ETL_MEMORY` at any size.
    """
    found = _bundle_files(bundle)
    partial = settings.vocabularies / ".loading"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    digest = hashlib.sha256()
    with open_engine(settings) as con:
        for name, table in vocabulary_tables().items():
            file = found.get(name)
            rows = _write_table(con, table, file, partial / f"{name}.parquet")
            digest.update(f"{name}\0{file.stat().st_size if file else 0}\0{rows}\n".encode())
            if progress:
                progress(f"{name}: {rows:,} rows")
        for name in ("concept", "concept_relationship"):
            con.execute(f"create view {name} as from read_parquet({literal(str(partial / f'{name}.parquet'))})")
        con.execute(files("etl.vocabulary").joinpath("lookup.sql").read_text(encoding="utf-8").format(folder=partial))
        version = _version(con, partial) or f"unnamed {digest.hexdigest()[:8]}"
    slug = re.sub(r"[^A-Za-z0-9.]+", "-", version).strip("-").lower()
    name = f"{slug}-{digest.hexdigest()[:8]}"
    (partial / _MARKER).write_text(json.dumps({"version": version}), encoding="utf-8")
    target = settings.vocabularies / name
    if target.exists():
        shutil.rmtree(partial)
        (target / _MARKER).touch()
    else:
        partial.rename(target)
    return Release(name, version, target)
