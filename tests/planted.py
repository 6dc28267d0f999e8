"""Looks for planted values in everything a night leaves behind, whatever the file and its encoding."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def _texts(file: Path) -> Iterator[str]:
    """The content of a file as text: every column of a Parquet file, else its bytes in both Korean encodings."""
    if file.suffix == ".parquet":
        table = pq.read_table(file)
        for column in table.columns:
            yield "\n".join(str(v) for v in pa.compute.unique(column).to_pylist() if v is not None)
        yield str(pq.read_schema(file).metadata)
        return
    content = file.read_bytes()
    yield content.decode("utf-8", "replace")
    yield content.decode("cp949", "replace")


def found(values: Iterable[str], folders: Iterable[Path]) -> dict[str, list[str]]:
    """Planted values by the files below `folders` that hold them, as a word of their own or in a name of a file.

    Numbers count only where no digit or letter is beside them, so that an id does not look like a record number.
    """
    patterns = {v: re.compile(rf"(?<![0-9A-Za-z]){re.escape(v)}(?![0-9A-Za-z])") for v in values}
    hits: dict[str, list[str]] = {}
    for folder in folders:
        for file in sorted(f for f in folder.rglob("*") if f.is_file()):
            texts = [file.name, *_texts(file)]
            # plain containment first: it is much faster than the pattern, and nearly always false
            seen = sorted(v for v, p in patterns.items() if any(v in text and p.search(text) for text in texts))
            if seen:
                hits[str(file.relative_to(folder))] = seen
    return hits
