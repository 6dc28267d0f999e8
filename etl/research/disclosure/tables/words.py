"""What headers and labels mean: `words.yaml`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import yaml

from etl.files import packaged

COUNT, BASE, SHARE, MEAN, SUM, TOP = "count", "base", "share", "mean", "sum", "top"
MINIMUM, MAXIMUM, PERCENTILE, IDENTIFIER = "minimum", "maximum", "percentile", "identifier"
COEFFICIENT, DEGREES, FIT, ERROR, PAIR = "coefficient", "degrees", "fit", "error", "pair"
_SIZE = re.compile(r"(?i)(?<![a-z])n\s*[=:]\s*([0-9][0-9,]*)(?![0-9.])")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_OTHER = re.compile(r"[^0-9a-z\uac00-\ud7a3]+")
_WHOLE = ("dimension", "running", "personal", "no_count", "total", "whole")
_SIGNS = str.maketrans(
    {"%": " percent ", "<": " below ", "≤": " upto ", ">": " above ", "≥": " from ", "+": " plus ", "＜": " below "}
)
_COUNTING = re.compile(
    r"(?<= )(n|num|number|count|counts|freq|frequency|of|persons?|patients?|subjects?|명|건수|인원) "
)


@dataclass(frozen=True, slots=True)
class _Words:
    roles: tuple[tuple[str, re.Pattern[str]], ...]
    dimension: re.Pattern[str]
    running: re.Pattern[str]
    personal: re.Pattern[str]
    no_count: re.Pattern[str]
    total: re.Pattern[str]
    whole: re.Pattern[str]
    hidden: frozenset[str]
    nothing: frozenset[str]


@cache
def _words() -> _Words:
    said: Any = yaml.safe_load(packaged(__name__, "words.yaml"))
    roles = tuple((role, re.compile(pattern)) for role, pattern in said["roles"].items())
    whole = {name: re.compile(said[name]) for name in _WHOLE}
    return _Words(roles, **whole, hidden=frozenset(said["hidden"]), nothing=frozenset(said["nothing"]))


@lru_cache(10_000)
def plain(text: str) -> str:
    """The words of a text: small letters and digits, one blank between, some signs as words."""
    small = _CAMEL.sub(" ", text).casefold()
    return " ".join(_OTHER.sub(" ", small.translate(_SIGNS)).split()) or small.strip()


@lru_cache(10_000)
def role_of(text: str) -> str | None:
    """What numbers under this header, or beside this label, are; None: it does not say."""
    words = f" {plain(_SIZE.sub(' ', text))} "
    role = next((role for role, pattern in _words().roles if pattern.search(words)), None)
    counts_nobody = _words().no_count.fullmatch(words.strip().rpartition(" ")[2]) is not None
    return None if role == COUNT and counts_nobody else role


def names_rows(header: str) -> bool:
    """Whether a header says what rows are of, whatever the column holds."""
    return _words().dimension.fullmatch(plain(header)) is not None


def runs(header: str) -> bool:
    """Whether what a column counts differs from row to row by a count."""
    return _words().running.search(f" {plain(header)} ") is not None


def is_personal(header: str) -> bool:
    """Whether a header is of what a person has."""
    return _words().personal.fullmatch(plain(header)) is not None


def is_total(text: str) -> bool:
    """Whether a header or label stands for the sum of the others along it."""
    return _words().total.fullmatch(plain(_SIZE.sub(" ", text))) is not None


def is_whole(label: str) -> bool:
    """Whether a label stands for how many persons a column is of."""
    return _words().whole.fullmatch(plain(label)) is not None


def is_hidden(text: str) -> bool:
    """Whether a cell says that its value was hidden."""
    return text.casefold() in _words().hidden


def is_nothing(text: str) -> bool:
    """Whether a cell says that it has no value."""
    return text.casefold() in _words().nothing


def size_in(header: str) -> float | None:
    """The number of persons that a header such as `Cases (N=120)` says."""
    found = _SIZE.search(header)
    return float(found[1].replace(",", "")) if found else None


def category(header: str) -> str:
    """What a header says beyond that it counts: `n_male` is of `male`, `n` of nothing."""
    return _COUNTING.sub("", f" {plain(_SIZE.sub(' ', header))} ").strip()
