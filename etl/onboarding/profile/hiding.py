"""Which columns may not show values: what is named or shaped like an identifier, free text, record numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.onboarding.profile.columns import Figures
from etl.onboarding.profile.model import Column, Hidden
from etl.onboarding.profile.rules import plain_name, rules
from etl.onboarding.profile.sets import Contained, comparable
from etl.onboarding.profile.ties import names_its_rows, tied_persons

_PEOPLE = ("name", "rrn", "phone")  # a file with one of these is a file of people
_SOME = 30  # rows from which being unique says something
_CONTAINED = 0.9
_RARE = 0.5  # different values per row from which a number is a record's
_DIGITS = 5
_FEW, _SHORT = 12, 6  # values of a file with people's names that are shown: so few different ones, so short


def told(column: Column, shapes: Mapping[str, float]) -> Hidden | None:
    """Why a column's own name or values forbid showing them, or None."""
    known = rules()
    kind = known.named(column.name)
    if kind:
        return Hidden(kind, "by its name")
    for shape in known.shapes:
        spread = column.distinct >= shape.distinct and column.unique >= shape.spread
        if shapes[shape.name] >= shape.share and spread and column.kind not in ("date", "datetime"):
            return Hidden(shape.kind, "by the shape of its values")
    if column.kind == "text" or (column.kind == "code" and known.free_text.fullmatch(plain_name(column.name))):
        return Hidden(
            "text", "by its name" if known.free_text.fullmatch(plain_name(column.name)) else "words, not codes"
        )
    return None


def hidden_columns(
    figures: Sequence[Sequence[Figures]], numbers: Sequence[Sequence[int]], pairs: Sequence[Contained]
) -> dict[int, Hidden]:
    """Why each hidden column is hidden, by its number; `numbers` are those of each file's columns.

    What identifies a row of a file of people is a record number, and so is what identifies a row of any file that
    holds such numbers: visits, orders, results. The same numbers are hidden wherever else they stand.
    """
    found: dict[int, Hidden] = {}
    for file, own in zip(figures, numbers, strict=True):
        for figure, number in zip(file, own, strict=True):
            reason = told(figure.column, figure.shapes)
            if reason:
                found[number] = reason
    found |= tied_persons(figures, numbers, pairs, found)
    for kinds, least in ((_PEOPLE, 1), (("person", *_PEOPLE, "record"), _SOME)):
        for file, own in zip(figures, numbers, strict=True):
            if any(number in found and found[number].kind in kinds for number in own):
                _hide_keys([f.column for f in file], own, least, found)
        _follow(pairs, found)
        _namesakes(figures, numbers, found)
    for file, own in zip(figures, numbers, strict=True):
        if any(n in found and found[n].kind in _PEOPLE for n in own):
            _hide_others([f.column for f in file], own, found)
    return found


def _hide_others(columns: Sequence[Column], own: Sequence[int], found: dict[int, Hidden]) -> None:
    """Of a file that holds people's names or numbers, hide all values but flags, days, figures, codes and short words.

    Nobody knows beforehand what else of people such a file holds.
    """
    for column, number in zip(columns, own, strict=True):
        written = column.kind in ("code", "integer") and not column.codes
        if number not in found and written and (column.distinct > _FEW or column.max_length > _SHORT):
            found[number] = Hidden("people", "stands in a file about people")


def _hide_keys(columns: Sequence[Column], own: Sequence[int], least: int, found: dict[int, Hidden]) -> None:
    for column, number in zip(columns, own, strict=True):
        if number in found:
            continue
        if names_its_rows(column, least):
            found[number] = Hidden("record", "names one row of a file about people")
        elif _numbers_records(column):
            found[number] = Hidden("record", "few rows of a file about people share one")


def _numbers_records(column: Column) -> bool:
    """Long numbers that hardly repeat: codes do."""
    long = column.mean_length >= _DIGITS and any("9" in written for written, _ in column.classes)
    rare = column.unique >= _RARE and column.distinct >= _SOME
    return long and rare and column.kind in ("code", "integer")


def _namesakes(
    figures: Sequence[Sequence[Figures]], numbers: Sequence[Sequence[int]], found: dict[int, Hidden]
) -> None:
    """Hide columns that are called as a record number of another file: visits may come in several files."""
    every = [(n, f.column) for file, own in zip(figures, numbers, strict=True) for n, f in zip(own, file, strict=True)]
    called = {plain_name(column.name) for n, column in every if n in found and found[n].kind in ("record", "person")}
    for n, column in every:
        if n not in found and comparable(column) and plain_name(column.name) in called:
            found[n] = Hidden("record", "is called as a record number of another file")


def _follow(pairs: Sequence[Contained], found: dict[int, Hidden]) -> None:
    """Hide what holds the numbers of a hidden column."""
    for pair in pairs:
        other = found.get(pair.other)
        if pair.share >= _CONTAINED and pair.column not in found and other and other.kind not in ("text", "name"):
            kind = other.kind if other.kind in ("person", "other") else "record"
            found[pair.column] = Hidden(kind, "holds the numbers of another hidden column")
