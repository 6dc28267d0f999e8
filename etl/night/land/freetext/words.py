"""What stands beside names, and which names are words: `words.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import yaml

from etl.files import packaged

_BEFORE = r"(?:^|[^a-z가-힣])(?:(?:{labels})[ :;,.(/=-]{{1,3}}(?:[은는이가] )?|(?:{leads}) ?[:(=] ?)$"
_BEHIND = r"^(?:{titles})|^ (?:{behind})(?:{particles})?(?![가-힣])"


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
        tuple(said["leads"]),
        frozenset({*said["words"], *(w + ending for w in short for ending in said["endings"])}),
        re.compile(_BEFORE.format(labels=_longest_first(said["labels"]), leads=_longest_first(said["leads"]))),
        re.compile(
            _BEHIND.format(
                titles=_longest_first(titles),
                behind=_longest_first(said["behind_a_blank"]),
                particles=_longest_first(particles),
            )
        ),
    )
