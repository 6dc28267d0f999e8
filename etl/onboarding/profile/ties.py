"""Which column ties the files together as the patient's, told by where its values stand, not by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.onboarding.profile.columns import Figures
from etl.onboarding.profile.model import Column, Hidden
from etl.onboarding.profile.rules import plain_name, rules
from etl.onboarding.profile.sets import Contained

#: Distinct values per filled row from which a column is close to naming its row (doubled rows stay possible).
KEYLIKE = 0.98
_LEAST = 10  # fewer patients tie nothing together
_FILES = 3  # files that lead to one column, of which none says by its name that it is about people


def names_its_rows(column: Column, least: int) -> bool:
    """Whether a column is close to naming the rows of its file, of which there are at least `least`."""
    unique = column.unique >= KEYLIKE and column.filled >= KEYLIKE * column.rows
    return unique and column.distinct >= least and column.kind in ("code", "integer", "text")


def tied_persons(
    figures: Sequence[Sequence[Figures]],
    numbers: Sequence[Sequence[int]],
    pairs: Sequence[Contained],
    found: Mapping[int, Hidden],
) -> dict[int, Hidden]:
    """The columns that name the patients' rows, although their own names do not say so; by number, or nothing.

    Where columns called as a patient's number lead to a column that names its rows, it is one. Where no column is
    called so, it is the one that most files lead to, among files that hold a sex or a date of birth if there are any.
    """
    columns = {n: f.column for file, own in zip(figures, numbers, strict=True) for n, f in zip(own, file, strict=True)}
    files = {n: i for i, own in enumerate(numbers) for n in own}
    named = {n for n, hidden in found.items() if hidden.kind == "person"}
    keys = {
        n for n, c in columns.items()
        if names_its_rows(c, _LEAST) and (n not in found or found[n].kind in ("record", "text"))
    }  # fmt: skip
    led: dict[int, set[int]] = {}
    for pair in pairs:
        if pair.other in keys and (pair.column in named or not named):
            led.setdefault(pair.other, set()).add(files[pair.column])
    people = {i for i, file in enumerate(figures) if any(_of_people(f.column.name) for f in file)}
    known = {files[n] for n in named if names_its_rows(columns[n], _LEAST)}
    if not led or known & people:
        return {}
    best = max(led, key=lambda n: (files[n] in people, len(led[n]), columns[n].distinct, -n))
    if files[best] not in people and (known or len(led[best]) < _FILES):
        return {}
    return {best: Hidden("person", "its numbers tie the files together")}


def _of_people(name: str) -> bool:
    return bool(rules().people.fullmatch(plain_name(name)))
