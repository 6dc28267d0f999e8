"""Signs that no text of a request has: whoever reads it sees something else than what is there.

Marks that turn the direction of letters or have no width would let a board approve another query than the one that
runs; signs of control would write on the terminal of who looks at it, and a NUL no database keeps.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from etl.errors import UsageError

UNSEEN = "has signs that are not seen, or turn the direction of letters"
_PLAIN = "\n\r\t"
_KINDS = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def has_unseen(text: str) -> bool:
    """Whether a text has a sign that is not seen."""
    return any(unicodedata.category(letter) in _KINDS for letter in text if letter not in _PLAIN)


def must_be_seen(said: Any) -> None:
    """Raise UsageError where a text has one, in whatever lists and mappings it stands."""
    if isinstance(said, str):
        if has_unseen(said):
            raise UsageError(f"a text that was given {UNSEEN}", hint="write it anew in the place of copying it")
    elif isinstance(said, Mapping):
        must_be_seen([*said.keys(), *said.values()])
    elif isinstance(said, Sequence):
        for each in said:
            must_be_seen(each)
