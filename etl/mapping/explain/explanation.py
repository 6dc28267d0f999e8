"""What `explain` tells of a code: values only, as they are shown and written as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Concept:
    """A concept of the release, and why it may not be a target."""

    concept_id: int
    name: str | None  # None: the release does not hold it
    domain: str | None
    vocabulary: str | None
    code: str | None
    standard: bool
    invalid: str | None  # 'D' deleted, 'U' replaced
    valid_from: date | None
    valid_to: date | None

    @property
    def usable(self) -> bool:
        """Whether codes may map to it."""
        return self.standard and self.invalid is None


@dataclass(frozen=True, slots=True)
class Hop:
    """One look-up of a code master, on any day: its source, and what it makes of the code (nothing: it ends here)."""

    source: str
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """What a code master makes of the code from one day to another (None: always, still)."""

    first_day: date | None
    last_day: date | None
    code: str
    outside: bool  # in no window of the master: the nearest one is taken


@dataclass(frozen=True, slots=True)
class Found:
    """What a step finds for a code: the concept of the code itself, and the concepts it is said to map to."""

    code: str
    source: Concept | None
    known: bool  # whether the vocabulary or map holds the code at all
    targets: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One step of a look-up, counted from 1."""

    step: int
    column: str
    clean: str | None
    cleaned: str | None
    through: str | None
    hops: tuple[Hop, ...]
    windows: tuple[Window, ...]
    kind: str  # vocabulary or map
    name: str
    prefix: int | None
    found: tuple[Found, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """One target: its concept (None: 0, nothing found), the value it carries, the table its domain goes to."""

    concept: Concept | None
    value: Concept | None
    table: str | None


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the code becomes from one day to another; `step` is the one that won, None when none did.

    A step that won without a concept leaves the code unmapped on purpose.
    """

    first_day: date | None
    last_day: date | None
    step: int | None
    source: Concept | None
    targets: tuple[Chosen, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code in one look-up, with the codes of other columns it looks at.

    `records` are those that the entry's `where` keeps, `left_out` the others; both are 0 when the night holds none.
    Few of them are in steps of `fewer_than` (see `etl.pages.disclosure`).
    `constant` is the concept of an entry that looks nothing up: it says the same of every row.
    """

    entry: str
    field: str
    source: str
    records: int
    left_out: int
    codes: dict[str, str | None]
    description: str | None
    attempts: tuple[Attempt, ...]
    meanings: tuple[Meaning, ...]
    constant: int | None = None
    fewer_than: int | None = None

    @property
    def delivered(self) -> bool:
        """Whether the night has a row with the code."""
        return bool(self.records or self.left_out)
