"""Reads the criteria, groups and windows of Circe's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from etl.research.cohorts import conditions as sql
from etl.research.cohorts.model import Around, ConceptSet, Condition, Counted, Criterion, Group, Person, Window
from etl.research.cohorts.records import FIELDS, Part, parts, records
from etl.research.cohorts.said import Said

_COUNTED: Mapping[str, Counted] = {
    "DOMAIN_CONCEPT": "concept", "START_DATE": "start", "END_DATE": "end", "VISIT_ID": "visit",
}  # fmt: skip
_OPS = ("=", "<=", ">=")  # by Circe's numbers
_EDGE = ("Days", "Coeff")
_WINDOW = ("Start", "End", "UseIndexEnd", "UseEventEnd")
_AROUND = (
    "Criteria", "StartWindow", "EndWindow", "Occurrence", "RestrictVisit", "IgnoreObservationPeriod",
)  # fmt: skip
_GROUP = ("Type", "Count", "CriteriaList", "DemographicCriteriaList", "Groups")
_NOTHING = Criterion("observation_period")


@dataclass
class Criteria:
    """Reads criteria that name concept sets by number; `unsaid` are keys that only Circe's SQL says."""

    sets: Mapping[int, ConceptSet]
    unsaid: list[str] = field(default_factory=list)

    def criterion(self, said: Said) -> Criterion:
        """A criterion: a mapping of its one name to what it asks for."""
        known = parts()
        if not isinstance(said.value, dict) or len(said.value) != 1:
            said.add("has to be one criterion under its name, such as ConditionOccurrence")
            return _NOTHING
        name, body = said.items()[0]
        if name not in known or name == "Person":
            said.only([each for each in known if each != "Person"])
            return _NOTHING
        body.only(known[name])
        table = next((each.name for each in records().values() if each.circe == name), None)
        if table is None:
            self.unsaid.append(body.key)
            return _NOTHING
        return self._filled(Criterion(table), body, known[name])

    def _filled(self, found: Criterion, body: Said, known: Mapping[str, Part]) -> Criterion:
        asked = self._conditions(body, known)
        for key, part in known.items():
            said = body.at(key)
            if not said.has_value():
                continue
            if part.kind == "set":
                found = replace(found, of=self.set(said))
            elif part.kind == "source":
                found = replace(found, source=self.set(said))
            elif part.kind == "first":
                found = replace(found, first=said.yes())
            elif part.kind == "around" and _says(said):
                found = replace(found, where=self.group(said))
            elif part.kind == "period":
                said.only(("StartDate", "EndDate"))
                starts, ends = said.at("StartDate").day(), said.at("EndDate").day()
                found = replace(found, starts=starts, ends=ends)
                for day in filter(None, (starts, ends)):
                    asked += [
                        Condition("start_date", f"<= {sql.day(day)}"),
                        Condition("end_date", f">= {sql.day(day)}"),
                    ]
        return replace(found, conditions=tuple(asked))

    def _conditions(self, body: Said, known: Mapping[str, Part]) -> list[Condition]:
        excluding = {part.field for key, part in known.items() if part.kind == "excludes" and body.at(key).yes()}
        found = []
        for key, part in known.items():
            said = body.at(key)
            if part.kind == "official" and said:
                self.unsaid.append(said.key)
            elif said.has_value() and (one := self._condition(said, part, negated=key in excluding)):
                found.append(one)
        return found

    def _condition(self, said: Said, part: Part, *, negated: bool) -> Condition | None:
        says: str | None = ""
        if part.kind in ("whole", "decimal", "day"):
            says = self._range(said, part.kind)
        elif part.kind == "concepts" and said:
            says = sql.among([each.at("CONCEPT_ID").integer() for each in said.each()], negated=negated)
        elif part.kind == "text":
            said.only(("Text", "Op"))
            says = sql.like(said.at("Op").text(), said.at("Text").text())
            if says is None:
                said.at("Op").add("is none of startsWith, endsWith, contains")
        elif part.kind == "chosen":
            return self._chosen(said, part.field)
        return Condition(part.field, says) if says else None

    def _chosen(self, said: Said, name: str) -> Condition | None:
        said.only(("CodesetId", "IsExclusion"))
        excludes = said.at("IsExclusion").yes()
        if not said.has("CodesetId"):
            if name in FIELDS:
                self.unsaid.append(said.key)
            return Condition(name, "is null" if excludes else "is not null")
        return Condition(name, "not in" if excludes else "in", self.set(said.at("CodesetId")))

    def _range(self, said: Said, kind: str) -> str | None:
        said.only(("Value", "Op", "Extent"))
        ends: list[str | None] = []
        for end in (said.at("Value"), said.at("Extent")):
            if kind == "day":
                day = end.day()
                ends.append(None if day is None else sql.day(day))
            else:
                number = end.number()
                ends.append(None if number is None else (sql.whole if kind == "whole" else sql.decimal)(number))
        op = said.at("Op").text()
        if ends[0] is None:
            said.at("Value").add("is missing")
            return None
        says = sql.compared(op, ends[0], ends[1])
        if says is None:
            said.at("Op").add("is no comparison, or one of two ends without Extent; known: lt, lte, eq, gt, gte, bt")
        return says

    def set(self, said: Said) -> ConceptSet:
        """The concept set of a number."""
        number = said.integer()
        if number not in self.sets:
            said.add(f"names concept set {number}, which is not among ConceptSets")
        return self.sets.get(number, ConceptSet(()))

    def group(self, said: Said) -> Group:
        """A group of criteria around an event, and about the person."""
        said.only(_GROUP)
        found: list[Around | Person | Group] = [self.around(each) for each in said.at("CriteriaList").each()]
        found += [self._person(each) for each in said.at("DemographicCriteriaList").each()]
        found += [self.group(each) for each in said.at("Groups").each()]
        kind = said.at("Type").one_of(("ALL", "ANY", "AT_LEAST", "AT_MOST"), "ALL")
        if kind.startswith("AT_") and not said.has("Count"):
            said.at("Count").add(f"is missing, which {kind} needs")
        if not found:
            return Group("=", 0, ())
        count = {"ALL": len(found), "ANY": 1}.get(kind)
        op = {"ALL": "=", "AT_MOST": "<="}.get(kind, ">=")
        return Group(op, said.at("Count").integer() if count is None else count, tuple(found))

    def _person(self, said: Said) -> Person:
        known = parts()["Person"]
        said.only(known)
        return Person(tuple(self._conditions(said, known)))

    def around(self, said: Said) -> Around:
        """A criterion that has to be met some times around an event."""
        said.only(_AROUND)
        occurrence = said.at("Occurrence")
        occurrence.only(("Type", "Count", "IsDistinct", "CountColumn"))
        kind = occurrence.at("Type").integer()
        if kind not in range(len(_OPS)):
            occurrence.at("Type").add("is none of 0 (exactly), 1 (at most), 2 (at least)")
        criterion = self.criterion(said.at("Criteria"))
        return Around(
            criterion,
            self._window(said.at("StartWindow"), by_end=False),
            self._window(said.at("EndWindow"), by_end=True) if said.has("EndWindow") else None,
            _OPS[kind % len(_OPS)],
            occurrence.at("Count").integer(),
            self._counted(occurrence, criterion),
            not said.at("IgnoreObservationPeriod").yes(),
            said.at("RestrictVisit").yes(),
        )

    def _counted(self, occurrence: Said, criterion: Criterion) -> Counted:
        if not occurrence.at("IsDistinct").yes():
            return "event"
        column = occurrence.at("CountColumn")
        name = column.text("DOMAIN_CONCEPT")
        if name not in _COUNTED or (criterion.where and name == "DOMAIN_CONCEPT"):
            self.unsaid.append(column.key)
        return _COUNTED.get(name, "event")

    def _window(self, said: Said, *, by_end: bool) -> Window:
        said.only(_WINDOW)
        ends: list[int | None] = []
        for name, way in (("Start", -1), ("End", 1)):
            edge = said.at(name)
            edge.only(_EDGE)
            days, coefficient = edge.at("Days").maybe_integer(), edge.at("Coeff").integer()
            if days is None and coefficient != way:
                self.unsaid.append(edge.key)  # the other edge of the observation period
            ends.append(None if days is None else days * coefficient)
        low, high = ends
        if low is not None and high is not None and low > high:
            said.add(f"ends before it starts: from day {low} to day {high}")
        return Window(low, high, said.at("UseIndexEnd").yes(), said.at("UseEventEnd").yes(default=by_end))


def _says(group: Said) -> bool:
    return any(group.at(name) for name in ("CriteriaList", "DemographicCriteriaList", "Groups"))
