"""What stands beside names, and which names are words: `words.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import yaml

from etl.files import packaged

_BEFORE = r"(?:^|[^a-z가-힣])(?:{words})[ :;,.(/=-]{{0,3}}(?:[은는이가의] ?)?$"
_BEHIND = r"^ ?(?:{titles})|^ (?:{after})(?![a-z])"


@dataclass(frozen=True, slots=True)
class Words:
    """`rests` are what a Hangul word may go on with behind a name, `leads` what it may begin with before one.

    `words` are names that are words of clinical text, too; `before` and `behind` find what makes a name of one, at the
    end of what stands before it and at the beginning of what stands behind it.
    """

    rests: tuple[str, ...]
    leads: tuple[str, ...]
    words: frozenset[str]
    before: re.Pattern[str]
    behind: re.Pattern[str]


def _longest_first(texts: list[str]) -> str:
    return "|".join(sorted(map(re.escape, texts), key=len, reverse=True))


@cache
def words() -> Words:
    """The words of the project."""
    said = yaml.safe_load(packaged(__name__, "words.yaml"))
    titles, particles = said["titles"], said["particles"]
    short = [w for w in said["words"] if len(w) == 2]
    return Words(
        tuple({*titles, *particles, *(t + p for t in titles for p in particles)}),
        tuple({w for w in said["before"] if not w.isascii() and len(w) > 1}),
        frozenset({*said["words"], *(w + ending for w in short for ending in said["endings"])}),
        re.compile(_BEFORE.format(words=_longest_first(said["before"]))),
        re.compile(_BEHIND.format(titles=_longest_first(titles), after=_longest_first(said["after"]))),
    )
