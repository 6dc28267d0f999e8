"""Checks that need what a concept is. Rows are counted by concept first, so that few have to be looked up."""

from __future__ import annotations

from collections.abc import Sequence

from etl.quality.battery.checks import Check
from etl.quality.battery.schema import Schema
from etl.quality.battery.statement import WHOLE, Statement, is_concept, long, named
from etl.sql import literal, quote

_GENDERS = {"Male": 8507, "Female": 8532}


def concepts_of(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """What the concepts of a table are: each field's are counted first, so that few are looked up."""
    mine = [c for c in named(asked, "isForeignKey") if is_concept(c)]
    mine += named(asked, "fkDomain", "fkClass", "isStandardValidConcept")
    if not mine or not schema.has("concept", "concept_id"):
        return None
    hospital = schema.hospital(table)
    fields = list(dict.fromkeys(c.field for c in mine))
    counted = " union all ".join(
        f"select {n} as field, {hospital} as hospital, t.{quote(f)} as concept, count(*) as n from {table} t "
        f"where t.{quote(f)} is not null group by 2, 3"
        for n, f in enumerate(fields)
    )
    wrong = {
        "isForeignKey": "c.concept_id is null",
        "fkDomain": "u.concept <> 0 and c.domain_id <> {0}",
        "fkClass": "u.concept <> 0 and c.concept_class_id <> {0}",
        "isStandardValidConcept": "u.concept <> 0 and c.concept_id is not null "
        "and (c.standard_concept is distinct from 'S' or c.invalid_reason is not null)",
    }
    figures = ", ".join(
        f"coalesce(sum(u.n) filter (where u.field = {fields.index(c.field)} "
        f"and {wrong[c.type.name].format(literal(c.argument))}), 0)::bigint as f{i}"
        for i, c in enumerate(mine, 1)
    )
    sql = f"select u.hospital, {figures} from ({counted}) u left join concept c on c.concept_id = u.concept group by 1"
    return Statement(table, sql, mine, concepts_of, cells=[(c, i, None) for i, c in enumerate(mine, 1)])


def values_of(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """How many different source values are mapped: of each hospital, and of all, which may have some in common."""
    mine = [c for c in named(asked, "sourceValueCompleteness") if schema.has(table, c.argument)]
    if not mine:
        return None
    parts = [
        f"select {i} as place, {schema.hospital(table)} as hospital, t.{quote(c.field)} as value, "
        f"coalesce(bool_or(t.{quote(c.argument)} = 0), false) as unmapped from {table} t group by 2, 3"
        for i, c in enumerate(mine)
    ]
    sql = (
        f"with u as materialized ({' union all '.join(parts)}) "
        "select hospital, place, count(*) filter (where unmapped), count(*) from u group by 1, 2 union all "
        f"select {WHOLE}, place, count(*) filter (where unmapped), count(*) "
        "from (select place, value, bool_or(unmapped) as unmapped from u group by 1, 2) w group by 2"
    )
    return long(values_of, table, mine, sql)


def genders_of(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """Whether the persons of a concept's rows are of its gender."""
    mine = named(asked, "plausibleGender", "plausibleGenderUseDescendants")
    if not mine or not schema.has(table, "person_id") or not schema.has("person", "person_id", "gender_concept_id"):
        return None
    single = [
        f"({i}, {concept}, {_GENDERS[c.argument]})"
        for i, c in enumerate(mine)
        for concept in c.concepts
        if c.type.name == "plausibleGender"
    ]
    above = [
        f"({i}, {concept}, {_GENDERS[c.argument]})"
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
    return long(genders_of, table, mine, sql)


def units_of(table: str, asked: Sequence[Check], schema: Schema, _: str) -> Statement | None:
    """Whether rows of a concept are in a unit that it is measured in; -1 among the units: in none."""
    mine = named(asked, "plausibleUnitConceptIds")
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
    return long(units_of, table, mine, sql)
