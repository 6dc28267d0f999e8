"""Finds known names in folded texts: in one word or cut by blanks, dots and dashes, with titles and particles.

A name begins where a word begins, or behind a word such as 환자, and ends where a word ends, or before a title or a
particle. Names that are words of clinical text, too, and single words in Latin letters count only where such a word
stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from etl.night.land.freetext.folding import Folded
from etl.night.land.freetext.hashes import Hashes, Places, Sums, among, hashes_of
from etl.night.land.freetext.words import words
from etl.night.land.freetext.written import Known

Flags = NDArray[np.bool_]
Kinds = NDArray[np.uint8]

_HARD, _HANGUL, _OTHER, _SOFT = 0, 1, 2, 3
_SOFT_SIGNS = " -.,'_^"  # a name goes across them, and across nothing else
_BESIDE = 12  # so many characters on either side are looked at for a word that makes a name of a word


@dataclass(frozen=True, slots=True)
class _Letters:
    """The letters of a batch without the soft signs among them; what is no letter stands as 0.

    `at` is where each stands among the folded characters, `kinds` what it is, `word_ends` the place behind the word
    that it belongs to, `starts` where words begin.
    """

    codes: NDArray[np.uint32]
    kinds: Kinds
    at: Places
    word_ends: Places
    starts: Places


@cache
def _kind_table() -> Kinds:
    table = np.zeros(0xD800, dtype=np.uint8)
    table[:0xA000] = np.fromiter((_OTHER * chr(i).isalpha() for i in range(0xA000)), dtype=np.uint8, count=0xA000)
    table[0xAC00:0xD7A4] = _HANGUL
    table[[ord(c) for c in _SOFT_SIGNS]] = _SOFT
    return table


def _letters(folded: Folded) -> _Letters:
    table = _kind_table()
    every = np.where(folded.codes < len(table), table[np.minimum(folded.codes, len(table) - 1)], _HARD)
    begins = (every != np.append(_HARD, every[:-1])) | (every == _HARD)
    at = np.flatnonzero(every != _SOFT)
    kinds, edges = every[at], begins[at]
    first = np.flatnonzero(edges)
    word_ends = np.append(first[1:], len(at))[np.cumsum(edges) - 1] if len(at) else at
    codes = np.where(kinds == _HARD, 0, folded.codes[at])
    return _Letters(codes, kinds, at, word_ends, np.flatnonzero(edges & (kinds != _HARD)))


@cache
def _hashes(which: str) -> dict[int, Hashes]:
    """Hashes of the `leads` or `rests` of Hangul words, by length."""
    texts: tuple[str, ...] = getattr(words(), which)
    return {n: hashes_of([t for t in texts if len(t) == n]) for n in sorted(set(map(len, texts)))}


class Names:
    """Finds the names that are known."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def find(self, folded: Folded, text: str) -> Iterator[tuple[int, int]]:
        """Stretches of the folded characters that are names; `text` are these characters."""
        letters = _letters(folded)
        if not len(letters.at):
            return
        sums = Sums(letters.codes)
        starts = {True: _hangul_starts(letters, sums), False: letters.starts[letters.kinds[letters.starts] == _OTHER]}
        for hangul, length in self._known.kinds():
            begins = _possible(letters, sums, starts[hangul], length, hangul)
            hashes = sums.hashes(begins, begins + length)
            for known, sure in ((self._known.sure, True), (self._known.doubtful, False)):
                found = begins[among(hashes, known[hangul, length])] if (hangul, length) in known else begins[:0]
                for start, last in zip(letters.at[found], letters.at[found + length - 1], strict=True):
                    if sure or _beside(text, int(start), int(last) + 1):
                        yield int(start), int(last) + 1


def _hangul_starts(letters: _Letters, sums: Sums) -> Places:
    """Where names in Hangul may begin."""
    starts = letters.starts[letters.kinds[letters.starts] == _HANGUL]
    behind = [starts]
    for length, leads in _hashes("leads").items():
        longer = starts[starts + length < letters.word_ends[starts]]
        behind.append(longer[among(sums.hashes(longer, longer + length), leads)] + length)
    return np.concatenate(behind)


def _possible(letters: _Letters, sums: Sums, starts: Places, length: int, hangul: bool) -> Places:
    """Those of the starts of which a name of a length ends where one may."""
    starts = starts[starts + length <= len(letters.at)]
    last = starts + length - 1
    ends = letters.word_ends[last]
    rest = ends - last - 1
    fits = (rest == 0) & (letters.kinds[last] != _HARD)
    if hangul:
        for more, rests in _hashes("rests").items():
            longer = np.flatnonzero((rest == more) & (letters.kinds[last] == _HANGUL))
            fits[longer[among(sums.hashes(last[longer] + 1, ends[longer]), rests)]] = True
    possible: Places = starts[fits]
    return possible


def _beside(text: str, start: int, end: int) -> bool:
    """Whether what stands beside a doubtful name says that it is one."""
    before = text[max(start - _BESIDE, 0) : start].rpartition("\n")[2]
    behind = text[end : end + _BESIDE].partition("\n")[0]
    return bool(words().before.search(before) or words().behind.search(behind))
