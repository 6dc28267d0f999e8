"""Writes what a field has to be as SQL: numbers, days and words that were read, and nothing else that was delivered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from etl.sql import literal

OPERATORS = {"lt": "<", "lte": "<=", "eq": "=", "!eq": "<>", "gt": ">", "gte": ">="}
_FOUR = Decimal("0.0001")


def whole(value: float) -> str:
    """A number as Circe asks for whole ones: cut, not rounded."""
    return str(int(value))


def decimal(value: float) -> str:
    """A number with four decimals, as Circe asks for values."""
    return format(Decimal(repr(value)).quantize(_FOUR, rounding=ROUND_HALF_UP), "f")


def day(value: date) -> str:
    """A day."""
    return f"date {literal(value.isoformat())}"


def among(concepts: Iterable[int], *, negated: bool = False) -> str:
    """One of some concepts, or none of them."""
    return f"{'not ' if negated else ''}in ({', '.join(map(str, concepts))})"


def between(low: str | None, high: str | None) -> str:
    """From one value to another, of which one may be open."""
    if low is None or high is None:
        return f">= {low}" if high is None else f"<= {high}"
    return f"between {low} and {high}"


def compared(op: str, value: str, extent: str | None) -> str | None:
    """A comparison by Circe's names of operators; None where there is none of that name, or an end lacks."""
    if op in ("bt", "!bt"):
        return None if extent is None else f"{'not ' if op[0] == '!' else ''}between {value} and {extent}"
    return f"{OPERATORS[op]} {value}" if op in OPERATORS else None


def like(op: str, text: str) -> str | None:
    """A comparison of texts by Circe's names of operators; None where there is none of that name."""
    negated, kind = op.startswith("!"), op.lstrip("!")
    if kind not in ("startsWith", "endsWith", "contains"):
        return None
    pattern = f"{'' if kind == 'startsWith' else '%'}{text}{'' if kind == 'endsWith' else '%'}"
    return f"{'not ' if negated else ''}like {literal(pattern)}"
