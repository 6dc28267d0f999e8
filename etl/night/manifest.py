"""A delivery's manifest.csv: which files the hospital promises, how large, and with how many rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable
from dataclasses import dataclass
from pathlib import Path

from etl.errors import InputError

MANIFEST = "manifest.csv"


@dataclass(frozen=True, slots=True)
class Promise:
    """What a line of the manifest says of a file; `rows` is None where it says nothing."""

    file: str
    line: int
    bytes: int
    rows: int | None


def is_manifest(name: str) -> bool:
    """Whether a file of this name, in whatever letters, is the manifest."""
    return name.casefold() == MANIFEST


def manifest_of(names: Iterable[str]) -> str | None:
    """The name of the manifest among the names of a delivery's files; None without one."""
    return min((name for name in names if is_manifest(name)), default=None)


def promises(manifest: Path, known: Container[str] = ()) -> list[Promise]:
    """The lines of a manifest (file,bytes and maybe rows); InputError naming the line that cannot be read.

    Of the names of files, those `known` to the contract are told.
    """
    line = 1
    found = []
    try:
        listed = csv.DictReader(io.StringIO(manifest.read_text(encoding="utf-8-sig")))
        listed.fieldnames = [name.strip().casefold() for name in listed.fieldnames or ()]
        for row in listed:
            line = listed.line_num
            found.append(
                Promise(
                    row["file"],
                    line,
                    int(row["bytes"]),
                    _rows(row.get("rows"), f" of {row['file']}" if row["file"] in known else "", line),
                )
            )
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


def _rows(said: str | None, of: str, line: int) -> int | None:
    """The number in the column `rows`, None where it says nothing."""
    text = (said or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise InputError(
            f"{MANIFEST}, line {line}: `rows`{of} is no number",
            hint="ask for the manifest again: rows of data without the header, in digits only, or nothing",
        )
    return int(text)
