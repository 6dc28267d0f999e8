"""The ways in which the names that a hospital delivers are written in texts, without blanks and signs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl.night.land.freetext.folding import folded
from etl.night.land.freetext.hashes import Hashes, hashes_of
from etl.night.land.freetext.words import words

_HANGUL = "가-힣"
_SPLIT = re.compile(rf"[{_HANGUL}]+|[^\W\d_]+")
_LENGTHS = {True: (2, 12), False: (4, 40)}  # letters of a name in Hangul, in other letters
_AT_ONCE = 50_000  # names that are folded in one go: of each letter twenty bytes are held
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


def _by_length(names: Any, hangul: bool) -> dict[tuple[bool, int], Hashes]:
    """Hashes of names of one kind of letters by length."""
    lengths = pc.utf8_length(names)
    shortest, longest = _LENGTHS[hangul]
    return {
        (hangul, n): hashes_of(names.filter(pc.equal(lengths, n)).to_pylist())
        for n in pc.unique(lengths).to_pylist()
        if shortest <= n <= longest
    }


def _folded(names: Any, first: int) -> list[str]:
    return folded(names.slice(first, _AT_ONCE).to_pylist())


def known_names(names: Any) -> Known:
    """What is sought of the names that a hospital delivered, in any spelling."""
    simple = pc.match_substring_regex(names, f"^[{_HANGUL}]+$")
    hangul, rest = names.filter(simple), names.filter(pc.invert(simple))
    two = pc.match_substring_regex(rest, "^[A-Za-z]+[ ,.-]+[A-Za-z]+$")
    latin, odd = pc.utf8_lower(rest.filter(two)), rest.filter(pc.invert(two))
    turned = pc.replace_substring_regex(latin, "^([a-z]+)[^a-z]+([a-z]+)$", r"\2\1")
    straight = pc.replace_substring_regex(latin, "[^a-z]+", "")
    others = {way for some in range(0, len(odd), _AT_ONCE) for name in _folded(odd, some) for way in _odd(name)}

    def more(in_hangul: bool, is_doubtful: bool) -> Any:
        of_kind = (w for w, doubtful in others if doubtful is is_doubtful and ("가" <= w[:1] <= "힣") is in_hangul)
        return pa.array(list(of_kind), pa.string())

    a_word = pc.is_in(hangul, pa.array(sorted(words().words), pa.string()))
    sure = pa.concat_arrays([hangul.filter(pc.invert(a_word)), more(True, False)])
    latin = pa.concat_arrays([straight, turned, more(False, False)])
    return Known(
        _by_length(sure, True) | _by_length(latin, False),
        _by_length(pa.concat_arrays([hangul.filter(a_word), more(True, True)]), True)
        | _by_length(more(False, True), False),
    )
