"""The direct identifiers that raw sample exports hold, read without the pipeline, to look for where none may be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pandas as pd

from etl.mapping.language.contract import Source
from etl.mapping.load import load_mappings
from etl.settings import PROJECT

KINDS = ("name", "rrn", "phone", "person")


def planted(exports: Path, night: str) -> dict[str, set[str]]:
    """Names, resident registration, phone and record numbers of all hospitals' files of a night, by kind."""
    found: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for name, mapping in load_mappings(PROJECT / "mappings").items():
        for source in mapping.sources.values():
            kinds = {
                spelling: column.identifier
                for key, column in source.columns.items()
                if column is not None and column.identifier in KINDS
                for spelling in (key, *column.aliases)
            }
            for path in (exports / name / night).glob(source.file) if kinds else ():
                _collect(_table(path, source), kinds, found)
    return found


def _collect(table: pd.DataFrame, kinds: dict[str, str], found: dict[str, set[str]]) -> None:
    for column in kinds.keys() & set(table.columns):
        found[kinds[column]] |= {v.strip() for v in table[column].dropna().unique()}


def _table(path: Path, source: Source) -> pd.DataFrame:
    if source.format == "parquet":
        return pd.read_parquet(path).astype("string")
    return pd.read_csv(
        path, dtype="string", sep=source.delimiter, quotechar=source.quote, encoding=source.encoding,
        encoding_errors="replace", on_bad_lines="skip", engine="python",
    )  # fmt: skip


def leaked(people: dict[str, set[str]], text: str) -> dict[str, int]:
    """How many identifiers stand in a text, by kind, also in JSON's spelling.

    Only those no program text holds by chance: numbers of seven digits and more that stand alone (a hash or a time
    stamp may hold seven digits in a row) and do not say how long a server took, names of three syllables and more.
    """
    text = re.sub(r"\bduration_us=[0-9]+", "", text)
    numbers = set(re.findall(r"(?<![0-9A-Za-z.])[0-9][0-9-]{5,}[0-9](?![0-9A-Za-z])", text))
    found = {}
    for kind, values in people.items():
        if kind == "name":
            count = sum(1 for v in values if len(v) >= 3 and (v in text or json.dumps(v)[1:-1] in text))
        else:
            count = len({v for v in values if len(v) >= 7} & numbers)
        if count:
            found[kind] = count
    return found
