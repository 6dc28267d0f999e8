"""The Data Quality Dashboard's checks for CDM v5.4 as it defines them, one plain query a check, from OHDSI's own files.

Written apart from `etl.quality.battery`, which must give the same figures. Nothing here is fast.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.settings import PROJECT

CONTROL = Path(os.environ.get("ETL_TEST_DATA") or PROJECT.parent / "shared" / "data") / "dqd_v5.4"

_LEFT_OUT = {
    "concept", "vocabulary", "domain", "concept_class", "concept_relationship", "relationship", "concept_synonym",
    "concept_ancestor",
}  # fmt: skip
_OF_ITS_SOURCE = (
    "unit", "route", "status", "modifier", "qualifier", "cause", "anatomic_site", "disease_status", "admitted_from",
    "discharged_to", "country", "place_of_service", "specialty", "payer", "plan", "sponsor", "stop_reason",
)  # fmt: skip
_YEAR = "cast(p.year_of_birth as integer)"
_BIRTH = (
    f"coalesce(cast(p.birth_datetime as date), make_date({_YEAR}, "
    "coalesce(cast(p.month_of_birth as integer), 1), coalesce(cast(p.day_of_birth as integer), 1)))"
)
_JUNE = f"coalesce(cast(p.birth_datetime as date), make_date({_YEAR}, 6, 1))"


@dataclass(frozen=True)
class Definition:
    """A check: its id in the dashboard's results, and queries for how many are violated and of how many."""

    id: str
    name: str
    table: str
    field: str
    violated: str
    of: str
    threshold: float | None
    level: str


def definitions(folder: Path, night: str) -> Iterator[Definition]:
    """All checks of the control files in a folder, as they stand on a night (ISO)."""
    yield from _of_tables(_read(folder, "Table"))
    yield from _of_fields(_read(folder, "Field"), night)
    yield from _of_concepts(_read(folder, "Concept"))


def _read(folder: Path, level: str) -> list[dict[str, str]]:
    with (folder / f"OMOP_CDMv5.4_{level}_Level.csv").open(encoding="utf-8-sig", errors="replace", newline="") as f:
        rows = list(csv.DictReader(f))
    for row in rows:
        row["table"], row["field"] = row["cdmTableName"].lower(), row.get("cdmFieldName", "").lower()
    return [r for r in rows if r["table"] not in _LEFT_OUT and (r["table"], r["field"]) != ("note_nlp", "offset")]


def _number(text: str) -> float | None:
    return float(text) if text.strip() else None


def _of_tables(rows: list[dict[str, str]]) -> Iterator[Definition]:
    def made(name: str, row: dict[str, str], violated: str, of: str) -> Definition:
        threshold = _number(row.get(f"{name}Threshold", ""))
        return Definition(f"table_{name}_{row['table']}".lower(), name, row["table"], "", violated, of, threshold, "T")

    for row in rows:
        t = row["table"]
        yield made("cdmTable", row, "", "")
        if row["measurePersonCompleteness"] == "Yes":
            yield made(
                "measurePersonCompleteness", row,
                f"select count(*) from person p left join {t} t on t.person_id = p.person_id where t.person_id is null",
                "select count(*) from person",
            )  # fmt: skip
        if row["measureConditionEraCompleteness"] == "Yes":
            having = "from condition_occurrence c where c.condition_concept_id <> 0"
            yield made(
                "measureConditionEraCompleteness", row,
                f"select count(distinct c.person_id) {having} and not exists "
                "(select 1 from condition_era e where e.person_id = c.person_id)",
                f"select count(distinct c.person_id) {having}",
            )  # fmt: skip
        if row["measureObservationPeriodOverlap"] == "Yes":
            yield made(
                "measureObservationPeriodOverlap", row,
                "select count(distinct a.person_id) from observation_period a, observation_period b "
                "where a.person_id = b.person_id and a.observation_period_id <> b.observation_period_id "
                "and a.observation_period_start_date <= b.observation_period_end_date + 1 "
                "and b.observation_period_start_date <= a.observation_period_end_date + 1",
                "select count(distinct person_id) from observation_period",
            )  # fmt: skip


def _bound(text: str, night: str) -> str:
    if text == "DATEADD(dd,1,GETDATE())":
        return f"date '{night}' + 1"
    if text == "YEAR(GETDATE())+1":
        return f"year(date '{night}') + 1"
    return f"strptime({text}, '%Y%m%d')::date" if text.startswith("'") else text


def _source_value(table: str, field: str) -> str | None:
    """The source value of a concept field that may be empty where the source said nothing."""
    stem = field.replace("_source_concept_id", "").replace("_concept_id", "")
    of_source = any(stem == s or stem.endswith(f"_{s}") for s in _OF_ITS_SOURCE)
    return (
        f"{stem}_source_value"
        if table != "dose_era" and (of_source or (table, stem) == ("provider", "gender"))
        else None
    )


