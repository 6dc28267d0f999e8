"""Values of any driver as text that loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa


def _bytes(value: bytes | bytearray | memoryview) -> str:
    return f"\\x{bytes(value).hex()}"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_FORMS: dict[type, Callable[[Any], str]] = {
    str: str,
    bool: lambda v: "t" if v else "f",
    int: str,
    float: repr,
    Decimal: lambda v: format(v, "f"),
    datetime: lambda v: v.isoformat(sep=" "),
    date: date.isoformat,
    time: time.isoformat,
    timedelta: str,
    UUID: str,
    bytes: _bytes,
    bytearray: _bytes,
    memoryview: _bytes,
    dict: _json,
    list: _json,
}


class UnknownType(Exception):
    """A driver gives values of a class that has no form as text."""


def _form(kind: type) -> Callable[[Any], str]:
    for known in kind.__mro__[:-1]:
        if known in _FORMS:
            return _FORMS[known]
    raise UnknownType(kind.__name__)


def text_column(values: Sequence[Any]) -> pa.StringArray:
    """A column of text; None stays null. UnknownType names the class of a value without a form."""
    kinds = set(map(type, values)) - {type(None)}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    forms = {kind: _form(kind) for kind in kinds}
    return pa.array([None if v is None else forms[type(v)](v) for v in values], pa.string())
