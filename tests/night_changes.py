"""A sample hospital that delivers changes: of a night's whole files only the rows that the night before had not."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from pathlib import Path

import yaml
from fault_injection import Exports, write_manifest

from etl.mapping.load import load_mappings
from etl.sample.dialect import Dialect

CONTRACTS = Path(__file__).parent / "data" / "clean_changes"


def deliver_changes(mappings: Path, hospital: str) -> None:
    """Let a hospital of a copy of the mappings deliver changes."""
    said = CONTRACTS / f"{hospital}.yaml"
    assert yaml.safe_load(said.read_text(encoding="utf-8"))["delivery"] == "delta"
    shutil.copy(said, mappings / hospital / "zz_changes.yaml")


def changes_only(mappings: Path, before: Exports, now: Exports) -> None:
    """Leave in the files of `now` whose sources come as changes the rows that `before` lacks.

    A file that holds nothing else stays as a header.
    """
    sources = load_mappings(mappings, [now.hospital])[now.hospital].sources
    whole = {source.file for source in sources.values() if source.delivery == "full"}
    for layout in now.dialect.files:
        file = now.file(layout.name)
        if file.name not in whole:
            header, *rows = _rows(file, now.dialect)
            left = Counter(tuple(row) for row in _rows(before.file(layout.name), now.dialect)[1:])
            left.subtract(tuple(row) for row in rows)
            new = {row: -count for row, count in left.items() if count < 0}
            _write(file, now.dialect, [header, *_newest(rows, new)])
    write_manifest(now)


def _newest(rows: list[list[str]], new: dict[tuple[str, ...], int]) -> list[list[str]]:
    found = []
    for row in reversed(rows):
        if new.get(tuple(row), 0):
            new[tuple(row)] -= 1
            found.append(row)
    return found[::-1]


def _rows(file: Path, dialect: Dialect) -> list[list[str]]:
    text = file.read_bytes().decode(dialect.encoding).removeprefix("\ufeff")
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=dialect.delimiter))


def _write(file: Path, dialect: Dialect, rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, delimiter=dialect.delimiter, lineterminator=dialect.line_end).writerows(rows)
    file.write_bytes((b"\xef\xbb\xbf" if dialect.bom else b"") + out.getvalue().encode(dialect.encoding, "replace"))
