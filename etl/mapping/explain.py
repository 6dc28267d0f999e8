"""How a code is looked up, step by step, and where it ends: the tables of the mapping itself, kept and read back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from duckdb import DuckDBPyConnection

from etl.mapping.compile import source_relation
from etl.mapping.expression import literal, quote, render
from etl.mapping.lookup import choose, collect_codes, keys_of_lookup, searched, steps_of
from etl.mapping.model import Entry, HospitalMapping, Lookup, Step
from etl.mapping.run import narrowing

_CHOSEN = "chosen_code"


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
    """One step of a look-up."""

    step: int
    column: str
    clean: str | None
    cleaned: str | None
    through: str | None
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
    """What the code becomes from one day to another; `step` is the one that won, None when none did."""

    first_day: date | None
    last_day: date | None
    step: int | None
    source: Concept | None
    targets: tuple[Chosen, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A code in one look-up; `records` is 0 when the night holds none."""

    entry: str
    field: str
    source: str
    records: int
    codes: dict[str, str | None]
    description: str | None
    attempts: tuple[Attempt, ...]
    meanings: tuple[Meaning, ...]


def lookups_of(mapping: HospitalMapping, field: str | None) -> Iterator[tuple[Entry, str, Lookup]]:
    """All look-ups, or those called `field`: `entry.field`, an entry, or a field of any entry."""
    for entry in mapping.entries:
        for name, value in entry.said().items():
            if isinstance(value, Lookup) and field in (None, name, entry.label, f"{entry.label}.{name}"):
                yield entry, name, value


def explain(
    con: DuckDBPyConnection, mapping: HospitalMapping, code: str, field: str | None = None, day: date | None = None
) -> list[Explanation]:
    """Explain `code` in every look-up whose source holds it; when none does, in those that know it.

    `day` leaves out the windows of other days. Needs what `create_inputs` makes.
    """
    wanted = list(lookups_of(mapping, field))
    held = [_Asked(con, mapping, *item, code, day) for item in wanted]
    found = [e for asked in held if (records := asked.collect()) for e in asked.explain(records)]
    if found:
        return found
    return [e for asked in held if asked.suppose() for e in asked.explain(0) if field or _known(e)]


def _known(explanation: Explanation) -> bool:
    return any(found.known for attempt in explanation.attempts for found in attempt.found)


