"""The ways in which the names that a hospital delivers are written in texts, without blanks and signs."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.night.land.freetext.folding import folded
from etl.night.land.freetext.hashes import Hashes, hashes_of, one_after_the_other
from etl.night.land.freetext.words import words

_HANGUL = "가-힣"
_SPLIT = re.compile(rf"[{_HANGUL}]+|[^\W\d_]+")
_LENGTHS = {True: (2, 12), False: (4, 40)}  # letters of a name in Hangul, in other letters
_AT_ONCE = 50_000  # names that are folded in one go: of each letter twenty bytes are held
_Parts = dict[tuple[bool, int], list[Hashes]]
_MOST_WORDS = 5  # of a name in other letters, of which any may come first


@dataclass(slots=True)
class Known:
    """Hashes of names by their letters (Hangul or others) and length; of each those that are sure and those that need
    a word beside them.
    """

    sure: dict[tuple[bool, int], Hashes] = field(default_factory=dict)
    doubtful: dict[tuple[bool, int], Hashes] = field(default_factory=dict)

    def kinds(self) -> set[tuple[bool, int]]:
        """The letters and lengths that there are."""
        return {*self.sure, *self.doubtful}


def _odd(name: str) -> Iterator[tuple[str, bool]]:
    """How a folded name that is not simply Hangul, or two words of ASCII letters, is sought; whether it is doubtful."""
    parts = _SPLIT.findall(name)
    hangul = "".join(p for p in parts if "가" <= p[0] <= "힣")
    if hangul:
        yield hangul, hangul in words().words
    others = [p for p in parts if not "가" <= p[0] <= "힣"]
    for i in range(len(others) if len(others) <= _MOST_WORDS else 1):
        yield "".join(others[i:] + others[:i]), len(others) == 1


def known_names(names: Any) -> Known:
    """What is sought of the names (texts) that a hospital delivered, in any spelling."""
    sure: _Parts = defaultdict(list)
    doubtful: _Parts = defaultdict(list)
    for first in range(0, len(names), _AT_ONCE):
        _add(names.slice(first, _AT_ONCE), sure, doubtful)
    return Known(*({kind: one_after_the_other(parts) for kind, parts in each.items()} for each in (sure, doubtful)))


def _add(names: Any, sure: _Parts, doubtful: _Parts) -> None:
    """Add the hashes of some names."""
    simple = pc.match_substring_regex(names, f"^[{_HANGUL}]+$")
    hangul, rest = names.filter(simple), names.filter(pc.invert(simple))
    two = pc.match_substring_regex(rest, "^[A-Za-z]+[ ,.-]+[A-Za-z]+$")
    latin, odd = pc.utf8_lower(rest.filter(two)), rest.filter(pc.invert(two))
    _hash(pc.replace_substring_regex(latin, "^([a-z]+)[^a-z]+([a-z]+)$", r"\2\1").to_pylist(), sure)
    _hash(pc.replace_substring_regex(latin, "[^a-z]+", "").to_pylist(), sure)
    a_word = pc.is_in(hangul, pa.array(sorted(words().words), pa.string()))
    _hash(hangul.filter(pc.invert(a_word)).to_pylist(), sure)
    _hash(hangul.filter(a_word).to_pylist(), doubtful)
    ways = {way for name in folded(odd.to_pylist()) for way in _odd(name)}
    for is_doubtful, parts in ((False, sure), (True, doubtful)):
        _hash([written for written, doubt in ways if doubt is is_doubtful], parts)


def _hash(names: Iterable[str], parts: _Parts) -> None:
    """Add the hashes of names by their letters and length; those that are too short or too long are not sought."""
    by_kind: dict[tuple[bool, int], list[str]] = defaultdict(list)
    for name in names:
        by_kind["가" <= name[:1] <= "힣", len(name)].append(name)
    for (hangul, length), texts in by_kind.items():
        shortest, longest = _LENGTHS[hangul]
        if shortest <= length <= longest:
            parts[hangul, length].append(hashes_of(texts))
