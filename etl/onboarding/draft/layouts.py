"""Which known layout an export follows: its headers held against the contracts of `mappings/shared/layouts`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl.mapping.read.documents import Document, read_file
from etl.onboarding.profile.model import FileProfile, Profile

_ALIKE = 0.9  # share of a source's columns that a file must have to be taken for it
_SOURCES = 0.8  # share of a layout's sources that must be there


@dataclass(frozen=True, slots=True)
class Layout:
    """A known layout and what it calls each file; `missing` are columns of a source that its file lacks."""

    name: str
    sources: int
    files: dict[str, FileProfile]
    missing: dict[str, tuple[str, ...]]
    declared: dict[str, dict[str, Any]]


def _contract(folder: Path, root: Path) -> dict[str, dict[str, Any]]:
    document = Document()
    for file in sorted(folder.glob("*.yaml")):
        read_file(file, root, document)
    return dict(document.data.get("sources") or {})


def _match(sources: Mapping[str, dict[str, Any]], profile: Profile) -> tuple[dict[str, FileProfile], dict[str, Any]]:
    """The file most like each source; one file may not stand for two."""
    likeness = []
    for name, source in sources.items():
        columns = set(source.get("columns") or {})
        for file in profile.files:
            header = set(file.form.header)
            if columns and len(columns & header) >= _ALIKE * len(columns):
                likeness.append((len(columns & header) / len(columns | header), name, file))
    found: dict[str, FileProfile] = {}
    missing: dict[str, Any] = {}
    for _, name, file in sorted(likeness, key=lambda item: -item[0]):
        if name not in found and file.name not in {f.name for f in found.values()}:
            found[name] = file
            missing[name] = tuple(c for c in sources[name]["columns"] if c not in file.form.header)
    return found, missing


def known_layout(root: Path, profile: Profile) -> Layout | None:
    """The layout below `root`/shared/layouts that most of the export's files follow, or None."""
    best: Layout | None = None
    for folder in sorted((root / "shared" / "layouts").glob("*/")):
        sources = _contract(folder, root)
        if not sources:
            continue
        files, missing = _match(sources, profile)
        if len(files) >= _SOURCES * len(sources) and (best is None or len(files) > len(best.files)):
            best = Layout(folder.name, len(sources), files, missing, sources)
    return best
