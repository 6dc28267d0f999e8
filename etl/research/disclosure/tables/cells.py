"""What one cell says: a number, a number with another in brackets, a hidden one, a text."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from unicodedata import normalize

from etl.research.disclosure.tables.words import is_hidden, is_nothing

_NUMBER = r"[-+−]?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?"
_PLAIN = re.compile(rf"(?=[-+−.]?[0-9])({_NUMBER})\s*(%?)(?:\s*(?:명|건|persons|patients))?")
_BELOW = re.compile(
    r"[<≤＜]\s*(?P<below>[0-9]{1,6})|(?P<under>[0-9]{1,6})\s*(?:명|건)?\s*미만|(?P<from>[0-9]{1,6})\s*[-–~]\s*(?P<to>[0-9]{1,6})"
)
_SPLIT = re.compile(r"(?P<first>[^\s(\[/±]+)\s*(?:/\s*(?P<of>[0-9][0-9,]*))?\s*(?P<rest>[(\[±=].*)?")
_IN_REST = re.compile(rf"(?=[-+−.]?[0-9])({_NUMBER})\s*(%?)")
_RAISED = re.compile("[¹²³⁰-⁹ᵃ-ᶻ]")
_NOTE = re.compile(r"([0-9%)\]])\s*[*†‡§#]+$")
_ABOUT = re.compile(r"^(?:~|≈|c\.|ca\.|about|약)\s*(?=[0-9])", re.IGNORECASE)
_LONGEST = 60  # letters of a cell that is looked at as a number


@dataclass(frozen=True, slots=True)
class Amount:
    """A number as shown, with its decimals; hidden: None, between `low` and `high`."""

    value: float | None
    decimals: int = 0
    percent: bool = False
    low: float = 0.0
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Said:
    """A cell: its first number, of how many it says that is, and what stands in brackets behind."""

    first: Amount
    of: float | None = None
    rest: tuple[Amount, ...] = ()


def _amount(number: str, percent: str) -> Amount:
    text = number.replace(",", "").replace("−", "-")
    value = float(text)
    decimals = 0 if "e" in text.lower() else len(text.partition(".")[2])
    return Amount(value, decimals, bool(percent), value, value) if math.isfinite(value) else Amount(None)


def _single(text: str) -> Amount | None:
    if found := _PLAIN.fullmatch(text):
        return _amount(found[1], found[2])
    if found := _BELOW.fullmatch(text):
        if found["from"]:
            low, high = float(found["from"]), float(found["to"])
            return Amount(None, low=low, high=high) if low < high else None
        most = float(found["below"] or found["under"])
        return Amount(None, high=most if text[0] == "≤" else most - 1)
    return Amount(None) if is_hidden(text) else None


def read(text: str) -> Said | None:
    """What a cell says in numbers, hidden ones included; None: nothing, or a text."""
    text = plain_number(text)
    if not text or len(text) > _LONGEST or is_nothing(text):
        return None
    if (alone := _single(text)) is not None:
        return Said(alone)
    found = _SPLIT.fullmatch(text)
    if found is None or (found["of"] is None and found["rest"] is None):
        return None
    first = _single(found["first"])
    if first is None:
        return None
    rest = tuple(_amount(*each.groups()) for each in _IN_REST.finditer(found["rest"] or ""))
    of = float(found["of"].replace(",", "")) if found["of"] else None
    return Said(first, of, rest) if rest or of is not None or is_hidden(found["first"]) else None


def plain_number(text: str) -> str:
    """A cell without what stands at a number beside its digits: signs of notes, `about`, digits of other widths."""
    text = text.strip().lstrip("'")
    if not text.isascii():
        text = normalize("NFKC", _RAISED.sub("", text)).strip()
    return _NOTE.sub(r"\1", _ABOUT.sub("", text))


def is_number(text: str) -> bool:
    """Whether a cell stands in a column of numbers: a number, or one that is hidden."""
    return read(text) is not None
