"""Sentences of checks and errors in a reader's language: patterns of `locale/told.<language>.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import yaml

_PART = re.compile(r"\{(\w+)\}")
#: The part that is told again.
_SAID = "said"


@dataclass(frozen=True, slots=True)
class _Pattern:
    """An English sentence as an expression with a group for each part, and what is said in its place."""

    fits: re.Pattern[str]
    says: str

    @property
    def weight(self) -> int:
        """How much of the sentence is fixed."""
        return len(re.sub(r"\(\?P<\w+>\.\+\?\)", "", self.fits.pattern))


def told(text: str, language: str) -> str:
    """A sentence in a language; as it is where nothing fits it."""
    return _told(text, language) if text else text


@lru_cache(maxsize=4096)
def _told(text: str, language: str) -> str:
    for pattern in _patterns(language):
        if found := pattern.fits.fullmatch(text):
            parts = found.groupdict()
            if _SAID in parts:
                parts[_SAID] = _told(parts[_SAID], language)
            return _PART.sub(lambda part, parts=parts: parts.get(part[1], part[0]), pattern.says)  # type: ignore[misc]
    return text


@cache
def _patterns(language: str) -> tuple[_Pattern, ...]:
    """The patterns of a language, what is fixed in most words first."""
    file = files("etl.pages").joinpath("locale", f"told.{language}.yaml")
    if not file.is_file():
        return ()
    said: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    found = (_Pattern(_expression(english), other) for english, other in said.items())
    return tuple(sorted(found, key=lambda pattern: -pattern.weight))


def _expression(english: str) -> re.Pattern[str]:
    """A sentence with parts as an expression that fits it."""
    fixed = _PART.split(english)
    return re.compile("".join(f"(?P<{part}>.+?)" if n % 2 else re.escape(part) for n, part in enumerate(fixed)), re.S)