def _of_fields(rows: list[dict[str, str]], night: str) -> Iterator[Definition]:
    for row in rows:
        yield from _of_field(row, night)


def _of_field(row: dict[str, str], night: str) -> Iterator[Definition]:  # noqa: PLR0912
    t, f = row["table"], row["field"]
    every, there = f"select count(*) from {t}", f"select count(*) from {t} where {f} is not null"
    join_person = f"from {t} t join person p on p.person_id = t.person_id"
    join_death = f"from {t} t join death d on d.person_id = t.person_id"
    join_visit = f"from {t} t join visit_occurrence v on v.visit_occurrence_id = t.visit_occurrence_id"

    def made(name: str, violated: str, of: str, threshold: str | None = None) -> Definition:
        limit = _number(row.get(f"{name}Threshold", "") if threshold is None else threshold)
        return Definition(f"field_{name}_{t}_{f}".lower(), name, t, f, violated, of, limit, "F")

    yield made("cdmField", "", "", "")
    empty = f"select count(*) from {t} where {f} is null"
    if row["isRequired"] == "Yes":
        yield made("isRequired", empty, every)
    if row["measureValueCompleteness"] == "Yes":
        yield made("measureValueCompleteness", empty, every)
    if row["cdmDatatype"] == "integer":
        no_number = f"not regexp_full_match(cast({f} as varchar), '[-+]?[0-9]+')"
        yield made("cdmDatatype", f"select count(*) from {t} where {f} is not null and {no_number}", every)
    if row["isPrimaryKey"] == "Yes":
        twice = f"select {f} from {t} group by {f} having count(*) > 1"
        yield made("isPrimaryKey", f"select count(*) from {t} where {f} in ({twice})", every)
    if row["isForeignKey"] == "Yes":
        other, key = row["fkTableName"].lower(), row["fkFieldName"].lower()
        lost = f"t.{f} is not null and not exists (select 1 from {other} o where o.{key} = t.{f})"
        yield made("isForeignKey", f"select count(*) from {t} t where {lost}", every)
        known = f"from {t} t join concept c on c.concept_id = t.{f} where c.concept_id <> 0"
        if row["fkDomain"]:
            yield made("fkDomain", f"select count(*) {known} and c.domain_id <> '{row['fkDomain']}'", every)
        if row["fkClass"]:
            yield made("fkClass", f"select count(*) {known} and c.concept_class_id <> '{row['fkClass']}'", every)
    if row["isStandardValidConcept"] == "Yes":
        yield made(
            "isStandardValidConcept",
            f"select count(*) from {t} t join concept c on c.concept_id = t.{f} where c.concept_id <> 0 "
            "and (c.standard_concept is null or c.standard_concept <> 'S' or c.invalid_reason is not null)",
            there,
        )  # fmt: skip
    for name in ("standardConceptRecordCompleteness", "sourceConceptRecordCompleteness"):
        if row[name] == "Yes":
            said = _source_value(t, f)
            also = f" or ({f} is null and {said} is not null)" if said else ""
            of = f"{there} or {said} is not null" if said else there
            yield made(name, f"select count(*) from {t} where {f} = 0{also}", of)
    if row["sourceValueCompleteness"] == "Yes":
        standard, nothing = row["standardConceptFieldName"].lower(), f"(select 1 from {t} where {f} is null"
        yield made(
            "sourceValueCompleteness",
            f"select (select count(distinct {f}) from {t} where {standard} = 0) + "
            f"case when exists {nothing} and {standard} = 0) then 1 else 0 end",
            f"select (select count(distinct {f}) from {t}) + case when exists {nothing}) then 1 else 0 end",
        )  # fmt: skip
    for name, sign in (("plausibleValueLow", "<"), ("plausibleValueHigh", ">")):
        if row[name]:
            bound = _bound(row[name], night)
            column = f"cast({f} as date)" if "date" in bound and "year(" not in bound else f
            yield made(name, f"select count(*) from {t} where {column} {sign} {bound}", there)
    if row["plausibleStartBeforeEnd"] == "Yes":
        end = row["plausibleStartBeforeEndFieldName"].lower()
        both = f"from {t} where {f} is not null and {end} is not null"
        yield made(
            "plausibleStartBeforeEnd", f"select count(*) {both} and cast({f} as date) > cast({end} as date)",
            f"select count(*) {both}",
        )  # fmt: skip
    if row["plausibleTemporalAfter"] == "Yes":
        if row["plausibleTemporalAfterTableName"] == "PERSON":
            early = f"select count(*) {join_person} where {_JUNE} > cast(t.{f} as date)"
        else:
            first = row["plausibleTemporalAfterFieldName"].lower()
            early = f"select count(*) from {t} where cast({first} as date) > cast({f} as date)"
        yield made("plausibleTemporalAfter", early, every)
    if row["plausibleAfterBirth"] == "Yes":
        yield made("plausibleAfterBirth", f"select count(*) {join_person} where cast(t.{f} as date) < {_BIRTH}", there)
    late = f"select count(*) {join_death} where cast(t.{f} as date) > cast(d.death_date as date) + 60"
    if row["plausibleDuringLife"] == "Yes":
        yield made(
            "plausibleDuringLife", late, f"select count(*) from {t} where person_id in (select person_id from death)"
        )
    if row["plausibleBeforeDeath"] == "Yes":
        yield made("plausibleBeforeDeath", late, f"select count(*) {join_death} where t.{f} is not null")
    if row["withinVisitDates"] == "Yes":
        outside = (
            f"cast(t.{f} as date) < cast(v.visit_start_date as date) - 7 "
            f"or cast(t.{f} as date) > cast(v.visit_end_date as date) + 7"
        )
        yield made("withinVisitDates", f"select count(*) {join_visit} where {outside}", f"select count(*) {join_visit}")


