"""Hashes of 64 bits of stretches of text, read off sums over the letters: of all stretches of a batch at once.

A letter is a random odd number, weighted by the power of another that its place says. What lies between two sums,
divided by the power of its beginning, is the same wherever the stretch stands. Everything is modulo 2^64.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]

_LETTERS = 0x20000
_BASE = 0x9E3779B97F4A7C15
_CHUNK = 100_000


@cache
def _numbers() -> Hashes:
    """The number of each letter; always the same, so that hashes can be compared between batches."""
    return np.random.default_rng(20).integers(1, 1 << 63, _LETTERS, dtype=np.uint64) | np.uint64(1)


def _powers(base: int, count: int) -> Hashes:
    return np.multiply.accumulate(np.append(np.uint64(1), np.full(count, base, dtype=np.uint64)))


class Sums:
    """The sums over the letters of a batch."""

    def __init__(self, codes: NDArray[np.uint32]) -> None:
        values = _numbers()[np.minimum(codes, _LETTERS - 1)] * _powers(_BASE, len(codes))[:-1]
        self._sums = np.append(np.uint64(0), np.cumsum(values, dtype=np.uint64))
        self._inverse = _powers(pow(_BASE, -1, 1 << 64), len(codes))

    def hashes(self, starts: Places, ends: Places) -> Hashes:
        """The hashes of stretches."""
        found: Hashes = (self._sums[ends] - self._sums[starts]) * self._inverse[starts]
        return found


def hashes_of(texts: Sequence[str]) -> Hashes:
    """The sorted hashes of texts."""
    parts: list[Hashes] = []
    for first in range(0, len(texts), _CHUNK):
        chunk = texts[first : first + _CHUNK]
        ends = np.cumsum(np.fromiter(map(len, chunk), dtype=np.int64, count=len(chunk)))
        codes = np.frombuffer("".join(chunk).encode("utf-32-le"), dtype="<u4")
        parts.append(Sums(codes).hashes(np.append(0, ends[:-1]), ends))
    return one_after_the_other(parts)


def one_after_the_other(parts: Sequence[Hashes]) -> Hashes:
    """The hashes of several arrays sorted in one; a hash may be there twice. No third copy of them is in memory."""
    found = np.empty(sum(map(len, parts)), dtype=np.uint64)
    at = 0
    for part in parts:
        found[at : at + len(part)] = part
        at += len(part)
    found.sort()
    return found


def among(hashes: Hashes, known: Hashes) -> NDArray[np.bool_]:
    """Which of the hashes are among the sorted known ones."""
    if not len(known):
        return np.zeros(len(hashes), dtype=bool)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: NDArray[np.bool_] = known[at] == hashes
    return found
