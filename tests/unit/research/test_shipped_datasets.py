"""The data sets that are shipped: concepts are what they are called, and stand in the tables that are asked for."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from etl.yamls import load

PROJECT = Path(__file__).resolve().parents[3]
FILES = sorted(PROJECT.glob("datasets/*/dataset.yaml"))
VOCABULARY = PROJECT / "etl" / "sample" / "vocabulary"
BEYOND = PROJECT / "tests" / "data" / "datasets_beyond_sample.csv"
#: The domain of the concepts that a table holds; an episode's are those of what it is about.
DOMAINS = {
    "condition_occurrence": "Condition", "drug_exposure": "Drug", "measurement": "Measurement", "episode": "Condition",
    "procedure_occurrence": "Procedure", "observation": "Observation", "device_exposure": "Device",
}  # fmt: skip
IS = {"age", "sex", "hospital", "visit_type", "followup_days", "died"}
OF_VALUES = {"last", "first", "min", "max", "mean"}
TAKES = OF_VALUES | {"count", "any", "days_to", "days_exposed"}
#: The codes of the sample's hospitals that each data set's first entry finds.
CODES = {
    "acute_myocardial_infarction": "I21 I21.4 I21.9", "breast_cancer": "C50 C50.9", "colorectal_cancer": "C18.9",
    "chronic_kidney_disease": "E11.21 N18 N18.3 N18.5 N18.9", "copd": "J44 J44.1 J44.9", "covid_19": "U07.1",
    "heart_failure": "I50 I50.08 I50.9", "hypertension": "I10.9", "ischaemic_stroke": "I63 I63.9",
    "lung_cancer": "C34 C34.99", "type_2_diabetes": "E11 E11.21 E11.31 E11.41 E11.9",
}  # fmt: skip
Row = dict[str, str]


def rows_of(path: Path, delimiter: str = ",") -> list[Row]:
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter, quoting=quoting))


@cache
def vocabulary(name: str) -> list[Row]:
    return rows_of(VOCABULARY / f"{name}.csv", "\t")


@cache
def concepts() -> dict[int, Row]:
    return {int(row["concept_id"]): row for row in vocabulary("CONCEPT")}


@cache
def beyond() -> dict[int, str]:
    return {int(row["concept_id"]): row["concept_name"] for row in rows_of(BEYOND)}


@cache
def said(file: Path) -> Any:
    return load(file.read_text(encoding="utf-8"))


def criteria(cohort: Any) -> Iterator[Any]:
    """Entries, and what the rules ask for."""
    yield from cohort["entry"]
    for rule in cohort.get("rules", []):
        yield from [*rule.get("any", []), *rule.get("all", [])]


def uses(file: Path) -> list[Any]:
    """Everything that names a concept set."""
    both = [*said(file)["variables"], *said(file).get("long", [])]
    return [*criteria(said(file)["cohort"]), *(each for each in both if "of" in each)]


def items(file: Path, name: str, key: str = "concepts") -> list[int]:
    return [item["id"] for item in said(file)["cohort"]["concept_sets"][name].get(key, [])]


@cache
def descendants() -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for row in vocabulary("CONCEPT_ANCESTOR"):
        found.setdefault(int(row["ancestor_concept_id"]), set()).add(int(row["descendant_concept_id"]))
    return found


def resolved(file: Path, name: str) -> set[int]:
    """The concepts that a set means in the demonstration vocabulary."""
    found: dict[str, set[int]] = {"concepts": set(), "exclude": set()}
    for key in found:
        for item in said(file)["cohort"]["concept_sets"][name].get(key, []):
            found[key] |= descendants().get(item["id"], set()) if item.get("descendants") else {item["id"]}
    return found["concepts"] - found["exclude"]


@cache
def units_given() -> set[tuple[int, int]]:
    """Measurements and their units: of limits of values, of conversions, and as the sample's hospitals write them."""
    limits = rows_of(PROJECT / "expectations" / "checks" / "limits.csv")
    found = {(int(row["concept_id"]), int(row["unit_concept_id"])) for row in limits}
    shared = PROJECT / "mappings" / "shared"
    for each in load((shared / "conversions.yaml").read_text(encoding="utf-8"))["conversions"].values():
        same = [unit for unit, by in each["from"].items() if by == 1]
        found |= {(concept, unit) for concept in each["concepts"] for unit in (each["to"], *same)}
    written = load((shared / "maps" / "units.yaml").read_text(encoding="utf-8"))["maps"]["units"]["codes"]
    edi = {r["concept_id"]: r["concept_code"] for r in vocabulary("CONCEPT") if r["vocabulary_id"] == "EDI"}
    labs = {row["edi"]: row["units"] for row in rows_of(PROJECT / "etl" / "sample" / "catalog" / "labs.csv")}
    for row in vocabulary("CONCEPT_RELATIONSHIP"):
        if row["relationship_id"] == "Maps to" and not row["invalid_reason"]:
            units = labs.get(edi.get(row["concept_id_1"], ""), "").replace(" ", "").split(";")
            found |= {(int(row["concept_id_2"]), written[unit]) for unit in units if unit in written}
    return found


