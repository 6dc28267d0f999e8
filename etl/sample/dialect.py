"""A hospital's dialect (layouts/hospitals.yaml) and its family's layout (layouts/<family>.yaml)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

LAYOUTS = Path(__file__).parent / "layouts"


@dataclass(frozen=True)
class Part:
    """One select of a file: the table, a filter, and column name -> SQL expression."""

    table: str
    where: str
    columns: dict[str, str]


@dataclass(frozen=True)
class FileLayout:
    """One file of a family: its name without ending and the parts its rows come from."""

    name: str
    parts: tuple[Part, ...]

    @property
    def header(self) -> tuple[str, ...]:
        """Column names, in the order of the first part."""
        return tuple(self.parts[0].columns)


@dataclass(frozen=True)
class Dialect:
    """One hospital: the shape of its files, its date formats, its code templates and its error rates."""

    hospital: str
    number: int
    family: str
    encoding: str
    bom: bool
    delimiter: str
    line_end: str
    format: str
    file_name: str
    dates: dict[str, str]
    codes: dict[str, str]
    rates: dict[str, float]
    code_lists: dict[str, dict[str, str]]
    files: tuple[FileLayout, ...]

    def name_of(self, file: FileLayout, night: date) -> str:
        """The file's name in the delivery of a night."""
        return self.file_name.format(name=file.name, night=night)

    def writes(self, text: str) -> bool:
        """Whether the hospital's encoding has all characters of a text."""
        return text.encode(self.encoding, "ignore").decode(self.encoding) == text


def _part(entry: dict[str, Any]) -> Part:
    return Part(entry["from"], entry.get("where", "true"), dict(entry["columns"]))


def _file(entry: dict[str, Any]) -> FileLayout:
    return FileLayout(entry["name"], tuple(_part(part) for part in [entry, *entry.get("also", [])]))


@cache
def dialects(folder: Path = LAYOUTS) -> dict[str, Dialect]:
    """All hospitals of a folder of layouts, by name; what they do not say is as with the eight."""
    book = yaml.safe_load((folder / "hospitals.yaml").read_text(encoding="utf-8"))
    if folder != LAYOUTS:
        usual = yaml.safe_load((LAYOUTS / "hospitals.yaml").read_text(encoding="utf-8"))["defaults"]
        book["defaults"] = usual | book.get("defaults", {})
    found = {}
    for hospital, own in book["hospitals"].items():
        layout = yaml.safe_load((folder / f"{own['family']}.yaml").read_text(encoding="utf-8"))
        merged = book["defaults"] | own
        merged["rates"] = book["defaults"]["rates"] | own.get("rates", {})
        files = tuple(_file(entry) for entry in layout["files"])
        found[hospital] = Dialect(hospital=hospital, code_lists=layout["codes"], files=files, **merged)
    return found
