"""Which columns the files of a delivery have, so that the next one can be held against them.

Names that no contract says may be anybody's: of these keyed digests are kept, which tell the same from another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from etl.mapping.language.contract import Source
from etl.night.land.contract import SourceFile
from etl.night.land.headers import same_name
from etl.store.keys.keystore import KeyStore


def columns_of(sources: Mapping[str, Source], opened: Mapping[str, Sequence[SourceFile]], keys: KeyStore) -> Any:
    """By source that came: `named`, the contract's columns; `others`, of each other one a digest of its name and one of
    its letters whatever their case; `cased`, the contract's columns that came in other letters and so are not read.
    """
    return {name: _of_source(sources[name], files, keys) for name, files in opened.items() if files}


def _of_source(source: Source, files: Sequence[SourceFile], keys: KeyStore) -> dict[str, list[Any]]:
    named = {column for file in files for column in file.raw}
    missing = {same_name(column): column for column in source.columns if column not in named}
    others = {file.header[number - 1] for file in files for number in file.unnamed}
    cased = {name for name in others if same_name(name) in missing}
    digests = (keys.digests([name, same_name(name)]) for name in others - cased)
    return {
        "named": sorted(named), "others": sorted(digests), "cased": sorted({missing[same_name(n)] for n in cased}),
    }  # fmt: skip
