"""How a code is looked up, step by step, and where it ends: the tables of the mapping itself, kept and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, timedelta

from duckdb import DuckDBPyConnection

from etl.mapping.compile.lookup import choose, collect_codes, narrowed, searched
from etl.mapping.compile.masters import step_query
from etl.mapping.compile.relation import source_relation
from etl.mapping.compile.status import filtered
from etl.mapping.explain.constants import explain_constants
from etl.mapping.explain.explanation import Attempt, Chosen, Explanation, Found, Hop, Meaning, Window
from etl.mapping.explain.release import concept_of
from etl.mapping.language.entries import Entry
from etl.mapping.language.lookups import Lookup, Step
from etl.mapping.language.mapping import HospitalMapping
from etl.pages.disclosure import few, in_steps
from etl.sql import literal, quote

_CHOSEN = "chosen_code"
_MOST = 5  # combinations with the codes of other columns that are told
# the codes of one combination, how many records hold it, and how many more that `where` leaves out
_Case = tuple[tuple[str | None, ...], int, int]


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

    Entries with a constant concept whose rows hold the code come last. `day` leaves out the windows of other days.
    Needs what `create_inputs` makes.
    """
    wanted = list(lookups_of(mapping, field))
    asked = [_Asked(con, mapping, *item, code, day) for item in wanted]
    held = [e for one in asked for e in one.explain(one.collect())]
    held += explain_constants(con, mapping, code, field)
    told = [_told(e, mapping.hospital.small_cell) for e in held]
    return told or [e for one in asked for e in one.explain(one.suppose()) if field or _known(e)]


