"""Checks that need whose or of which visit a row is: days of birth and death, the visit's own days.

Where a person, a death, a visit is there once, its days are told beside the rows in the one pass over a table. Where
one is there twice, a join makes several rows of one, which only these checks count: each join is a statement then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from etl.quality.battery.checks import Check
from etl.quality.battery.statement import Ground, Statement, Wide, column
from etl.sql import quote

DAYS_AFTER_DEATH, DAYS_AROUND_VISIT = 60, 7
# the first day of the month and the days that follow it are a day of the calendar whatever the numbers are
BIRTH = (
    "coalesce(birth_datetime::date, case when coalesce(month_of_birth::int, 1) between 1 and 12 then "
    "make_date(year_of_birth::int, coalesce(month_of_birth::int, 1), 1) + (coalesce(day_of_birth::int, 1) - 1) end)"
)
BIRTH_OR_JUNE = "coalesce(birth_datetime::date, make_date(year_of_birth::int, 6, 1))"


def _is_of_person(check: Check) -> bool:
    of_birth = check.type.name == "plausibleTemporalAfter" and check.argument.startswith("person.")
    return check.type.name == "plausibleAfterBirth" or of_birth


def _is_of_death(check: Check) -> bool:
    return check.type.name in ("plausibleBeforeDeath", "plausibleDuringLife")


def _is_of_visit(check: Check) -> bool:
    return check.type.name == "withinVisitDates"


def _births(wide: Wide, mine: Sequence[Check], rows: str) -> str:
    births = {}
    for check in mine:
        birth = "_birth" if check.type.name == "plausibleAfterBirth" else "_june"
        births[birth] = f", {BIRTH if birth == '_birth' else BIRTH_OR_JUNE} as {birth}"
        wide.add(check, wide.counted(f"{column(check)}::date < p.{birth}"), None)
    return f"(select person_id as _person{''.join(births.values())}{rows}) p on p._person = t.person_id"


def _deaths(wide: Wide, mine: Sequence[Check], rows: str) -> str:
    for check in mine:
        late = wide.counted(f"{column(check)}::date > d._died + {DAYS_AFTER_DEATH}")
        told = check.type.name == "plausibleBeforeDeath"  # of the other kind it is the rows that count: see `rows`
        of = wide.counted(f"{column(check)} is not null and d._dead is not null") if told else None
        wide.add(check, late, of)
    return f"(select person_id as _dead, death_date::date as _died{rows}) d on d._dead = t.person_id"


def _visits(wide: Wide, mine: Sequence[Check], rows: str) -> str:
    for check in mine:
        day = f"{column(check)}::date"
        outside = f"{day} < v._from - {DAYS_AROUND_VISIT} or {day} > v._until + {DAYS_AROUND_VISIT}"
        wide.add(check, wide.counted(outside), wide.counted("v._visit is not null"))
    return (
        "(select visit_occurrence_id as _visit, visit_start_date::date as _from, visit_end_date::date as _until"
        f"{rows}) v on v._visit = t.visit_occurrence_id"
    )


@dataclass(frozen=True, slots=True)
class _Beside:
    """A table that rows of others are joined with by a key; `join` adds the figures and gives SQL of what is joined.

    `found` is its key beside a row. `join` is told which columns more, and of which rows.
    """

    table: str
    key: str
    found: str
    is_mine: Callable[[Check], bool]
    join: Callable[[Wide, Sequence[Check], str], str]

    def of(self, asked: Sequence[Check], ground: Ground) -> list[Check]:
        """The checks that it answers where both tables have the key."""
        has = ground.schema.has
        return [c for c in asked if self.is_mine(c) and has(c.table, self.key) and has(self.table, self.key)]

    def rows(self, own: Sequence[Check], ground: Ground) -> str:
        """SQL of the columns that checks of ours name, and of the rows; of one that is there twice any."""
        named = dict.fromkeys(c for check in own if check.own for c in check.own.beside[self.table])
        once = (
            ""
            if (self.table, self.key) in ground.unique
            else f" qualify row_number() over (partition by {self.key}) = 1"
        )
        return "".join(f", {quote(c)}" for c in named) + f" from {self.table}{once}"


_BESIDES = (
    _Beside("person", "person_id", "p._person", _is_of_person, _births),
    _Beside("death", "person_id", "d._dead", _is_of_death, _deaths),
    _Beside("visit_occurrence", "visit_occurrence_id", "v._visit", _is_of_visit, _visits),
)
KEYS = [(beside.table, beside.key) for beside in _BESIDES]


def joined(wide: Wide, asked: Sequence[Check], ground: Ground) -> tuple[str, dict[tuple[str, str], str]]:
    """Add the figures of what is there once; SQL of the joins that they need, and of whether a row's key is there."""
    joins, there = "", {}
    for beside in _BESIDES:
        unique = (beside.table, beside.key) in ground.unique
        mine = beside.of(asked, ground) if unique else []
        own = [c for c in asked if c.own and beside.table in c.own.beside]
        if mine or own:
            joins += f" left join {beside.join(wide, mine, beside.rows(own, ground))}"
        if mine or (own and unique):
            there[beside.table, beside.key] = f"{beside.found} is not null"
    return joins, there


def apart(asked: Sequence[Check], ground: Ground) -> list[Statement]:
    """A statement for each join with what is there twice. The checks are of one table."""
    twice = (beside for beside in _BESIDES if (beside.table, beside.key) not in ground.unique)
    return [made for beside in twice if (made := _alone(beside, asked, ground))]


def _alone(beside: _Beside, asked: Sequence[Check], ground: Ground) -> Statement | None:
    mine = beside.of(asked, ground)
    if not mine:
        return None
    wide = Wide(mine[0].table, ground)
    join = beside.join(wide, mine, f" from {beside.table}")
    return wide.statement(lambda some, on: _alone(beside, some, on), f"{mine[0].table} t join {join}")
