"""Proves that a version is what was built: its files, its manifest, and the manifests of the versions before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from etl.engine import open_reader, rows_in
from etl.errors import ConfigError, EtlError
from etl.faults import etl_errors
from etl.research.datasets import kept
from etl.research.datasets.snapshot import standing
from etl.research.datasets.told import rows_digest
from etl.settings import Settings
from etl.store.warehouse.open import open_warehouse


@dataclass(frozen=True, slots=True)
class Verified:
    """What is wrong with a version (nothing: it is as it was built), and how its nights stand today, by hospital."""

    name: str
    version: int
    wrong: tuple[str, ...]
    standing: dict[str, str]

    @property
    def rolled_back(self) -> list[str]:
        """The hospitals whose night it is of was taken back."""
        return [hospital for hospital, how in self.standing.items() if how == "rolled back"]


def verify(settings: Settings, name: str, version: int) -> Verified:
    """Hold a version against what is said of it, and its nights against the warehouse."""
    wrong = list(_wrong(settings, name, version))
    try:
        snapshot = kept.manifest(settings, name, version).snapshot
    except ConfigError:
        return Verified(name, version, tuple(wrong), {})
    return Verified(name, version, tuple(wrong), standing(open_warehouse(settings), snapshot))


def _wrong(settings: Settings, name: str, version: int) -> Iterator[str]:
    folder = kept.folder_of(settings, name, version)
    try:
        made, said = kept.made(settings, name, version), kept.manifest(settings, name, version)
    except (EtlError, OSError):
        yield f"{kept.MANIFEST} or {kept.MADE} is missing or damaged"
        return
    if kept.digest_of_manifest(settings, name, version) != made.manifest:
        yield f"{kept.MANIFEST} is not what was written"
    known = {*said.files, kept.MANIFEST, kept.MADE}
    yield from (f"{f.name} is no file of this version" for f in sorted(folder.iterdir()) if f.name not in known)
    for file, written in said.files.items():
        yield from _of_file(settings, name, version, file, written)
    yield from _of_chain(settings, name, version)


def _of_file(settings: Settings, name: str, version: int, file: str, written: kept.File) -> Iterator[str]:
    path = kept.folder_of(settings, name, version) / file
    if not path.exists():
        yield f"{file} is missing"
    elif kept.digest(path) != written.sha256:
        yield f"{file} is not what was written"
    else:
        try:
            with etl_errors(), open_reader(settings) as con:
                con.execute("set threads = 1")
                if rows_digest(con, f"from {rows_in(path)}") != written.rows:
                    yield f"{file} has other rows than were written"
        except EtlError as error:
            yield f"{file} cannot be read: {error.message}"


def _of_chain(settings: Settings, name: str, version: int) -> Iterator[str]:
    """Where the version before or after stands, they have to name each other's manifests."""
    later = [n for n in kept.versions(settings, name) if n > version]
    for number in (version, *later[:1]):
        before = kept.manifest(settings, name, number).before
        if before is None or before.version not in kept.versions(settings, name):
            continue
        if kept.digest_of_manifest(settings, name, before.version) != before.sha256:
            yield f"the manifest of version {before.version} is not the one that version {number} was built after"
