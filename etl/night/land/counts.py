"""How many files of a source a delivery holds, beside what its contract says."""

from __future__ import annotations

from collections.abc import Iterable

from etl.mapping.language.contract import Source
from etl.night.naming import Named, called


def counted(source: Source, files: Iterable[Named]) -> int:
    """How many of the files are the source's."""
    return sum(called(file, source.file) is not None for file in files)


def too_few(name: str, source: Source, count: int) -> str | None:
    """In words that more files have to come, as the contract says; None where they need not."""
    fewest, most = source.number_of_files
    if count >= fewest or (count == 0 and not source.required):
        return None
    return _told(name, source, count, f"{fewest:,}" if fewest == most else f"at least {fewest:,}")


def too_many(name: str, source: Source, count: int) -> str | None:
    """In words that more files came than the contract allows; None where that is not so."""
    fewest, most = source.number_of_files
    if most is None or count <= most:
        return None
    return _told(name, source, count, f"{most:,}" if fewest == most else f"at most {most:,}")


def _told(name: str, source: Source, count: int, said: str) -> str:
    some = f"{count:,} file is" if count == 1 else f"{count:,} files are"
    return f"{some} called {source.file} (source '{name}'), the contract says {said}"
