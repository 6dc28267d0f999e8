"""Finds the hospital's record numbers in folded texts; which numbers are known, the key store tells by their HMACs.

A number is found as it was delivered, in letters of either case, without its leading zeros, and cut in two by a blank
or a dash. What is read as a day, a short number with a unit behind it, and one that is all of a text, is none unless a
word such as 등록번호 stands before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from etl.night.land.freetext.hashes import Hashes, among

_DIGITS = 4  # a record number has so many at least
_SHORTEST, _LONGEST = 5, 20
_SURE = 7  # digits from which a number is a record's also with a unit behind it, or alone in a text
_REMEMBERED = 1 << 20
_WHOLE = re.compile(r"(?<![0-9a-z])(?<![0-9][.,])(?=[a-z]*[0-9])[0-9a-z]{5,20}(?![0-9a-z])(?![.,][0-9])")
_CUT = re.compile(
    r"(?<![0-9a-z])(?<![0-9a-z][-.,/])([a-z]{1,3}|[0-9]{2,8})[- ]([0-9]{2,10})(?![0-9a-z])(?![-.,/][0-9])"
)
_DAY = re.compile(r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])")
_UNIT = re.compile(r" ?(?:[/%*×~]|x ?10|(?:[munkμ]?(?:g|l|iu|u|mol|eq)|cc)(?![a-z])|개|회|원|명|보|건)")
_LABEL = re.compile(
    r"(?:등록|병록|차트|챠트|환자|병원|id|chart|mrn|reg|record|patient|pt)"
    r"[ .]?(?:번호|no|number|num|id|#)?[ .:#=(]{0,4}(?:[은는] )?$"
)


def plain_number(number: str) -> str:
    """A record number, folded, as it is compared: letters and digits, without leading zeros."""
    return re.sub(r"[^0-9a-z가-힣]", "", number).lstrip("0")


class Numbers:
    """Finds the record numbers whose HMACs are `known`; `macs` gives those of plain numbers."""

    def __init__(self, known: Hashes, macs: Callable[[Sequence[str]], Hashes]) -> None:
        self._known = known
        self._macs = macs
        self._remembered: dict[str, bool] = {}

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Stretches of folded text that are record numbers."""
        found = [(*m.span(), plain_number(m[0])) for m in _candidates(text)]
        self._look_up({plain for _, _, plain in found})
        for start, end, plain in found:
            if self._remembered[plain] and _is_number(text, start, end):
                yield start, end

    def _look_up(self, numbers: set[str]) -> None:
        if len(self._remembered) > _REMEMBERED:
            self._remembered.clear()
        new = [n for n in numbers if n not in self._remembered]
        self._remembered.update(zip(new, among(self._macs(new), self._known).tolist(), strict=True))


def _candidates(text: str) -> Iterator[re.Match[str]]:
    """What is long enough and has digits enough."""
    for pattern, least in ((_WHOLE, _DIGITS), (_CUT, _SURE)):
        for match in pattern.finditer(text):
            digits = sum(c.isdigit() for c in match[0])
            if digits >= least or (pattern is _CUT and match[1].isalpha() and digits >= _DIGITS):
                yield match


def _is_number(text: str, start: int, end: int) -> bool:
    """Whether a known number is one of a record here."""
    number = text[start:end]
    alone = text[start - 1 : start] in ("", "\n") and text[end : end + 1] in ("", "\n")
    short = number.isdigit() and len(number) < _SURE
    doubtful = _DAY.fullmatch(number) or (short and (alone or _UNIT.match(text, end)))
    return not doubtful or _LABEL.search(text[max(start - 20, 0) : start].rpartition("\n")[2]) is not None
