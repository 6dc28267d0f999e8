"""What a cohort says, whichever form it was written in: concept sets, entry events, inclusion rules, exits.

Everything is frozen and compares by what it means, so that what several cohorts ask for is worked out once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

#: Which events of a person, in time, go on.
Limit = Literal["all", "first", "last"]
#: What is counted around an event: records, or their different concepts, days or visits.
Counted = Literal["event", "concept", "start", "end", "visit"]


@dataclass(frozen=True, slots=True)
class Item:
    """A concept of a concept set: with those below it, with those that map to it, or taken out."""

    concept: int
    descendants: bool = False
    mapped: bool = False
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class ConceptSet:
    """The concepts that its items mean; its name does not matter to what it is."""

    items: tuple[Item, ...]
    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Condition:
    """What a field of a record has to be: `says` is SQL after the field, such as `>= 5`; or the field is in a set."""

    field: str
    says: str
    of: ConceptSet | None = None


@dataclass(frozen=True, slots=True)
class Criterion:
    """Records of a table: of the concepts of a set, by their standard or source concept, as all conditions say.

    `first`: a person's first record of the set, before conditions are asked. `starts`, `ends` take the place of the
    record's own days. `where`: what has to hold around each record.
    """

    table: str
    of: ConceptSet | None = None
    source: ConceptSet | None = None
    first: bool = False
    conditions: tuple[Condition, ...] = ()
    starts: date | None = None
    ends: date | None = None
    where: Group | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """Days relative to the index event, from `low` to `high`; None is the edge of the observation period.

    `index_end`, `event_end`: measured from the index event's end, and to the event's end.
    """

    low: int | None
    high: int | None
    index_end: bool = False
    event_end: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """How many records of a criterion there are around the index event: `op` (`=`, `<=`, `>=`) `count`.

    `counted`: different concepts, days of start or end, or visits instead of records. `in_period`: only those that
    begin in the index event's observation period.
    """

    criterion: Criterion
    starts: Window
    ends: Window | None = None
    op: str = ">="
    count: int = 1
    counted: Counted = "event"
    in_period: bool = True
    same_visit: bool = False


@dataclass(frozen=True, slots=True)
class Person:
    """What the person has to be at the index event: fields `age`, `gender`, `race`, `ethnicity` and its days."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Of the parts, as many as `op` (`=`, `>=`, `<=`) `count` says have to hold."""

    op: str
    count: int
    parts: tuple[Around | Person | Group, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """Records that let a person in, when observed so many days before and after."""

    criterion: Criterion
    prior: int = 0
    post: int = 0


@dataclass(frozen=True, slots=True)
class Rule:
    """An inclusion rule, in the order that attrition is told in."""

    name: str
    group: Group


@dataclass(frozen=True, slots=True)
class Exit:
    """When a person leaves: with the observation period, `days` after the event's start or end, or when drugs stop.

    Drugs of the set last on over gaps of `gap` days, and `days` longer; `supply` are the days of each exposure.
    """

    kind: Literal["period", "start", "end", "drug"] = "period"
    days: int = 0
    of: ConceptSet | None = None
    gap: int = 0
    supply: int | None = None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A definition. With `official`, a JSON text, only Circe's SQL says all of it: `unsaid` are the keys why.

    `washout`: an event begins no episode of its own while a person had one in so many days before.
    """

    sets: tuple[tuple[str, ConceptSet], ...]
    entries: tuple[Entry, ...] = ()
    entry_limit: Limit = "all"
    extra: Group | None = None
    extra_limit: Limit = "all"
    rules: tuple[Rule, ...] = ()
    limit: Limit = "all"
    exit: Exit = Exit()
    censors: tuple[Criterion, ...] = ()
    pad: int = 0
    opens: date | None = None
    closes: date | None = None
    washout: int | None = None
    first_episode: bool = False
    official: str | None = None
    unsaid: tuple[str, ...] = ()
