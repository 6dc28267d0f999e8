"""Checks that need what a concept is. Rows are counted by concept first, so that few have to be looked up."""

from __future__ import annotations

from collections.abc import Sequence

from etl.quality.battery.checks import Check
from etl.quality.battery.statement import WHOLE, Ground, Statement, is_concept, long, named
from etl.sql import literal, quote

GENDERS = {"Male": 8507, "Female": 8532}


def concepts_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """What the concepts are: the rows of all fields counted by concept, joined with a table of what each check asks."""
    mine = [c for c in named(asked, "isForeignKey") if is_concept(c)]
    mine += named(asked, "fkDomain", "fkClass", "isStandardValidConcept")
    if not mine or not ground.schema.has("concept", "concept_id"):
        return None
    fields = list(dict.fromkeys((c.table, c.field) for c in mine))
    counted = " union all ".join(
        _by_value(table, [(n, f) for n, (t, f) in enumerate(fields) if t == table], ground)
        for table in dict.fromkeys(t for t, _ in fields)
    )
    limits = ", ".join(
        f"({i}, {fields.index((c.table, c.field))}, {literal(c.type.name)}, {literal(c.argument)})"
        for i, c in enumerate(mine)
    )
    sql = (
        f"with u as materialized (select * from ({counted}) s where value is not null), "
        f"l(place, field, asks, argument) as (values {limits}) "
        "select u.hospital, l.place, sum(u.n)::bigint, null from u join l on l.field = u.field "
        "left join concept c on c.concept_id = u.value where case l.asks "
        "when 'isForeignKey' then c.concept_id is null "
        "when 'fkDomain' then u.value <> 0 and c.domain_id <> l.argument "
        "when 'fkClass' then u.value <> 0 and c.concept_class_id <> l.argument "
        "else u.value <> 0 and c.concept_id is not null "
        "and (c.standard_concept is distinct from 'S' or c.invalid_reason is not null) end group by 1, 2"
    )
    return long(concepts_of, mine, sql)


def _by_value(table: str, fields: Sequence[tuple[int, str]], ground: Ground) -> str:
    """SQL of how many rows, `n`, by `field` (its number), `hospital` and `value`: one pass for all fields.

    Rows are counted by all fields together first: concepts go with each other, so few combinations are left to count.
    """
    columns = ", ".join(f"t.{quote(f)} as f{n}" for n, f in fields)
    sets = ", ".join(f"(hospital, f{n})" for n, _ in fields)
    which = " ".join(f"when grouping(f{n}) = 0 then {n}" for n, _ in fields)
    value = " ".join(f"when grouping(f{n}) = 0 then f{n}" for n, _ in fields)
    rows = (
        f"(select {ground.schema.hospital(table)} as hospital, {columns}, count(*) as n from {table} t group by all) t"
    )
    return (
        f"select case {which} end as field, hospital, case {value} end as value, sum(n)::bigint as n from {rows} "
        f"group by grouping sets ({sets})"
    )


def values_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """How many different source values are mapped: of each hospital, and of all, which may have some in common."""
    mine = [c for c in named(asked, "sourceValueCompleteness") if ground.schema.has(c.table, c.argument)]
    if not mine:
        return None
    parts = [
        f"select {i} as place, {ground.schema.hospital(c.table)} as hospital, t.{quote(c.field)} as value, "
        f"coalesce(bool_or(t.{quote(c.argument)} = 0), false) as unmapped from {c.table} t group by 2, 3"
        for i, c in enumerate(mine)
    ]
    sql = (
        f"with u as materialized ({' union all '.join(parts)}) "
        "select hospital, place, count(*) filter (where unmapped), count(*) from u group by 1, 2 union all "
        f"select {WHOLE}, place, count(*) filter (where unmapped), count(*) "
        "from (select place, value, bool_or(unmapped) as unmapped from u group by 1, 2) w group by 2"
    )
    return long(values_of, mine, sql)


def genders_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Whether the persons of a concept's rows are of its gender. The checks are of one table."""
    mine = named(asked, "plausibleGender", "plausibleGenderUseDescendants")
    table, schema = asked[0].table, ground.schema
    if not mine or not schema.has(table, "person_id") or not schema.has("person", "person_id", "gender_concept_id"):
        return None
    single = [
        f"({i}, {concept}, {GENDERS[c.argument]})"
        for i, c in enumerate(mine)
        for concept in c.concepts
        if c.type.name == "plausibleGender"
    ]
    above = [
        f"({i}, {concept}, {GENDERS[c.argument]})"
        for i, c in enumerate(mine)
        for concept in c.concepts
        if c.type.name == "plausibleGenderUseDescendants"
    ]
    limits = [f"select * from (values {', '.join(single)}) s(place, concept, gender)"] if single else []
    if above and schema.has("concept_ancestor"):
        limits.append(
            "select distinct a.place, d.descendant_concept_id, a.gender from concept_ancestor d "
            f"join (values {', '.join(above)}) a(place, concept, gender) on a.concept = d.ancestor_concept_id"
        )
    column = quote(mine[0].field)
    sql = (
        f"with l as materialized ({' union all '.join(limits)}), "
        f"h as materialized (select {schema.hospital(table)} as hospital, t.person_id, t.{column} as concept "
        f"from {table} t where t.{column} in (select concept from l)), "
        "v as (select h.hospital, l.place, count(*) as n from h join l on l.concept = h.concept "
        "join person p on p.person_id = h.person_id where p.gender_concept_id <> l.gender group by 1, 2), "
        "o as (select h.hospital, l.place, count(*) as n from h join l on l.concept = h.concept group by 1, 2) "
        "select o.hospital, o.place, coalesce(v.n, 0), o.n from o "
        "left join v on v.place = o.place and v.hospital is not distinct from o.hospital"
    )
    return long(genders_of, mine, sql)


def units_of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Whether rows of a concept are in a unit that it is measured in; -1 among the units: in none.

    The checks are of one table.
    """
    mine = named(asked, "plausibleUnitConceptIds")
    table, schema = asked[0].table, ground.schema
    if not mine or not schema.has(table, "unit_concept_id"):
        return None
    limits = ", ".join(f"({i}, {concept})" for i, c in enumerate(mine) for concept in c.concepts)
    units = ", ".join(f"({i}, {unit})" for i, c in enumerate(mine) for unit in c.argument.split())
    column = quote(mine[0].field)
    sql = (
        f"with l(place, concept) as (values {limits}), u(place, unit) as (values {units}), "
        f"h as (select {schema.hospital(table)} as hospital, t.{column} as concept, t.unit_concept_id as unit, "
        f"count(*) as n from {table} t where t.{column} in (select concept from l) group by 1, 2, 3) "
        "select h.hospital, l.place, coalesce(sum(h.n) filter (where h.unit <> 0 and u.unit is null), 0)::bigint, "
        "coalesce(sum(h.n) filter (where h.unit is distinct from 0), 0)::bigint "
        "from h join l on l.concept = h.concept left join u on u.place = l.place and u.unit = h.unit group by 1, 2"
    )
    return long(units_of, mine, sql)
