"""Columns that came, vanished or are written otherwise since the delivery before. Of names that no contract says only
how many they are is known: `etl compare` shows them to who asks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from etl.files import read_json
from etl.night.lake.layers import LAYER, read_layer
from etl.night.lake.names import COLUMNS
from etl.store.ledger.records import Finding

SUITE = "contract"
_LONGEST = 80  # letters that the ledger keeps of what was observed


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of a source's files: those of the contract, and of others a digest by that of their mere letters."""

    named: frozenset[str]
    others: Mapping[str, frozenset[str]]
    cased: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.named) + sum(map(len, self.others.values()))


@dataclass(frozen=True, slots=True)
class _Said:
    """What landing noted of a source's columns."""

    named: list[str]
    others: list[tuple[str, str]]
    cased: list[str]


def changed_columns(landed: Path) -> list[Finding]:
    """Warnings of each source of the delivery in the folder `landed` whose files have other columns than those before.

    Before the hospital's second delivery with a source there is nothing to tell, but for columns of the contract that
    are not read as they came in other letters.
    """
    before = _before(landed)
    return [
        finding
        for source, now in sorted(_read(landed).items())
        for finding in (*_of_letters(source, now, before.get(source)), *_of_names(source, now, before.get(source)))
    ]


def _of_names(source: str, now: _Columns, before: _Columns | None) -> Iterator[Finding]:
    if before is None:
        return
    new = sum(len(names) for letters, names in now.others.items() if letters not in before.others)
    if new:
        yield _warning(
            source, "expect_no_new_columns",
            "No column came that neither the contract nor the delivery before has; etl compare names them",
            new, sum(map(len, now.others.values())),
        )  # fmt: skip
    gone = sorted(before.named.union(before.cased) - now.named.union(now.cased))
    others = sum(len(names) for letters, names in before.others.items() if letters not in now.others)
    if gone or others:
        yield _warning(
            source, "expect_no_columns_to_vanish", "Every column that the delivery before had came again",
            len(gone) + others, before.count, gone,
        )  # fmt: skip


def _of_letters(source: str, now: _Columns, before: _Columns | None) -> Iterator[Finding]:
    known = before.others if before else {}
    written = sum(bool(names - known.get(letters, names)) for letters, names in now.others.items())
    if now.cased or written:
        yield _warning(
            source, "expect_columns_to_keep_their_letters",
            "Every column is written as in the contract and in the delivery before; small letters and capitals differ",
            len(now.cased) + written, now.count, now.cased,
        )  # fmt: skip


def _warning(
    source: str, expectation: str, description: str, found: int, total: int, named: list[str] | tuple[str, ...] = ()
) -> Finding:
    observed = ", ".join(named)
    if len(observed) > _LONGEST:
        observed = f"{observed[: _LONGEST - 1]}…"
    return Finding(
        SUITE, source, expectation, description, "warn", False, unexpected=found, total=total, observed=observed or None
    )


def _read(landed: Path) -> dict[str, _Columns]:
    """By source; earlier programs kept mere numbers, of which nothing can be told."""
    file = landed / COLUMNS
    said = read_json(file, dict[str, _Said | int]) if file.exists() else {}
    return {source: _columns(columns) for source, columns in said.items() if isinstance(columns, _Said)}


def _columns(said: _Said) -> _Columns:
    others: dict[str, set[str]] = {}
    for name, letters in said.others:
        others.setdefault(letters, set()).add(name)
    whole = {letters: frozenset(names) for letters, names in others.items()}
    return _Columns(frozenset(said.named), whole, tuple(said.cased))


def _before(landed: Path) -> dict[str, _Columns]:
    """The columns of each source in the delivery before this one that had it."""
    own = read_layer(landed)
    others = [read_layer(file.parent) for file in landed.parent.glob(f"delivery=*/{LAYER}")]
    earlier = sorted((x for x in others if x.number < own.number and x.keys == own.keys), key=lambda x: x.number)
    found: dict[str, _Columns] = {}
    for layer in earlier:
        found |= _read(layer.folder)
    return found
