"""Checks that a row answers by itself, or with keys of other tables: one pass over a table answers them all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from etl.quality.battery.beside import joined
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Own, as_on
from etl.quality.battery.statement import Ground, Statement, Wide, column, is_concept
from etl.sql import literal, quote


class _Pass:
    """One pass over a table: the figures asked of it, and for each row whether some value is in another list."""

    def __init__(self, asked: Sequence[Check], ground: Ground) -> None:
        self.table = table = asked[0].table
        self.ground = ground
        self.wide = Wide(table, ground)
        self.joins, self._there = joined(self.wide, asked, ground)
        self.every = self.wide.column("count(*)")
        self._marks: dict[str, str] = {}

    def filled(self, check: Check) -> int:
        """How many rows have the check's field."""
        return self.wide.column(f"count({column(check)})")

    def mark(self, value: str, query: str) -> str:
        """SQL of whether a value of the row is among those of a query."""
        return f"t.{self._marks.setdefault(f'{value} in ({query})', f'_m{len(self._marks)}')}"

    def among(self, field: str, table: str, key: str) -> str:
        """SQL of whether a row's field is a key of a table; what is joined tells it of its own key."""
        told = self._there.get((table, key)) if field == key else None
        return told or self.mark(f"t.{quote(field)}", f"select {quote(key)} from {table}")

    @property
    def source(self) -> str:
        """The rows with their marks, and what is joined with them."""
        told = "".join(f", {sql} as {name}" for sql, name in self._marks.items())
        rows = f"(select t.*{told} from {self.table} t) t" if told else f"{self.table} t"
        return rows + self.joins


def rows_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """What the rows of a table tell, and how many rows have which field. The checks are of one table."""
    one = _Pass(asked, ground)
    filled = {c.field: one.filled(c) for c in asked if c.field}
    for check in asked:
        if check.type.name in _ANSWERS:
            _ANSWERS[check.type.name](one, check)
        elif check.own and not check.own.query:
            _own(one, check, check.own)
    return one.wide.statement(rows_of, one.source, {"": one.every, **filled})


def _own(one: _Pass, check: Check, own: Own) -> None:
    night = one.ground.night
    of = one.wide.counted(as_on(own.of, night)) if own.of else one.every
    one.wide.add(check, one.wide.counted(as_on(own.counted(), night)), of)


def _empty(one: _Pass, check: Check) -> None:
    one.wide.add(check, one.wide.column(f"count(*) - count({column(check)})"), one.every)


def _no_integer(one: _Pass, check: Check) -> None:
    text = f"{column(check)}::varchar"
    odd = f"{text} is not null and not regexp_full_match({text}, '[-+]?[0-9]+')"
    one.wide.add(
        check, one.wide.counted("false" if one.ground.schema.is_whole(check.table, check.field) else odd), one.every
    )


def _twice(one: _Pass, check: Check) -> None:
    if (check.table, check.field) in one.ground.unique:
        one.wide.add(check, one.wide.counted("false"), one.every)
        return
    key = quote(check.field)
    there = one.mark(column(check), f"select {key} from {check.table} group by 1 having count(*) > 1")
    one.wide.add(check, one.wide.counted(there), one.every)


def _lost(one: _Pass, check: Check) -> None:
    if is_concept(check):
        return  # see `concepts`
    there = one.among(check.field, *check.argument.split("."))
    one.wide.add(check, one.wide.counted(f"{column(check)} is not null and ({there}) is not true"), one.every)


def _unknown(one: _Pass, check: Check) -> None:
    """0, or nothing where the source said something (`argument`: where it said it)."""
    if not check.argument:
        one.wide.add(check, one.wide.counted(f"{column(check)} = 0"), one.filled(check))
        return
    said = f"t.{quote(check.argument)} is not null"
    unknown = one.wide.counted(f"{column(check)} = 0 or ({column(check)} is null and {said})")
    one.wide.add(check, unknown, one.wide.counted(f"{column(check)} is not null or {said}"))


def _too_far(one: _Pass, check: Check) -> None:
    one.wide.add(check, one.wide.counted(beyond(check, one.ground.night)), one.filled(check))


def _turned(one: _Pass, check: Check) -> None:
    end = f"t.{quote(check.argument)}"
    late = one.wide.counted(f"{column(check)}::date > {end}::date")
    one.wide.add(check, late, one.wide.counted(f"{column(check)} is not null and {end} is not null"))


def _early(one: _Pass, check: Check) -> None:
    table, first = check.argument.split(".")
    if table != "person":  # see `beside`
        one.wide.add(check, one.wide.counted(f"t.{quote(first)}::date > {column(check)}::date"), one.every)


def _of_the_dead(one: _Pass, check: Check) -> None:
    """Of how many; what is violated is told beside their deaths."""
    if one.ground.schema.has("death", "person_id") and one.ground.schema.has(check.table, "person_id"):
        one.wide.add(check, None, one.wide.counted(one.among("person_id", "death", "person_id")))


def beyond(check: Check, night: str) -> str:
    """SQL of a value that lies beyond its bound; days are compared as days."""
    sign = "<" if check.type.name == "plausibleValueLow" else ">"
    bound, value = check.argument, column(check)
    if bound == "tomorrow":
        return f"{value}::date {sign} date {literal(night)} + 1"
    if bound == "next year":
        return f"{value} {sign} {int(night[:4]) + 1}"
    if bound.count("-") == 2:
        return f"{value}::date {sign} date {literal(bound)}"
    return f"{value} {sign} {float(bound)}"


_ANSWERS: dict[str, Callable[[_Pass, Check], None]] = {
    "isRequired": _empty,
    "measureValueCompleteness": _empty,
    "cdmDatatype": _no_integer,
    "isPrimaryKey": _twice,
    "isForeignKey": _lost,
    "standardConceptRecordCompleteness": _unknown,
    "sourceConceptRecordCompleteness": _unknown,
    "plausibleValueLow": _too_far,
    "plausibleValueHigh": _too_far,
    "plausibleStartBeforeEnd": _turned,
    "plausibleTemporalAfter": _early,
    "plausibleDuringLife": _of_the_dead,
}