class _Asked:
    """A code held against one look-up; the engine's tables `code` and `candidate` are those of the last one asked."""

    def __init__(
        self, con: DuckDBPyConnection, mapping: HospitalMapping, entry: Entry, name: str, lookup: Lookup, code: str,
        day: date | None,
    ) -> None:  # fmt: skip
        self.con = con
        self.mapping = mapping
        self.entry = entry
        self.name = name
        self.lookup = lookup
        self.code = code
        self.day = day
        self.keys = keys_of_lookup(lookup)
        self.only = narrowing(entry, name)

    def collect(self) -> int:
        """Make the table `code` of the rows that hold the code; returns how many rows."""
        relation, known = source_relation(self.mapping, self.entry)
        first, *others = [f"omop_blank({render(k, known)}::varchar)" for k in self.keys]
        holds = " or ".join(f"{k} = {literal(self.code)}" for k in (first, *others))
        narrowed = f" and ({self.only.format(code=first)})" if self.only else ""
        rows = f"(select * from {relation} where {first} is not null and ({holds}){narrowed})"
        counted = self.con.execute(f"select count(*) from {rows}").fetchone()
        if not counted or not counted[0]:
            return 0
        collect_codes(self.con, self.lookup, rows, known, self.only)
        return int(counted[0])

    def suppose(self) -> bool:
        """Make the table `code` as if a row held the code in every column that is looked up."""
        keys = ", ".join(f"{literal(self.code)} as k{i}" for i in range(len(self.keys)))
        taken = self.only.format(code="k0") if self.only else "true"
        self.con.execute(
            f"create or replace temp table code as select *, null::varchar as description from (select {keys}) "
            f"where {taken}"
        )
        return bool(self.con.execute("select 1 from code").fetchone())

    def explain(self, records: int) -> Iterator[Explanation]:
        """What becomes of the code, for each combination with the codes of other columns."""
        choose(self.con, self.mapping, self.lookup, f"temp.{_CHOSEN}", self.entry.target)
        keys = ", ".join(f"k{i}" for i in range(len(self.keys)))
        for *values, description in self.con.execute(f"select {keys}, description from code order by all").fetchall():
            here = " and ".join(f"k{i} is not distinct from {_text(v)}" for i, v in enumerate(values))
            yield Explanation(
                self.entry.label,
                self.name,
                self.entry.from_,
                records,
                dict(zip(self.keys, values, strict=True)),
                description,
                tuple(self._attempt(i, step, key, here) for i, (step, key) in enumerate(steps_of(self.lookup))),
                tuple(self._meanings(here)),
            )

    def _on_the_day(self) -> str:
        if self.day is None:
            return "true"
        return f"date {literal(self.day.isoformat())} >= valid_from and date {literal(self.day.isoformat())} < valid_to"

    def _attempt(self, number: int, step: Step, key: int, here: str) -> Attempt:
        plain = step.model_copy(update={"through": None})
        cleaned = self.con.execute(f"select cleaned from ({searched(plain, key, self.mapping)}) where {here}").fetchone()
        rows = self.con.execute(
            f"select distinct valid_from, valid_to, code, outside from ({searched(step, key, self.mapping)}) "
            f"where {here} and {self._on_the_day()} order by all"
        ).fetchall()
        codes = list(dict.fromkeys(code for _, _, code, _ in rows if code is not None))
        return Attempt(
            number,
            step.code or self.lookup.code,
            step.clean,
            cleaned[0] if cleaned else None,
            step.through,
            tuple(Window(_first(f), _last(u), c, o) for f, u, c, o in rows) if step.through else (),
            "map" if step.map else "vocabulary",
            step.map or step.vocabulary or "",
            step.prefix,
            tuple(self._found(number, step, code, here) for code in codes),
        )

    def _found(self, number: int, step: Step, code: str, here: str) -> Found:
        source = self.con.execute(
            f"select any_value(source_id) from candidate where step = {number} and code = {literal(code)} and {here}"
        ).fetchone()
        source_id = source[0] if source else None
        if step.map:
            said = self.con.execute(
                f"select distinct concept_id from map.{quote(step.map)} where code = {literal(code)} order by all"
            ).fetchall()
        else:
            # a standard concept without a relationship stands for itself
            said = self.con.execute(
                f"""
                select concept_id_2 from vocab.concept_relationship
                where concept_id_1 = {source_id or 0} and relationship_id = 'Maps to' and invalid_reason is null
                union select target_id from vocab.maps_to where concept_id = {source_id or 0} order by all
                """
            ).fetchall()
        targets = tuple(c for (i,) in said if (c := self._concept(i)) is not None)
        return Found(code, self._concept(source_id), bool(source_id) or bool(said), targets)

    def _meanings(self, here: str) -> Iterator[Meaning]:
        rows = self.con.execute(
            f"""
            select valid_from, valid_to, step, source_id, list(concept_id order by n), list(value_id order by n),
              list(target order by n)
            from temp.{_CHOSEN} where {here} and {self._on_the_day()} group by all order by valid_from
            """
        ).fetchall()
        routed = self.entry.shape.event is not None and self.name == "concept"
        for first, until, step, source_id, targets, values, tables in rows:
            chosen = tuple(
                Chosen(self._concept(c), self._concept(v), t if routed else None)
                for c, v, t in zip(targets, values, tables, strict=True)
            )
            yield Meaning(_first(first), _last(until), step, self._concept(source_id), chosen)

    def _concept(self, concept_id: int | None) -> Concept | None:
        if not concept_id:
            return None
        row = self.con.execute(
            "select concept_name, domain_id, vocabulary_id, concept_code, coalesce(standard_concept = 'S', false), "
            f"invalid_reason, valid_start_date, valid_end_date from vocab.concept where concept_id = {concept_id}"
        ).fetchone()
        return Concept(concept_id, *row) if row else Concept(concept_id, *[None] * 4, False, None, None, None)


def _text(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _first(day: date) -> date | None:
    return None if day == date.min else day


def _last(until: date) -> date | None:
    """The last day before `until`, which is the first day no more."""
    return None if until == date.max else date.fromordinal(until.toordinal() - 1)