def _told(explanation: Explanation, small_cell: int) -> Explanation:
    """The explanation with no more of few records than may be told."""
    fewer_than = few(small_cell, explanation.records, explanation.left_out)
    records, left_out = (in_steps(n, fewer_than) for n in (explanation.records, explanation.left_out))
    return replace(explanation, records=records, left_out=left_out, fewer_than=fewer_than)


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
        self.keys = [key.label for key in lookup.keys]
        self.result = entry.shape.kinds[name] == "result"

    def collect(self) -> list[_Case]:
        """Make the table `code` of the rows that hold the code; returns the most frequent combinations of codes."""
        rows = source_relation(self.mapping, self.entry)
        selected = ", ".join(f"{sql} as k{i}" for i, sql in enumerate(narrowed(self.lookup, rows, result=self.result)))
        keys = [f"k{i}" for i in range(len(self.keys))]
        holds = " or ".join(f"{k} = {literal(self.code)}" for k in keys)
        rule = filtered(self.mapping.hospital, self.entry, rows)
        coded = f"(select *, {selected}, {rule} as _rule from {rows.sql})"
        cases = self.con.execute(
            f"select {', '.join(keys)}, count(*) filter (_rule is null) as records, "
            f"count(*) filter (_rule is not null) as left_out from {coded} where {holds} group by all "
            f"order by records desc, left_out desc, {', '.join(keys)} limit {_MOST}"
        ).fetchall()
        if cases:
            kept = replace(rows, sql=f"(select * exclude ({', '.join(keys)}, _rule) from {coded} where {holds})")
            collect_codes(self.con, self.lookup, kept, result=self.result)
        return [(tuple(codes), int(records), int(left_out)) for *codes, records, left_out in cases]

    def suppose(self) -> list[_Case]:
        """Make the table `code` as if a row held the code in every column that is looked up."""
        keys = ", ".join(f"{literal(self.code)} as k{i}" for i in range(len(self.keys)))
        taken = "omop_result_number(k0) is null" if self.result else "true"
        self.con.execute(
            f"create or replace temp table code as select *, null::varchar as description from (select {keys}) "
            f"where {taken}"
        )
        return [((self.code,) * len(self.keys), 0, 0)] if self.con.execute("select 1 from code").fetchone() else []

    def explain(self, cases: list[_Case]) -> Iterator[Explanation]:
        """What becomes of the code in each case that `collect` or `suppose` has just found."""
        if cases:
            choose(self.con, self.mapping, self.lookup, _CHOSEN, self.entry.target)
        for codes, records, left_out in cases:
            here = " and ".join(f"k{i} is not distinct from {_text(c)}" for i, c in enumerate(codes))
            described = self.con.execute(f"select description from code where {here}").fetchone()
            steps = [(step, self.lookup.keys.index(key)) for step, key in self.lookup.steps]
            yield Explanation(
                self.entry.label,
                self.name,
                self.entry.from_,
                records,
                left_out,
                dict(zip(self.keys, codes, strict=True)),
                described[0] if described else None,
                tuple(self._attempt(i, step, key, here) for i, (step, key) in enumerate(steps)),
                tuple(_joined(self._meanings(here))),
            )

    def _on_the_day(self) -> str:
        if self.day is None:
            return "true"
        return f"date {literal(self.day.isoformat())} >= valid_from and date {literal(self.day.isoformat())} < valid_to"

    def _attempt(self, number: int, step: Step, key: int, here: str) -> Attempt:
        plain = step.model_copy(update={"through": None})
        uncoded = searched(plain, key, self.mapping)
        cleaned = self.con.execute(f"select cleaned from ({uncoded}) where {here}").fetchone()
        rows = self.con.execute(
            f"select distinct valid_from, valid_to, code, outside from ({searched(step, key, self.mapping)}) "
            f"where {here} and {self._on_the_day()} order by all"
        ).fetchall()
        codes = list(dict.fromkeys(code for _, _, code, _ in rows if code is not None))
        searching = cleaned[0] if cleaned else None
        return Attempt(
            number + 1,
            self.keys[key],
            step.clean,
            searching,
            step.through,
            tuple(self._hops(step.through, searching)) if step.through and searching else (),
            tuple(Window(_first(f), _last(u), c, o) for f, u, c, o in rows) if step.through else (),
            "map" if step.map else "vocabulary",
            step.map or step.vocabulary or "",
            step.prefix,
            tuple(self._found(number, step, code, here) for code in codes),
        )

    def _hops(self, master: str, code: str) -> Iterator[Hop]:
        """What each look-up of a master makes of what the one before found, up to the first that finds nothing."""
        codes: tuple[str, ...] = (code,)
        for step in self.mapping.masters[master]:
            listed = ", ".join(map(literal, codes))
            rows = self.con.execute(
                f"select distinct target from ({step_query(self.mapping, step)}) where code in ({listed}) order by all"
            ).fetchall()
            codes = tuple(target for (target,) in rows)
            yield Hop(step.source, codes)
            if not codes:
                return

    def _found(self, number: int, step: Step, code: str, here: str) -> Found:
        source = self.con.execute(
            f"select any_value(source_id) from candidate where step = {number} and code = {literal(code)} and {here}"
        ).fetchone()
        source_id = source[0] if source else None
        if step.map:
            said = self.con.execute(
                f"select distinct concept_id from map.{quote(step.map)} "
                f"where code = {literal(code)} and {self._on_the_day()} order by all"
            ).fetchall()
        else:
            # a standard concept without a relationship stands for itself
            said = self.con.execute(
                f"""
                select concept_id_2 from vocab.concept_relationship
                where concept_id_1 = {source_id or 0} and relationship_id = 'Maps to' and invalid_reason is null
                union select target_id from vocab.maps_to
                where vocabulary_id = {literal(step.vocabulary or "")} and concept_id = {source_id or 0} order by all
                """
            ).fetchall()
        targets = tuple(c for (i,) in said if (c := concept_of(self.con, i)) is not None)
        return Found(code, concept_of(self.con, source_id), bool(source_id) or bool(said), targets)

    def _meanings(self, here: str) -> Iterator[Meaning]:
        rows = self.con.execute(
            f"""
            select valid_from, valid_to, step, source_id, list(concept_id order by n), list(value_id order by n),
              list(target order by n)
            from {_CHOSEN} where {here} and {self._on_the_day()} group by all order by valid_from
            """
        ).fetchall()
        routed = self.entry.shape.event is not None and self.name == "concept"
        for first, until, step, source_id, targets, values, tables in rows:
            chosen = tuple(
                Chosen(concept_of(self.con, c), concept_of(self.con, v), t if routed else None)
                for c, v, t in zip(targets, values, tables, strict=True)
            )
            won = None if step is None else step + 1
            yield Meaning(_first(first), _last(until), won, concept_of(self.con, source_id), chosen)


def _joined(meanings: Iterable[Meaning]) -> Iterator[Meaning]:
    """Meanings with those that follow each other and are the same made one."""
    held: Meaning | None = None
    for meaning in meanings:
        follows = held and held.last_day and meaning.first_day == held.last_day + timedelta(days=1)
        if held and follows and replace(meaning, first_day=held.first_day, last_day=held.last_day) == held:
            held = replace(held, last_day=meaning.last_day)
            continue
        if held:
            yield held
        held = meaning
    if held:
        yield held


def _text(value: str | None) -> str:
    return "null" if value is None else literal(value)


def _first(day: date) -> date | None:
    return None if day == date.min else day


def _last(until: date) -> date | None:
    """The last day before `until`, which is the first day no more."""
    return None if until == date.max else until - timedelta(days=1)