def test_there_is_a_data_set_for_each_disease() -> None:
    assert {file.parent.name for file in FILES} == set(CODES)


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.parent.name)
class TestShipped:
    def test_it_says_what_it_is_in_both_languages(self, file: Path) -> None:
        dataset = said(file)
        named = [dataset["title"], dataset["says"], *(v["title"] for v in dataset["variables"])]
        for words in named:
            assert re.search("[가-힣]", words["ko"])
            assert not re.search("[가-힣]", words["en"])
        assert dataset["owner"] and dataset["contact"] and dataset["licence"] and dataset["literature"]
        assert dataset["refresh"] in {"nightly", "weekly", "by_hand"}

    def test_every_concept_is_known_by_the_name_beside_it(self, file: Path) -> None:
        told = re.findall(r"\{id: (\d+)(?:, descendants: true)?\}  # (.+)", file.read_text(encoding="utf-8"))
        sets = said(file)["cohort"]["concept_sets"]
        ids = [i for name in sets for key in ("concepts", "exclude") for i in items(file, name, key)]
        assert sorted(int(number) for number, _ in told) == sorted(ids)
        for number, name in told:
            known = concepts().get(int(number))
            right = known["concept_name"] if known else beyond()[int(number)]
            assert right.startswith(name.removesuffix("…"))
            assert known is None or known["standard_concept"] == "S"

    def test_concepts_are_of_the_tables_that_they_are_looked_for_in(self, file: Path) -> None:
        for each in uses(file):
            assert each["table"] in DOMAINS
            known = [concepts()[i] for i in items(file, each["of"]) if i in concepts()]
            assert {row["domain_id"] for row in known} <= {DOMAINS[each["table"]]}, each["of"]
            assert resolved(file, each["of"]), f"{each['of']} finds nothing in the demonstration vocabulary"

    def test_every_concept_set_is_used(self, file: Path) -> None:
        assert {each["of"] for each in uses(file)} == set(said(file)["cohort"]["concept_sets"])

    def test_values_have_a_unit_that_their_measurement_is_given_in(self, file: Path) -> None:
        given = units_given()
        for each in uses(file):
            value = each.get("value")
            units = value.get("unit", []) if isinstance(value, dict) else [each["unit"]] if "unit" in each else []
            if isinstance(value, dict) and "concepts" in value:
                assert {concepts()[i]["domain_id"] for i in value["concepts"]} == {"Meas Value"}
            elif value:
                assert {concepts()[unit]["domain_id"] for unit in units} == {"Unit"}
                assert {(i, unit) for i in items(file, each["of"]) for unit in units} <= given
            else:
                assert units == []

    def test_variables_are_eight_to_fifteen_and_take_what_there_is(self, file: Path) -> None:
        variables = said(file)["variables"]
        assert 8 <= len(variables) <= 15
        names = [each["name"] for each in [*variables, *said(file).get("long", [])] if "is" not in each]
        assert all(re.fullmatch("[a-z][a-z0-9_]{0,31}", name) for name in names)
        assert len({each["name"] for each in variables}) == len(variables)
        for each in variables:
            kinds = [kind for kind in ("take", "is", "index") if kind in each]
            assert len(kinds) == 1
            assert each.get("is") in {None} | IS
            assert each.get("take") in {None} | TAKES
            assert ("value" in each) == (each.get("take") in OF_VALUES)

    def test_windows_begin_before_they_end(self, file: Path) -> None:
        windows = [each["within"] for each in uses(file) if "within" in each]
        assert [window for window in windows if not window[0] <= window[1]] == []

    def test_the_codes_of_korean_hospitals_reach_it(self, file: Path) -> None:
        kcd = {int(r["concept_id"]): r["concept_code"] for r in vocabulary("CONCEPT") if r["vocabulary_id"] == "KCD7"}
        found = resolved(file, said(file)["cohort"]["entry"][0]["of"])
        reached = {
            kcd[int(row["concept_id_1"])]
            for row in vocabulary("CONCEPT_RELATIONSHIP")
            if row["relationship_id"] == "Maps to" and not row["invalid_reason"]
            and int(row["concept_id_1"]) in kcd and int(row["concept_id_2"]) in found
        }  # fmt: skip
        assert " ".join(sorted(reached)) == CODES[file.parent.name]


def test_what_the_demonstration_lacks_is_listed_and_nothing_else() -> None:
    named = {
        item
        for file in FILES
        for name in said(file)["cohort"]["concept_sets"]
        for key in ("concepts", "exclude")
        for item in items(file, name, key)
    }
    assert named - set(concepts()) == set(beyond())
