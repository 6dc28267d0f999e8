"""Every concept that is shipped or written down is what OHDSI's vocabularies say it is.

`tests/data/concept_facts.csv` holds, for each concept id, what other public vocabularies say of it; `source` names
up to two of them. An empty field is one that was not found there, or that differs between releases.
"""

from __future__ import annotations

import csv
import re
from functools import cache

import pytest

from etl.settings import PROJECT

FACTS = PROJECT / "tests" / "data" / "concept_facts.csv"
COLUMNS = ("concept_name", "domain_id", "vocabulary_id", "concept_class_id", "standard_concept", "concept_code")
LOCAL_MIN = 2_000_000_000
Row = dict[str, str]

#: Numbers that may be a concept id: four to ten digits that are no date, no code's part and no share of a figure.
NUMBER = re.compile(
    r"(?<![\w.,#$:/+-])(?!0|19\d\d\b|20\d\d\b|2100\b|(?:19|20|29|99)\d{6}\b)\d{4,10}(?![\w%]|[.,-]\d)", re.ASCII
)
#: Numbers in these files that are no concept ids: ports, rows, seconds, dates and LOINC codes taken apart.
OTHER = {"8088", "1000", "2900", "3650", "8080", "8125", "9999", "10000", "10001", "40960", "60000", "198003", "800315",
         "1850", "2299", "1012", "1959", "11526", "18748", "10023", "1000000", "12000", "12345678",
         "900101", "1234567", "1234", "3164",
         "20000", "16777217"}  # fmt: skip
#: Ids written down though they are not standard: home, who is still in. Domains and relationships are metadata.
NOT_STANDARD = {"8536", "32220"}


@cache
def facts() -> dict[str, Row]:
    with FACTS.open(encoding="utf-8", newline="") as lines:
        return {row["concept_id"]: row for row in csv.DictReader(lines)}


def differences(concept: Row, columns: tuple[str, ...] = COLUMNS) -> list[str]:
    """What a row of CONCEPT says otherwise than the facts; N stands for not standard."""
    known = facts()[concept["concept_id"]]
    said = {**concept, "standard_concept": concept["standard_concept"] or "N"}
    return [f"{concept['concept_id']} {c}: {said[c]}, not {known[c]}" for c in columns if known[c] not in ("", said[c])]


def demonstration() -> list[Row]:
    with (PROJECT / "etl" / "sample" / "vocabulary" / "CONCEPT.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [row for row in rows if int(row["concept_id"]) < LOCAL_MIN]


def test_the_demonstration_vocabulary_says_what_the_facts_say() -> None:
    rows = demonstration()
    assert {row["concept_id"] for row in rows} - set(facts()) == set()
    assert [said for row in rows for said in differences(row)] == []


def test_limits_of_values_are_of_the_concepts_that_they_name() -> None:
    file = PROJECT / "expectations" / "checks" / "limits.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    columns = ("concept_id", "concept_name", "Measurement"), ("unit_concept_id", "unit_name", "Unit")
    named = [
        {"concept_id": row[number], "concept_name": row[name], "domain_id": domain}
        for row in rows
        for number, name, domain in columns
    ]
    assert {row["concept_id"] for row in named} - set(facts()) == set()
    assert [said for row in named for said in differences(row | {"standard_concept": "S"}, COLUMNS[:2])] == []
    assert [row for row in rows if not float(row["low"]) < float(row["high"]) or not row["source"]] == []
    assert len({(row["concept_id"], row["unit_concept_id"]) for row in rows}) == len(rows) > 150


def test_codes_are_at_hand_for_all_but_two_concepts() -> None:
    assert {r["concept_name"] for r in demonstration() if r["concept_code"] == "-"} == {"Korean language", "Radiology"}


def test_the_terms_of_the_conventions_say_what_the_facts_say() -> None:
    """Their names are shortened, and 0 has no code; 32220 counts as standard there."""
    text = (PROJECT / "tests" / "conventions" / "terms" / "concepts.txt").read_text(encoding="utf-8")
    header, *lines = ([cell.strip() for cell in line.split("|")] for line in text.splitlines())
    terms = [dict(zip(header, line, strict=True)) for line in lines]
    rows = [
        {"concept_id": t["id"], "domain_id": t["domain"], "vocabulary_id": t["vocabulary"],
         "concept_class_id": t["class"], "standard_concept": t["standard"], "concept_code": t["code"]}
        for t in terms if t["id"] in facts() and t["id"] not in {"0", "32220"}
    ]  # fmt: skip
    assert len(rows) > 30
    assert [said for row in rows for said in differences(row, COLUMNS[1:])] == []


def _written(pattern: str) -> list[tuple[str, str]]:
    """File and number of every number in files of a pattern that may be a concept id."""
    # what runs said of made nights holds numbers of lines
    files = [f for f in PROJECT.glob(pattern) if "migrations" not in f.parts and f.name != "faults.md"]
    assert files, pattern
    return [
        (str(f.relative_to(PROJECT)), number)
        for f in sorted(files)
        for number in NUMBER.findall(f.read_text(encoding="utf-8"))
        if number not in OTHER
    ]


@pytest.mark.parametrize(
    "pattern",
    ["etl/**/*.sql", "etl/cdm/*.yaml", "etl/onboarding/draft/templates/*.j2", "etl/mapping/reference/*.j2",
     "mappings/**/*.yaml", "expectations/cdm/*.json", "docs/*.md"],
)  # fmt: skip
def test_every_concept_that_is_written_down_is_known(pattern: str) -> None:
    written = _written(pattern)
    unknown = sorted({(file, n) for file, n in written if n not in facts() and int(n) < LOCAL_MIN})
    assert unknown == []
    known = [facts()[n] for _, n in written if n in facts()]
    not_standard = {f["concept_id"] for f in known if f["standard_concept"] == "N" and f["domain_id"] != "Metadata"}
    assert not_standard - NOT_STANDARD == set()


def test_home_is_no_target_of_a_map() -> None:
    """The CDM has 0 for home, and concept 8536 is not standard."""
    assert [file for file, n in _written("mappings/**/*.yaml") if n == "8536"] == []


@pytest.mark.parametrize(
    ("concept", "name"),
    [("740560", "carbidopa"), ("722455", "Telehealth"), ("38003851", "Family Medicine"), ("45756825", "Radiology"),
     ("581477", "Office Visit")],
)  # fmt: skip
def test_what_was_mistaken_once_stays_right(concept: str, name: str) -> None:
    assert facts()[concept]["concept_name"] == name
    assert facts()[concept]["standard_concept"] == "S"


@pytest.mark.parametrize("name", ["stays", "negative_values"])
def test_lists_of_concepts_name_them_rightly(name: str) -> None:
    with (PROJECT / "etl" / "cdm" / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["concept_id"] != "8920"]  # which has two names in use
    assert {row["concept_id"] for row in rows} - set(facts()) == set()
    said = [(row["concept_name"], facts()[row["concept_id"]]["concept_name"]) for row in rows]
    assert [pair for pair in said if pair[1] and pair[0].casefold() != pair[1].casefold()] == []
