"""Blanks free text: the function `omop_scrubbed` of the engine, which takes and gives batches of texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection
from duckdb.func import PythonUDFType
from numpy.typing import NDArray

from etl.night.land.freetext.folding import END, Folded, fold
from etl.night.land.freetext.names import Names
from etl.night.land.freetext.numbers import Numbers
from etl.night.land.freetext.patterns import in_texts

HIDDEN = "***"
FUNCTION = "omop_scrubbed"
_DIGITS_OF_NUMBERS = 4
_MOST = 4096  # texts that are looked at in one go

Span = tuple[int, int]


class Scrubber:
    """Blanks what is known of a hospital's people, and what is written like an identifier, out of texts."""

    def __init__(self, names: Names, numbers: Numbers) -> None:
        self._names = names
        self._numbers = numbers
        self._one = Lock()  # files land side by side

    def __call__(self, texts: Any) -> Any:
        """An Arrow array of the texts without what identifies somebody; as many, in the same order."""
        distinct: Any = texts.combine_chunks().dictionary_encode()
        given: list[str] = distinct.dictionary.to_pylist()
        with self._one:
            blanked = [t for i in range(0, len(given), _MOST) for t in self.scrub(given[i : i + _MOST])]
        return pa.array(blanked, pa.string()).take(distinct.indices)

    def scrub(self, texts: Sequence[str]) -> list[str]:
        """The texts, none of them NULL, without what identifies somebody."""
        folded = fold(texts)
        text = folded.text
        spans: dict[int, list[Span]] = defaultdict(list)
        for start, end in self._found(folded, text):
            first, last = int(folded.origin[start]), int(folded.origin[end])
            which = int(np.searchsorted(folded.begins, first, side="right")) - 1
            begin = int(folded.begins[which])
            spans[which].append((first - begin, min(last - begin, len(texts[which]))))
        return [_without(t, spans[i]) if i in spans else t for i, t in enumerate(texts)]

    def _found(self, folded: Folded, text: str) -> Iterator[Span]:
        yield from self._names.find(folded, text)
        parts = _Parts(folded, text)
        for pattern in in_texts():
            part = parts.holding(pattern.holds) if pattern.holds else parts.with_digits(pattern.needs)
            for regex in pattern.any if part.text else ():
                group = "x" if "x" in regex.groupindex else 0
                yield from (part.span(*match.span(group)) for match in regex.finditer(part.text))
        numbered = parts.with_digits(_DIGITS_OF_NUMBERS)
        yield from (numbered.span(*found) for found in self._numbers.find(numbered.text))


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of the texts of a folded batch, and where each of their characters stands in it."""

    text: str
    at: NDArray[np.int64]

    def span(self, start: int, end: int) -> Span:
        """A stretch of the part as one of the batch."""
        return int(self.at[start]), int(self.at[end - 1]) + 1


class _Parts:
    """The texts of a folded batch in which a pattern may be found; in most texts none is."""

    def __init__(self, folded: Folded, text: str) -> None:
        self._folded = folded
        self._text = text
        self._ends = np.flatnonzero(folded.codes == END)
        self._lengths = np.diff(self._ends, prepend=-1)
        is_digit = (folded.codes >= ord("0")) & (folded.codes <= ord("9"))
        self._digits = np.diff(np.cumsum(is_digit)[self._ends], prepend=0)
        self._made: dict[int, _Part] = {}

    def with_digits(self, least: int) -> _Part:
        """Texts with so many digits."""
        if least not in self._made:
            at = np.flatnonzero(np.repeat(self._digits >= least, self._lengths))
            codes = self._folded.codes[at]
            self._made[least] = _Part(codes.astype("<u4").tobytes().decode("utf-32-le"), at)
        return self._made[least]

    def holding(self, any_of: Sequence[str]) -> _Part:
        """All texts, or none when no text holds any of these."""
        return self.with_digits(0) if any(x in self._text for x in any_of) else _Part("", self._ends[:0])


def _without(text: str, spans: list[Span]) -> str:
    """A text without stretches of it, which may overlap."""
    kept, at = [], 0
    for start, end in sorted(spans):
        if start >= at:
            kept += [text[at:start], HIDDEN]
        at = max(at, end)
    return "".join([*kept, text[at:]])


def define_scrubbing(con: DuckDBPyConnection, scrubber: Scrubber) -> None:
    """Make `omop_scrubbed(text)` known to an engine and all its cursors."""
    con.create_function(FUNCTION, scrubber, ["VARCHAR"], "VARCHAR", type=PythonUDFType.ARROW)
