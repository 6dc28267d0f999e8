"""The rows that an entry reads: those of its source, made long where it says so, beside what it looks up elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etl.mapping.compile.fields import BESIDE_AMBIGUOUS, BESIDE_UNKNOWN
from etl.mapping.expression import Within, alternatives, columns_of, render
from etl.mapping.language.contract import Source
from etl.mapping.language.entries import Beside, Entry
from etl.mapping.language.landed import landed_columns_sql, person_columns
from etl.mapping.language.lookups import Key
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.reading import Reading
from etl.mapping.language.references import VISIT_COLUMNS
from etl.sql import literal, quote

VISIT_SPANS = 'referred."visit span"'  # (person, key, "visit.start", "visit.end")


@dataclass(frozen=True, slots=True)
class Rows:
    """SQL of the rows an entry reads (its own source's `_row`), and how expressions over them are written.

    `known` are the columns expressions may use, `within` is how they look at other rows of the patient (None: not at
    all), `beside` the other sources by the word in front of their columns.
    """

    sql: str
    known: list[str]
    source: Source
    within: Within | None
    beside: Mapping[str, Source] = field(default_factory=dict)

    def write(self, sql: str) -> str:
        """An expression as SQL of the engine."""
        return render(sql, self.known, within=self.within)

    def text(self, sql: str) -> str:
        """What an expression gives as text, NULL where that is blank."""
        return f"omop_blank({self.write(sql)}::varchar)"

    def code(self, key: Key) -> str:
        """What a step of a look-up takes for its code, as text: NULL in the rows that the step is not for."""
        text = self.text(key.code)
        return f"case when {self.write(key.when)} then {text} end" if key.when else text

    def reading(self, sql: str) -> Reading:
        """How what an expression gives is written: as its columns are, where they agree, else as the source's are."""
        found = {self._reading(column) for column in columns_of(sql, self.known)}
        return found.pop() if len(found) == 1 else self.source.reads

    def parts(self, sql: str) -> list[str]:
        """The parts of a `coalesce` that are not all written in the same way; of another expression itself."""
        parts = alternatives(sql, self.known)
        return parts if len({self.reading(part) for part in parts}) > 1 else [sql]

    def _reading(self, column: str) -> Reading:
        word, _, name = column.partition(".")
        if name and column not in self.source.declared:
            return self.beside[word].reading(name) if word in self.beside else Reading()
        return self.source.reading(column)


def source_relation(mapping: HospitalMapping, entry: Entry, schema: str | None = None) -> Rows:
    """The rows an entry reads, of the views of `schema`; by default those of the persons who are mapped."""
    source = mapping.sources[entry.from_]
    known = list(landed_columns_sql(source))
    # tables without persons are small and made of everybody's rows
    schema = schema or ("touched" if "person" in entry.shape.kinds else "landed")
    relation = f"{schema}.{quote(entry.from_)}"
    if entry.unpivot is not None:
        u = entry.unpivot
        names = ", ".join(literal(c) for c in u.columns)
        values = ", ".join(quote(c) for c in u.columns)
        wide = f"select *, unnest([{names}]) as {quote(u.name)}, unnest([{values}]) as {quote(u.value)} from {relation}"
        relation = f"(select * from ({wide}) where omop_blank({quote(u.value)}) is not null)"
        known += [u.name, u.value]
    persons = person_columns(source)
    person = entry.said().get("person") or (persons[0] if persons else None)
    within = Within(person, (*known, "_row")) if person else None
    beside = {word: mapping.sources[other.source] for word, other in entry.with_.items()}
    rows = Rows(relation, known, source, within, beside)
    rows = _looked_into(entry, rows, schema, person) if beside else rows
    return _naming_visits(rows) if _uses_visits(entry, rows) else rows


def _looked_into(entry: Entry, rows: Rows, schema: str, person: str | None) -> Rows:
    """The rows with the columns of other sources that the entry uses, as `<word>.<column>`."""
    known = [*rows.known, *(f"{word}.{c}" for word, s in rows.beside.items() for c in landed_columns_sql(s))]
    used = {c for sql in entry.expressions() for c in columns_of(sql, {*known, *_entities(rows.beside)})}
    joins, columns, unknown, ambiguous = [], [], [], []
    for i, (word, other) in enumerate(entry.with_.items()):
        alias, source = f"w{i}", rows.beside[word]
        taken = _taken(source, {c.partition(".")[2] for c in used if c.startswith(f"{word}.")})
        given = [rows.text(sql) for sql in other.on.values()]
        own, theirs = (person, next(iter(person_columns(source)), None)) if person else (None, None)
        on = [f"{alias}._on{n} = {sql}" for n, sql in enumerate(given)]
        on += [f"{alias}._on{len(given)} = r.{quote(own)}::varchar"] if own and theirs else []
        keys = [*other.on, *([theirs] if own and theirs else [])]
        # under names that none of the row's own columns has
        named = "".join(f", {quote(c)} as {quote(f'{word}.{c}')}" for c in taken)
        listed = ", ".join(f"_on{n}" for n, _ in enumerate(keys))
        one = f"select {listed}, _ambiguous{named} from ({_one_each(other, source, schema, keys, taken)})"
        joins.append(f"left join ({one}) {alias} on {' and '.join(on)}")
        columns += [f"{alias}.{quote(f'{word}.{c}')}" for c in taken]
        unknown.append(f"({alias}._on0 is null and {' and '.join(f'{sql} is not null' for sql in given)})")
        ambiguous.append(f"coalesce({alias}._ambiguous, false)")
    told = [f"{' or '.join(unknown)} as {BESIDE_UNKNOWN}", f"{' or '.join(ambiguous)} as {BESIDE_AMBIGUOUS}"]
    sql = f"(select r.*, {', '.join([*columns, *told])} from {rows.sql} r {' '.join(joins)})"
    return Rows(sql, known, rows.source, rows.within, rows.beside)


def _entities(beside: Mapping[str, Source]) -> set[str]:
    return {f"{word}.{name}" for word, source in beside.items() for name in source.declared}


def _taken(source: Source, names: set[str]) -> list[str]:
    """Landed columns of a source that stand for the columns `names`; of one that names an entity its id as well."""
    return [c for c in landed_columns_sql(source) if c in names or c.removesuffix("__id") in names]


def _one_each(other: Beside, source: Source, schema: str, keys: list[str], taken: list[str]) -> str:
    """SQL of one row per key of another source; where rows of a key differ and nobody said which counts, of none."""
    known = landed_columns_sql(source)
    named = ", ".join(f"omop_blank({quote(c)}::varchar) as _on{i}" for i, c in enumerate(keys))
    grouped = ", ".join(f"_on{i}" for i in range(len(keys)))
    filled = " and ".join(f"_on{i} is not null" for i in range(len(keys)))
    listed = ", ".join(map(quote, taken))
    prefer = [f"{render(sql, known)} as _by{i}" for i, sql in enumerate(other.prefer)]
    selected = ", ".join([named, *map(quote, taken), *prefer])
    rows = f"(select {selected} from {schema}.{quote(other.source)}) where {filled}"
    if other.prefer:
        order = ", ".join([*(f"_by{i} desc nulls last" for i in range(len(prefer))), *map(quote, taken)])
        return (
            f"select {', '.join([grouped, *map(quote, taken)])}, false as _ambiguous from {rows} "
            f"qualify row_number() over (partition by {grouped}{f' order by {order}'}) = 1"
        )
    differ = " or ".join(
        f"min({c}) is distinct from max({c}) or count({c}) not in (0, count(*))" for c in map(quote, taken)
    )
    one = ", ".join(f"min({c}) as {c}" for c in map(quote, taken))
    told = ", ".join(f"case when not _ambiguous then {c} end as {c}" for c in map(quote, taken))
    summed = f"select {grouped}, {one + ', ' if one else ''}{differ or 'false'} as _ambiguous from {rows} group by all"
    return f"select {grouped}, _ambiguous{', ' + told if told else ''} from ({summed})" if listed else summed


def _uses_visits(entry: Entry, rows: Rows) -> bool:
    known = {*rows.known, *VISIT_COLUMNS}
    return any(c in VISIT_COLUMNS for sql in entry.expressions() for c in columns_of(sql, known))


def _naming_visits(rows: Rows) -> Rows:
    """The rows with `visit.start` and `visit.end`, which nobody knows before the visits are written."""
    unknown = ", ".join(f"null::varchar as {quote(c)}" for c in VISIT_COLUMNS)
    return replace(rows, sql=f"(select *, {unknown} from {rows.sql})", known=[*rows.known, *VISIT_COLUMNS])


def with_visits(rows: Rows, entry: Entry) -> Rows:
    """The rows with the times of the visit they name, where the entry uses one of them.

    Needs what `etl.night.map.references` makes once the visits are written.
    """
    visit = entry.said().get("visit")
    if visit is None or VISIT_COLUMNS[0] not in rows.known:
        return rows
    person, key = quote(str(entry.said()["person"])), rows.text(str(visit))
    times = ", ".join(f"v.{quote(c)}::varchar as {quote(c)}" for c in VISIT_COLUMNS)
    sql = (
        f"(select r.* exclude (_visit_key) replace ({times}) from (select *, {key} as _visit_key from {rows.sql}) r "
        f"left join {VISIT_SPANS} v on v.person = r.{person} and v.key = r._visit_key)"
    )
    return replace(rows, sql=sql)
