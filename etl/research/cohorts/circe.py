"""Reads Circe's JSON, as ATLAS exports it, into a cohort."""

from __future__ import annotations

import json
from typing import Literal

from etl.research.cohorts.circe_criteria import Criteria
from etl.research.cohorts.model import Cohort, ConceptSet, Entry, Exit, Limit, Rule
from etl.research.cohorts.said import Said, Wrong
from etl.research.cohorts.sets_read import atlas_set

_KEYS = (
    "cdmVersionRange", "Title", "PrimaryCriteria", "AdditionalCriteria", "ConceptSets", "QualifiedLimit",
    "ExpressionLimit", "InclusionRules", "EndStrategy", "CensoringCriteria", "CollapseSettings", "CensorWindow",
)  # fmt: skip
_LIMITS: tuple[Limit, ...] = ("all", "first", "last")


def read_circe(text: str, file: str) -> Cohort:
    """A cohort of JSON; ConfigError that names the file and all keys that are wrong."""
    wrong = Wrong(file)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        wrong.add("the file", f"is no JSON: {error}")
        wrong.stop()
        raise
    found = _cohort(Said(value, "", wrong), text)
    wrong.stop()
    return found


def _cohort(said: Said, text: str) -> Cohort:
    said.only(_KEYS)
    sets = _sets(said.at("ConceptSets"))
    read = Criteria(sets)
    first = said.at("PrimaryCriteria")
    first.only(("CriteriaList", "ObservationWindow", "PrimaryCriteriaLimit"))
    around = first.at("ObservationWindow")
    around.only(("PriorDays", "PostDays"))
    prior, post = around.at("PriorDays").integer(), around.at("PostDays").integer()
    entries = tuple(Entry(read.criterion(each), prior, post) for each in first.at("CriteriaList").each())
    if not entries:
        first.at("CriteriaList").add("is empty: nothing lets a person in")
    extra = said.at("AdditionalCriteria")
    settings, censored = said.at("CollapseSettings"), said.at("CensorWindow")
    _only(settings, ("CollapseType", "EraPad"))
    _only(censored, ("StartDate", "EndDate"))
    found = Cohort(
        sets=tuple((each.name or str(number), each) for number, each in sets.items()),
        entries=entries,
        entry_limit=_limit(first.at("PrimaryCriteriaLimit")),
        extra=read.group(extra) if extra else None,
        extra_limit=_limit(said.at("QualifiedLimit")),
        rules=tuple(_rule(each, read) for each in said.at("InclusionRules").each()),
        limit=_limit(said.at("ExpressionLimit")),
        exit=_exit(said.at("EndStrategy"), read),
        censors=tuple(read.criterion(each) for each in said.at("CensoringCriteria").each()),
        pad=settings.at("EraPad").integer(),
        opens=censored.at("StartDate").day(),
        closes=censored.at("EndDate").day(),
    )
    if not read.unsaid:
        return found
    return Cohort(sets=found.sets, rules=found.rules, official=text, unsaid=tuple(read.unsaid))


def _only(said: Said, known: tuple[str, ...]) -> None:
    if said.value is not None:
        said.only(known)


def _sets(said: Said) -> dict[int, ConceptSet]:
    found: dict[int, ConceptSet] = {}
    for each in said.each():
        each.only(("id", "name", "expression"))
        number = each.at("id").integer()
        if number in found:
            each.at("id").add(f"is the number of two concept sets: {number}")
        found[number] = atlas_set(each.at("expression"), each.at("name").text())
    return found


def _limit(said: Said) -> Limit:
    _only(said, ("Type",))
    name = said.at("Type").one_of(_LIMITS, "first")
    return next(each for each in _LIMITS if each == name)


def _rule(said: Said, read: Criteria) -> Rule:
    said.only(("name", "description", "expression"))
    return Rule(said.at("name").text(), read.group(said.at("expression")))


def _exit(said: Said, read: Criteria) -> Exit:
    if not said:
        return Exit()
    said.only(("DateOffset", "CustomEra"))
    if said.has("CustomEra"):
        era = said.at("CustomEra")
        era.only(("DrugCodesetId", "GapDays", "Offset", "DaysSupplyOverride"))
        return Exit(
            "drug", era.at("Offset").integer(), read.set(era.at("DrugCodesetId")), era.at("GapDays").integer(),
            era.at("DaysSupplyOverride").maybe_integer(),
        )  # fmt: skip
    offset = said.at("DateOffset")
    offset.only(("DateField", "Offset"))
    field = offset.at("DateField").one_of(("StartDate", "EndDate"), "StartDate")
    kind: Literal["start", "end"] = "end" if field == "EndDate" else "start"
    return Exit(kind, offset.at("Offset").integer())
