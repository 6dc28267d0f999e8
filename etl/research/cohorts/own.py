"""Reads a cohort as it is written in a data set's YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from etl.research.cohorts import conditions as sql
from etl.research.cohorts.model import (
    Around,
    Cohort,
    ConceptSet,
    Condition,
    Counted,
    Criterion,
    Entry,
    Exit,
    Group,
    Person,
    Rule,
    Window,
)
from etl.research.cohorts.records import records
from etl.research.cohorts.said import Said
from etl.research.cohorts.sets_read import read_sets

_COHORT = ("concept_sets", "entry", "rules", "exit", "washout", "episodes")
_RECORD = ("table", "of", "first", "value", "visit", "age", "sex")
_ENTRY = (*_RECORD, "prior_observation", "follow_up")
_AROUND = (*_RECORD, "within", "count", "same_visit", "outside_observation")
_GROUPS = ("any", "all", "none")
_SEXES = {"male": 8507, "female": 8532}
_DIFFERENT: Mapping[str, Counted] = {
    "day": "start",
    "concept": "concept",
    "visit": "visit",
}


def read_own(said: Said, folder: Path) -> Cohort:
    """The cohort; what is wrong is kept in `said.wrong`."""
    said.only(_COHORT)
    sets = read_sets(said.at("concept_sets"), folder)
    read = _Read(sets)
    entries = tuple(read.entry(each) for each in said.at("entry").each())
    if not entries:
        said.at("entry").add("is empty: nothing lets a person in")
    return Cohort(
        sets=tuple(sets.items()),
        entries=entries,
        rules=tuple(read.rule(each) for each in said.at("rules").each()),
        exit=read.exit(said.at("exit")),
        washout=_days(said.at("washout")),
        first_episode=said.at("episodes").one_of(("all", "first"), "all") == "first",
    )


def _days(said: Said) -> int | None:
    days = said.maybe_integer()
    if days is not None and days < 0:
        said.add("has to be a number of days, 0 or more")
    return days


@dataclass
class _Read:
    sets: Mapping[str, ConceptSet]

    def entry(self, said: Said) -> Entry:
        said.only(_ENTRY)
        return Entry(
            self._criterion(said), _days(said.at("prior_observation")) or 0, _days(said.at("follow_up")) or 0
        )  # fmt: skip

    def rule(self, said: Said) -> Rule:
        name = said.at("name")
        if not name.text():
            name.add("is missing: attrition is told by it")
        return Rule(name.text(), _grouped(self._part(said, ("name",))))

    def _part(self, said: Said, beside: tuple[str, ...] = ()) -> Around | Person | Group:
        kinds = [kind for kind in _GROUPS if said.has(kind)]
        if kinds:
            said.only((*beside, *_GROUPS))
            groups = tuple(self._group(said.at(kind), kind) for kind in kinds)
            return groups[0] if len(groups) == 1 else Group("=", len(groups), groups)
        if not said.has("of") and not said.has("table"):
            said.only((*beside, "age", "sex"))
            conditions = self._person(said)
            if not conditions:
                said.add("asks for nothing: write any, all, none, or table and of, or age or sex")
            return Person(tuple(conditions))
        said.only((*beside, *_AROUND))
        return self._around(said)

    def _group(self, said: Said, kind: str) -> Group:
        parts = tuple(self._part(each) for each in said.each())
        if not parts:
            said.add("is empty")
        if kind == "none":
            return Group("<=", 0, parts)
        return Group(">=", 1, parts) if kind == "any" else Group("=", len(parts), parts)

    def _around(self, said: Said) -> Around | Group:
        count = said.at("count")
        if count:
            count.only(("min", "max", "different"))
        named = count.at("different")
        counted: Counted = _DIFFERENT[named.one_of(_DIFFERENT, "day")] if named else "event"
        low, high = _days(count.at("min")), _days(count.at("max"))
        if low is not None and high is not None and low > high:
            count.add(f"is never met: at least {low} and at most {high}")
        asked = [(">=", low if low is not None else 1)] if low is not None or high is None else []
        asked += [("<=", high)] if high is not None else []
        criterion, window = self._criterion(said), _window(said.at("within"))
        inside, same = not said.at("outside_observation").yes(), said.at("same_visit").yes()
        found = [Around(criterion, window, None, op, number, counted, inside, same) for op, number in asked]
        return found[0] if len(found) == 1 else Group("=", len(found), tuple(found))

    def _criterion(self, said: Said) -> Criterion:
        table = said.at("table").one_of(records(), "condition_occurrence")
        of = self._set(said.at("of"))
        conditions = tuple(
            self._person(said) + self._value(said.at("value"), table) + self._visit(said.at("visit"), table)
        )
        first = said.at("first").yes()
        if table == "episode":  # the disease that an episode is of
            return Criterion(table, None, of, first, conditions)
        if of and not records()[table].concept:
            said.at("of").add(f"{table} has no concepts")
        return Criterion(table, of, None, first, conditions)

    def _set(self, said: Said) -> ConceptSet | None:
        name = said.text()
        if said and name not in self.sets:
            said.one_of(self.sets, "")
        return self.sets.get(name)

    def _person(self, said: Said) -> list[Condition]:
        found = []
        if said.has("age"):
            age = said.at("age")
            age.only(("min", "max"))
            low, high = age.at("min").maybe_integer(), age.at("max").maybe_integer()
            found += _between("age", age, None if low is None else str(low), None if high is None else str(high))
        if said.has("sex"):
            found.append(Condition("gender", f"= {_SEXES[said.at('sex').one_of(_SEXES, 'male')]}"))
        return found

    def _value(self, said: Said, table: str) -> list[Condition]:
        if not said:
            return []
        said.only(("min", "max", "unit", "concepts"))
        if not records()[table].has("value_as_number"):
            said.add(f"records of {table} have no value")
            return []
        found = []
        low, high = said.at("min").number(), said.at("max").number()
        if low is not None or high is not None:
            ends = [None if end is None else repr(end) for end in (low, high)]
            found += _between("value_as_number", said, *ends)
        if said.has("unit"):
            unit = said.at("unit")
            units = unit.each() if isinstance(unit.value, list) else [unit]
            found.append(Condition("unit_concept_id", sql.among(each.integer() for each in units)))
        if said.has("concepts"):
            concepts = [each.integer() for each in said.at("concepts").each()]
            found.append(Condition("value_as_concept_id", sql.among(concepts)))
        return found

    def _visit(self, said: Said, table: str) -> list[Condition]:
        if not said:
            return []
        if not records()[table].has("visit_type"):
            said.add(f"records of {table} belong to no visit")
            return []
        return [Condition("visit_type", sql.among(each.integer() for each in said.each()))]

    def exit(self, said: Said) -> Exit:
        if said.value in (None, "end_of_observation"):
            return Exit()
        said.only(("after", "after_end", "continuous_drug"))
        if said.has("continuous_drug"):
            return self._drug(said.at("continuous_drug"))
        after = said.at("after")
        if isinstance(after.value, dict):
            after.only(("continuous_drug",))
            return self._drug(after.at("continuous_drug"))
        if after.value == "end_of_observation":
            return Exit()
        if said.has("after_end"):
            return Exit("end", _days(said.at("after_end")) or 0)
        if not said.has("after"):
            said.add("asks for nothing: write after: DAYS, after: end_of_observation, after_end or continuous_drug")
        return Exit("start", _days(after) or 0)

    def _drug(self, said: Said) -> Exit:
        said.only(("of", "gap", "longer", "days_supply"))
        of = self._set(said.at("of"))
        if not said.has("of"):
            said.at("of").add("is missing")
        return Exit(
            "drug", _days(said.at("longer")) or 0, of, _days(said.at("gap")) or 0, _days(said.at("days_supply"))
        )  # fmt: skip


def _grouped(part: Around | Person | Group) -> Group:
    return part if isinstance(part, Group) else Group("=", 1, (part,))


def _between(field: str, said: Said, low: str | None, high: str | None) -> list[Condition]:
    if low is None and high is None:
        said.add("asks for nothing: write min or max")
        return []
    if low is not None and high is not None and float(low) > float(high):
        said.add(f"is never met: from {low} to {high}")
    return [Condition(field, sql.between(low, high))]


def _window(said: Said) -> Window:
    if said.value is None:
        return Window(None, None)
    ends = said.each()
    if len(ends) != 2:
        said.add("has to be two days around the entry, such as [-365, 0]; null is the end of the observation")
        return Window(None, None)
    low, high = (end.maybe_integer() for end in ends)
    if low is not None and high is not None and low > high:
        said.add(f"ends before it starts: from day {low} to day {high}")
    return Window(low, high)
