"""The form in which texts are searched: one letter, digit, dash and blank for all the ways in which each is written.

Full-width and mathematical digits become ASCII, all dashes `-`, all blanks one blank, letters lower case without
accents, Hangul written in its parts (as macOS stores it) whole syllables; what is not seen is left out. Every folded
character knows which delivered one it comes from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint32]
Places = NDArray[np.int64]

END = ord("\n")  # behind every text of a folded batch, and nowhere else
_FIRST_SYLLABLE, _LAST_SYLLABLE = 0xAC00, 0xD7A3
_LEADS, _VOWELS, _TAILS = (0x1100, 0x1112), (0x1161, 0x1175), (0x11A8, 0x11C2)
_ASCII = 128
_TABLE_SIZE = 0x110000
_FOLDED_UP_TO = 0x20000  # beyond lie ideographs, and tags that nobody sees
_TAGS = (0xE0000, 0xE0FFF)
_SAME = ((_FIRST_SYLLABLE, _LAST_SYLLABLE), (0x3400, 0x9FFF), (0xD800, 0xF8FF), (0x17000, 0x18CFF))
# what Unicode does not count among dashes, blanks and dots, and people use as such
_WRITTEN_FOR = {
    "-": "\u2212\u2043\u3161\u30fc\u02d7\u00af\ufe63",
    " ": "\u115f\u1160\u3164\uffa0\u2800\ufffc",
    ".": "\u00b7\u318d\u30fb\u2022\u2027\u22c5\u3002\uff61\u2024",
    ",": "\u3001\uff64",
    "/": "\u2215\u2044",
    "~": "\u301c\u223c",
    "@": "\ufe6b",
}


@dataclass(frozen=True, slots=True)
class Folded:
    """A batch of texts, one behind the other, each ended by END.

    `codes` are code points; `origin` says of each which of the batch's delivered characters it comes from, and has one
    more at its end; `begins` are where the texts begin among the delivered characters, with the end of the last.
    """

    codes: Codes
    origin: Places
    begins: Places

    @property
    def text(self) -> str:
        """The folded characters."""
        return self.codes.astype("<u4").tobytes().decode("utf-32-le")


def _folded(character: str) -> int:
    """Code point that a character is searched as; 0 when it is left out."""
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me"):
        return 0
    if category in ("Zs", "Zl", "Zp", "Cc"):
        return ord(" ")
    if category == "Pd":
        return ord("-")
    if category == "Nd":
        return ord("0") + unicodedata.digit(character)
    if 0x3131 <= ord(character) <= 0x318E:  # letters of Hangul that stand alone are no parts of a syllable
        return ord(character)
    plain = unicodedata.normalize("NFKD", character).casefold()
    letters = [c for c in unicodedata.normalize("NFKD", plain) if unicodedata.category(c) not in ("Mn", "Me", "Cf")]
    return ord(letters[0]) if len(letters) == 1 else ord(character)


@cache
def _table(size: int) -> Codes:
    """What each of the first `size` characters is searched as: to make it for all of them takes a tenth of a second."""
    table = np.arange(size, dtype=np.uint32)
    same = np.zeros(_FOLDED_UP_TO, dtype=bool)
    for first, last in _SAME:
        same[first : last + 1] = True
    for code in np.flatnonzero(~same[:size]).tolist():
        table[code] = _folded(chr(code))
    table[_TAGS[0] : _TAGS[1] + 1] = 0
    for written, characters in _WRITTEN_FOR.items():
        table[[ord(c) for c in characters if ord(c) < size]] = ord(written)
    return table


def _within(codes: Codes, bounds: tuple[int, int]) -> NDArray[np.bool_]:
    return (codes >= bounds[0]) & (codes <= bounds[1])


def _composed(codes: Codes, origin: Places) -> tuple[Codes, Places]:
    """Hangul in its parts as whole syllables."""
    if not _within(codes, (_LEADS[0], _TAILS[1])).any():
        return codes, origin
    pairs = np.flatnonzero(_within(codes[:-1], _LEADS) & _within(codes[1:], _VOWELS))
    codes[pairs] = _FIRST_SYLLABLE + ((codes[pairs] - _LEADS[0]) * 21 + codes[pairs + 1] - _VOWELS[0]) * 28
    kept = np.ones(len(codes), dtype=bool)
    kept[pairs + 1] = False
    codes, origin = codes[kept], origin[kept]
    open_ended = _within(codes, (_FIRST_SYLLABLE, _LAST_SYLLABLE)) & ((codes - _FIRST_SYLLABLE) % 28 == 0)
    tailed = np.flatnonzero(open_ended[:-1] & _within(codes[1:], _TAILS))
    codes[tailed] += codes[tailed + 1] - (_TAILS[0] - 1)
    kept = np.ones(len(codes), dtype=bool)
    kept[tailed + 1] = False
    return codes[kept], origin[kept]


def fold(texts: Sequence[str]) -> Folded:
    """The folded form of texts."""
    lengths = np.fromiter((len(t) for t in texts), dtype=np.int64, count=len(texts))
    begins = np.concatenate(([0], np.cumsum(lengths + 1)))
    joined = "\n".join(texts) + "\n"
    delivered = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    codes = _table(_ASCII if joined.isascii() else _TABLE_SIZE)[delivered]
    codes[begins[1:] - 1] = END
    kept = codes != 0
    origin = np.flatnonzero(kept)
    codes, origin = _composed(codes[kept], origin)
    return Folded(codes, np.append(origin, len(delivered)), begins)


def folded(texts: Sequence[str]) -> list[str]:
    """Texts in their folded form."""
    return fold(texts).text.split("\n")[:-1]
