"""Who is in the cohort of a `dataset.yaml`, by one plain query a data set: to judge data sets, and what compiles them.

It knows what the shipped ones say: entries, rules, and which events begin an episode; not when a person leaves.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from etl.yamls import load

DATASETS = Path(__file__).resolve().parents[1] / "datasets"
#: By table: its concept, its day, and whether its rows name a visit. An episode's concept is what it is about.
TABLES = {
    "condition_occurrence": ("condition_concept_id", "condition_start_date", True),
    "drug_exposure": ("drug_concept_id", "drug_exposure_start_date", True),
    "measurement": ("measurement_concept_id", "measurement_date", True),
    "procedure_occurrence": ("procedure_concept_id", "procedure_date", True),
    "device_exposure": ("device_concept_id", "device_exposure_start_date", True),
    "observation": ("observation_concept_id", "observation_date", True),
    "episode": ("episode_object_concept_id", "episode_start_date", False),
}


def shipped() -> dict[str, Path]:
    """The data sets by name."""
    return {file.parent.name: file for file in sorted(DATASETS.glob("*/dataset.yaml"))}


def cohort_of(file: Path) -> Any:
    """What a data set says of its cohort."""
    return load(file.read_text(encoding="utf-8"))["cohort"]


def starts(con: DuckDBPyConnection, file: Path) -> dict[int, Any]:
    """The first day of every person in the cohort, by person."""
    cohort = cohort_of(file)
    return dict(con.execute(f"select person_id, min(day) from ({episodes(cohort)}) group by person_id").fetchall())


def episodes(cohort: Any) -> str:
    """SQL of the persons and days on which episodes begin; `all`: those without an event in the wash-out before."""
    washout = cohort.get("washout", 0) if cohort["episodes"] == "all" else 1_000_000
    kept = f"earlier is null or day - earlier > {washout:d}"
    return (
        f"select person_id, day from (select *, lag(day) over (partition by person_id order by day) as earlier "
        f"from ({_qualified(cohort)})) where {kept}"
    )


def _qualified(cohort: Any) -> str:
    """SQL of the entry events that meet every rule."""
    sets = {name: concepts(said) for name, said in cohort["concept_sets"].items()}
    entries = " union ".join(_entry(each, sets) for each in cohort["entry"])
    rules = [
        "(" + f" {word} ".join(_around(each, sets) for each in rule[key]) + ")"
        for rule in cohort.get("rules", [])
        for key, word in (("any", "or"), ("all", "and"))
        if key in rule
    ]
    return f"select distinct person_id, day from ({entries}) e where {' and '.join(rules) or 'true'}"


def concepts(said: Any) -> str:
    """SQL of the concepts that a set means."""

    def union(key: str) -> str:
        return " union all ".join(
            f"select descendant_concept_id as id from concept_ancestor where ancestor_concept_id = {each['id']:d}"
            if each.get("descendants")
            else f"select {each['id']:d} as id"
            for each in said.get(key, [])
        )

    return f"{union('concepts')} except ({union('exclude')})" if said.get("exclude") else union("concepts")


def _entry(said: Any, sets: dict[str, str]) -> str:
    """SQL of entry events with the observation period that each lies in."""
    events = events_of(said, sets)
    if said.get("first"):
        events = f"select person_id, min(day) as day from ({events}) group by person_id"
    prior, youngest = said.get("prior_observation", 0), said.get("age", {}).get("min", 0)
    return (
        f"select v.person_id, v.day, o.observation_period_start_date as opens, o.observation_period_end_date as closes "
        f"from ({events}) v join person p on p.person_id = v.person_id join observation_period o on "
        f"o.person_id = v.person_id and v.day between o.observation_period_start_date + {prior:d} "
        f"and o.observation_period_end_date where year(v.day) - p.year_of_birth >= {youngest:d}"
    )


def events_of(said: Any, sets: dict[str, str]) -> str:
    """SQL of the records of a criterion: person_id and day."""
    concept, day, visits = TABLES[said["table"]]
    asked = [f"t.{concept} in ({sets[said['of']]})"]
    if "value" in said:
        asked.append(_value(said["value"]))
    join = ""
    if visits and "visit" in said:
        kinds = ", ".join(f"{each:d}" for each in said["visit"])
        join = " join visit_occurrence v on v.visit_occurrence_id = t.visit_occurrence_id"
        asked.append(f"v.visit_concept_id in ({kinds})")
    return f"select t.person_id, t.{day} as day from {said['table']} t{join} where {' and '.join(asked)}"


def _value(said: Any) -> str:
    """SQL condition: the value is one of some concepts, or a number between two in one of some units."""
    if "concepts" in said:
        return f"t.value_as_concept_id in ({', '.join(f'{each:d}' for each in said['concepts'])})"
    asked = [f"t.unit_concept_id in ({', '.join(f'{each:d}' for each in said['unit'])})"]
    asked += [f"t.value_as_number >= {said['min']}"] if "min" in said else []
    asked += [f"t.value_as_number <= {said['max']}"] if "max" in said else []
    return " and ".join(asked)


def _around(said: Any, sets: dict[str, str]) -> str:
    """SQL condition: as many records as asked for lie in a window around the event, in its observation period."""
    low, high = said["within"]
    count = said.get("count", {"min": 1})
    found = (
        f"(select count(*) from ({events_of(said, sets)}) r where r.person_id = e.person_id "
        f"and r.day - e.day between {low:d} and {high:d} and r.day between e.opens and e.closes)"
    )
    sides = [
        f"{found} >= {count['min']:d}" if "min" in count else "",
        f"{found} <= {count['max']:d}" if "max" in count else "",
    ]
    return "(" + " and ".join(filter(None, sides)) + ")"
