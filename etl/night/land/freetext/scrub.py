"""Blanks free text: the function `omop_scrubbed` of the engine, which takes and gives batches of texts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
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
            for offset, part in parts.with_digits(pattern.needs) if not pattern.holds else parts.holding(pattern.holds):
                for regex in pattern.any:
                    for match in regex.finditer(part):
                        start, end = match.span("x" if "x" in regex.groupindex else 0)
                        yield offset + start, offset + end
        for offset, part in parts.with_digits(_DIGITS_OF_NUMBERS):
            yield from ((offset + start, offset + end) for start, end in self._numbers.find(part))


class _Parts:
    """The texts of a folded batch of which a pattern may hold; of most texts none does."""

    def __init__(self, folded: Folded, text: str) -> None:
        self._text = text
        self._ends = np.flatnonzero(folded.codes == END)
        self._begins = np.append(0, self._ends[:-1] + 1)
        is_digit = (folded.codes >= ord("0")) & (folded.codes <= ord("9"))
        sums = np.append(0, np.cumsum(is_digit))
        self._digits: NDArray[np.int64] = sums[self._ends] - sums[self._begins]

    def with_digits(self, least: int) -> Iterator[tuple[int, str]]:
        """Texts with so many digits, and where each begins."""
        return self._those(self._digits >= least)

    def holding(self, letters: str) -> Iterator[tuple[int, str]]:
        """Texts that hold a stretch of letters, and where each begins."""
        if letters not in self._text:
            return iter(())
        return ((offset, part) for offset, part in self._those(self._digits >= 0) if letters in part)

    def _those(self, which: NDArray[np.bool_]) -> Iterator[tuple[int, str]]:
        for begin, end in zip(self._begins[which].tolist(), self._ends[which].tolist(), strict=True):
            yield begin, self._text[begin:end]


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