def _of_concepts(rows: list[dict[str, str]]) -> Iterator[Definition]:
    genders = {"Male": 8507, "Female": 8532}
    for row in rows:
        t, f, ids = row["table"], row["field"], row["conceptId"].replace(" ", "")

        def made(name: str, violated: str, of: str, row: dict[str, str] = row) -> Definition:
            id_ = f"concept_{name}_{row['table']}_{row['field']}_{row['conceptId'].replace(' ', '')}".lower()
            limit = _number(row[f"{name}Threshold"])
            return Definition(id_, name, row["table"], row["field"], violated, of, limit, "C")

        below = f"(select descendant_concept_id from concept_ancestor where ancestor_concept_id in ({ids}))"
        for name, where in (("plausibleGender", f"({ids})"), ("plausibleGenderUseDescendants", below)):
            if row[name]:
                yield made(
                    name,
                    f"select count(*) from {t} t join person p on p.person_id = t.person_id where t.{f} in {where} "
                    f"and p.gender_concept_id <> {genders[row[name]]}",
                    f"select count(*) from {t} t where t.{f} in {where}",
                )  # fmt: skip
        if row["plausibleUnitConceptIdsThreshold"]:
            units = row["plausibleUnitConceptIds"]
            listed = "" if units == "-1" else f" and unit_concept_id not in ({units})"
            mine = f"from {t} where {f} in ({ids})"
            yield made(
                "plausibleUnitConceptIds",
                f"select count(*) {mine} and unit_concept_id is not null and unit_concept_id <> 0{listed}",
                f"select count(*) {mine} and (unit_concept_id is null or unit_concept_id <> 0)",
            )  # fmt: skip


def _rows(con: DuckDBPyConnection, table: str) -> int:
    return int((con.execute(f"select count(*) from {table}").fetchone() or (0,))[0])


def verdict(con: DuckDBPyConnection, of: Definition) -> tuple[int, int, str]:  # noqa: PLR0911
    """Violated, of how many, and status of one check: its two queries, and what it needs to be applicable."""
    tables = {t for (t,) in con.execute("select table_name from information_schema.tables").fetchall()}
    if of.name == "cdmTable":
        return (0, 1, "passed") if of.table in tables else (1, 1, "failed")
    fields = {f for f, *_ in con.execute(f"describe {of.table}").fetchall()} if of.table in tables else set()
    if of.name == "cdmField":
        return (0, 1, "passed") if of.field in fields else (1, 1, "failed")
    if of.table not in tables or (of.field and of.field not in fields):
        return 0, 0, "notApplicable"
    needs = "condition_occurrence" if of.name == "measureConditionEraCompleteness" else of.table
    if not all(_rows(con, t) for t in {needs, of.table} & tables):
        return 0, 0, "notApplicable"
    try:
        ((violated,), (n,)) = con.execute(of.violated).fetchone() or (0,), con.execute(of.of).fetchone() or (0,)
    except duckdb.Error:
        return 0, 0, "error"
    if of.field and of.name != "measureValueCompleteness":
        (filled,) = con.execute(f"select count({of.field}) from {of.table}").fetchone() or (0,)
        if not filled or (of.level == "C" and not n):
            return violated, n, "notApplicable"
    share = 100 * violated / n if n else 0
    failed = share > of.threshold if of.threshold else violated > 0
    return violated, n, "failed" if failed else "passed"


def unlike(con: DuckDBPyConnection, found: dict[str, tuple[int, int, str]], night: str) -> dict[str, object]:
    """Of what was found by id of the check (violated, of how many, status): what its definition says otherwise."""
    wrong: dict[str, object] = {}
    for definition in definitions(CONTROL, night):
        said, given = verdict(con, definition), found.get(definition.id, (0, 0, "not asked"))
        answered = said[2] in ("passed", "failed")
        if given != said if answered else given[2] != said[2]:
            wrong[definition.id] = (given, said)
    return wrong
