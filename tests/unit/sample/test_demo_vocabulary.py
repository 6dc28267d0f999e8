"""The demonstration vocabulary and the clinical catalogue agree with each other and with Athena's format."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parents[3] / "etl" / "sample"
LOCAL_MIN = 2_000_000_000
HEADERS = {
    "CONCEPT": "concept_id concept_name domain_id vocabulary_id concept_class_id standard_concept concept_code "
    "valid_start_date valid_end_date invalid_reason",
    "CONCEPT_RELATIONSHIP": "concept_id_1 concept_id_2 relationship_id valid_start_date valid_end_date invalid_reason",
    "CONCEPT_ANCESTOR": "ancestor_concept_id descendant_concept_id min_levels_of_separation max_levels_of_separation",
    "CONCEPT_SYNONYM": "concept_id concept_synonym_name language_concept_id",
    "CONCEPT_CLASS": "concept_class_id concept_class_name concept_class_concept_id",
    "DOMAIN": "domain_id domain_name domain_concept_id",
    "RELATIONSHIP": "relationship_id relationship_name is_hierarchical defines_ancestry "
    "reverse_relationship_id relationship_concept_id",
    "VOCABULARY": "vocabulary_id vocabulary_name vocabulary_reference vocabulary_version vocabulary_concept_id",
    "DRUG_STRENGTH": "drug_concept_id ingredient_concept_id amount_value amount_unit_concept_id "
    "numerator_value numerator_unit_concept_id denominator_value denominator_unit_concept_id box_size "
    "valid_start_date valid_end_date invalid_reason",
}
CATALOG_HEADERS = {
    "conditions": "key kcd name_en name_ko chronic weight age_min age_max sex setting severity department drugs "
    "labs procedures",
    "drugs": "key edi ingredient_code atc name_en name_ko route unit dose times days acute",
    "labs": "key edi local name_en name_ko kind units mean sd low high most decimals panel specimen values",
    "vitals": "key name_en name_ko unit mean sd decimals",
    "procedures": "key edi name_en name_ko kind weight",
    "departments": "key code name_ko name_en ward",
}
# Traps on purpose: valid rows that lead to a concept that is not standard, so they must not be followed.
NON_STANDARD_TRAPS = {("KCD7", "T78.1", "442116")}
# Concepts every mapping relies on, whatever the catalogue holds.
CONVENTION_IDS = {
    "no match": "0",
    "person": "8507 8532 38003585",
    "visit": "9201 9202 9203 262 32037",
    "type": "32220 32817 32827 32838 32856 32880 32882",
    "condition status": "32890 32896 32902 32908",
    "operator": "4172703 4172704 4171754 4171755 4171756",
    "value": "9189 9191 4123508 4126673 4125547",
    "route": "4132161 4171047 4142048 4302612 40486069 4263689",
    "unit": "8554 8582 8713 8753 8840 8876 9529 586323",
    "provider": "32577 38004451",
    "language": "4175771",
    "CDM version": "756265",
}

Row = dict[str, str]


def _lines(name: str) -> list[str]:
    return (SAMPLE / "vocabulary" / f"{name}.csv").read_bytes().decode("utf-8").split("\n")


@cache
def vocabulary(name: str) -> list[Row]:
    header, *body = _lines(name)
    return [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in body if line]


@cache
def catalog(name: str) -> list[Row]:
    with (SAMPLE / "catalog" / f"{name}.csv").open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


@cache
def concepts() -> dict[str, Row]:
    return {row["concept_id"]: row for row in vocabulary("CONCEPT")}


@cache
def relationships(relationship_id: str, valid_only: bool = True) -> list[tuple[str, str]]:
    rows = vocabulary("CONCEPT_RELATIONSHIP")
    chosen = (r for r in rows if r["relationship_id"] == relationship_id)
    return [(r["concept_id_1"], r["concept_id_2"]) for r in chosen if not (valid_only and r["invalid_reason"])]


@cache
def source_ids(vocabulary_id: str) -> dict[str, str]:
    rows = vocabulary("CONCEPT")
    return {r["concept_code"]: r["concept_id"] for r in rows if r["vocabulary_id"] == vocabulary_id}


def catalogue_codes() -> list[tuple[str, str]]:
    """Vocabulary and code of every row of the catalogue that has a code."""
    pairs = [("KCD7", row["kcd"]) for row in catalog("conditions")]
    return pairs + [("EDI", row["edi"]) for name in ("drugs", "labs", "procedures") for row in catalog(name)]


def targets(vocabulary_id: str, code: str, relationship_id: str = "Maps to") -> list[Row]:
    """Valid, standard targets of a source code."""
    source = source_ids(vocabulary_id)[code]
    found = [concepts()[b] for a, b in relationships(relationship_id) if a == source]
    return [c for c in found if c["standard_concept"] == "S" and not c["invalid_reason"]]


def items(row: Row, column: str) -> list[str]:
    return [item for item in row[column].split(";") if item]


@pytest.mark.parametrize("name", sorted(HEADERS))
def test_file_is_in_athena_format(name: str) -> None:
    header, *body = _lines(name)
    assert header.split("\t") == HEADERS[name].split()
    assert body[-1] == "", "the last line ends with a newline"
    width = len(HEADERS[name].split())
    assert {line.count("\t") + 1 for line in body[:-1]} == {width}
    assert not [line for line in body if "\r" in line or line != line.strip(" ")]


@pytest.mark.parametrize("name", ["CONCEPT", "CONCEPT_RELATIONSHIP", "DRUG_STRENGTH"])
def test_dates_and_invalid_reasons(name: str) -> None:
    for row in vocabulary(name):
        assert re.fullmatch(r"\d{8}", row["valid_start_date"])
        assert re.fullmatch(r"\d{8}", row["valid_end_date"])
        assert row["valid_start_date"] <= row["valid_end_date"]
        assert row["invalid_reason"] in {"", "D", "U"}
        assert bool(row["invalid_reason"]) == (row["valid_end_date"] != "20991231")


def test_concept_ids_and_codes_are_unique() -> None:
    assert len(concepts()) == len(vocabulary("CONCEPT"))
    coded = [(r["vocabulary_id"], r["concept_code"]) for r in vocabulary("CONCEPT") if r["domain_id"] != "Metadata"]
    assert [pair for pair, n in Counter(coded).items() if n > 1] == []


def test_concepts_are_complete_and_typed() -> None:
    domains = {r["domain_id"] for r in vocabulary("DOMAIN")}
    vocabularies = {r["vocabulary_id"] for r in vocabulary("VOCABULARY")}
    classes = {r["concept_class_id"] for r in vocabulary("CONCEPT_CLASS")}
    for row in vocabulary("CONCEPT"):
        assert row["concept_name"]
        assert row["concept_code"]
        assert len(row["concept_name"]) <= 255
        assert row["standard_concept"] in {"", "S", "C"}
        assert (row["domain_id"] in domains, row["vocabulary_id"] in vocabularies) == (True, True)
        assert row["concept_class_id"] in classes


def test_source_vocabularies_are_local_and_never_standard() -> None:
    """The ids of SOPT's codes are known of Medicare only; the others have stand-ins, as all of KCD7 and EDI have."""
    for row in vocabulary("CONCEPT"):
        is_local = int(row["concept_id"]) > LOCAL_MIN
        assert is_local == (row["vocabulary_id"] in {"KCD7", "EDI", "SOPT"} and row["concept_id"] != "280")
        assert not (is_local and row["standard_concept"])


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("CONCEPT_RELATIONSHIP", "concept_id_1"),
        ("CONCEPT_RELATIONSHIP", "concept_id_2"),
        ("CONCEPT_ANCESTOR", "ancestor_concept_id"),
        ("CONCEPT_ANCESTOR", "descendant_concept_id"),
        ("CONCEPT_SYNONYM", "concept_id"),
        ("CONCEPT_SYNONYM", "language_concept_id"),
        ("CONCEPT_CLASS", "concept_class_concept_id"),
        ("DOMAIN", "domain_concept_id"),
        ("RELATIONSHIP", "relationship_concept_id"),
        ("VOCABULARY", "vocabulary_concept_id"),
        ("DRUG_STRENGTH", "drug_concept_id"),
        ("DRUG_STRENGTH", "ingredient_concept_id"),
        ("DRUG_STRENGTH", "amount_unit_concept_id"),
        ("DRUG_STRENGTH", "numerator_unit_concept_id"),
        ("DRUG_STRENGTH", "denominator_unit_concept_id"),
    ],
)
def test_every_reference_exists(name: str, column: str) -> None:
    assert {row[column] for row in vocabulary(name)} - {""} - set(concepts()) == set()


def test_relationships_have_a_reverse() -> None:
    reverse = {r["relationship_id"]: r["reverse_relationship_id"] for r in vocabulary("RELATIONSHIP")}
    assert set(reverse.values()) == set(reverse)
    rows = {
        (r["concept_id_1"], r["concept_id_2"], r["relationship_id"], r["invalid_reason"])
        for r in vocabulary("CONCEPT_RELATIONSHIP")
    }
    assert len(rows) == len(vocabulary("CONCEPT_RELATIONSHIP"))
    assert {(b, a, reverse[kind], invalid) for a, b, kind, invalid in rows} == rows


def test_standard_concepts_map_to_themselves_and_have_a_self_ancestor() -> None:
    standard = {i for i, row in concepts().items() if row["standard_concept"] == "S"}
    assert {a for a, b in relationships("Maps to") if a == b} == standard
    ancestry = vocabulary("CONCEPT_ANCESTOR")
    own = {r["ancestor_concept_id"] for r in ancestry if r["ancestor_concept_id"] == r["descendant_concept_id"]}
    assert own == standard | {i for i, row in concepts().items() if row["standard_concept"] == "C"}


def test_ancestry_is_acyclic_and_has_levels() -> None:
    pairs = {(r["ancestor_concept_id"], r["descendant_concept_id"]) for r in vocabulary("CONCEPT_ANCESTOR")}
    assert len(pairs) == len(vocabulary("CONCEPT_ANCESTOR"))
    assert [(a, d) for a, d in pairs if a != d and (d, a) in pairs] == []
    for row in vocabulary("CONCEPT_ANCESTOR"):
        lowest, highest = int(row["min_levels_of_separation"]), int(row["max_levels_of_separation"])
        assert 0 <= lowest <= highest
        assert (highest == 0) == (row["ancestor_concept_id"] == row["descendant_concept_id"])


@cache
def levels() -> dict[tuple[str, str], tuple[int, int]]:
    """Least and most levels between an ancestor and a descendant."""
    return {
        (r["ancestor_concept_id"], r["descendant_concept_id"]): (
            int(r["min_levels_of_separation"]), int(r["max_levels_of_separation"])
        ) for r in vocabulary("CONCEPT_ANCESTOR")
    }  # fmt: skip


def test_ancestors_of_ancestors_are_ancestors() -> None:
    below = defaultdict(list)
    for (ancestor, descendant), separation in levels().items():
        below[ancestor].append((descendant, separation))
    missing, too_far, too_near = [], [], []
    for (ancestor, middle), upper in levels().items():
        for descendant, lower in below[middle]:
            found = levels().get((ancestor, descendant))
            if found is None:
                missing.append((ancestor, middle, descendant))
            else:
                too_far += [(ancestor, middle, descendant)] if found[0] > upper[0] + lower[0] else []
                too_near += [(ancestor, middle, descendant)] if found[1] < upper[1] + lower[1] else []
    assert (missing, too_far, too_near) == ([], [], [])


def test_what_a_standard_concept_is_stands_directly_above_it() -> None:
    pairs = [(a, b) for a, b in relationships("Is a") if concepts()[a]["standard_concept"] == "S"]
    assert len(pairs) > 400
    assert [(a, b) for a, b in pairs if levels().get((b, a), (0, 0))[0] != 1] == []


def test_every_condition_of_the_catalogue_is_a_clinical_finding() -> None:
    """So a concept set with descendants finds it under each group that it belongs to."""
    found = {t["concept_id"] for row in catalog("conditions") for t in targets("KCD7", row["kcd"])
             if t["domain_id"] == "Condition"}  # fmt: skip
    assert len(found) > 100
    assert {concepts()[i]["concept_name"] for i in found if ("441840", i) not in levels()} == set()


@pytest.mark.parametrize(
    ("ancestor", "descendant"),
    [
        ("201820", "201826"),  # diabetes mellitus: type 2
        ("201820", "201254"),  # diabetes mellitus: type 1
        ("442793", "443731"),  # complication due to diabetes mellitus: of the kidney, due to type 2
        ("192279", "443731"),
        ("4185932", "312327"),  # ischemic heart disease: acute myocardial infarction
        ("4329847", "4270024"),  # myocardial infarction: acute, without elevation
        ("316139", "319835"),  # heart failure: congestive
        ("316866", "320128"),  # hypertensive disorder: essential hypertension
        ("198124", "46271022"),  # kidney disease: chronic
        ("46271022", "443597"),  # chronic kidney disease: stage 3
        ("320136", "255573"),  # disorder of respiratory system: chronic obstructive
        ("436073", "435783"),  # psychotic disorder: schizophrenia
        ("444100", "440383"),  # mood disorder: depressive
        ("443392", "4112853"),  # malignant neoplastic disease: of the breast
        ("4027663", "4265600"),  # peptic ulcer: of the stomach
        ("381591", "443454"),  # cerebrovascular disease: infarction
        ("1503297", "40163924"),  # metformin: a tablet
    ],
)
def test_groups_hold_what_belongs_to_them(ancestor: str, descendant: str) -> None:
    assert levels()[ancestor, descendant][0] >= 1


def test_valid_targets_are_standard_except_named_traps() -> None:
    traps = set()
    for kind in ("Maps to", "Maps to value"):
        for source, target in relationships(kind):
            row = concepts()[target]
            if row["standard_concept"] != "S" or row["invalid_reason"]:
                origin = concepts()[source]
                traps.add((origin["vocabulary_id"], origin["concept_code"], target))
    assert traps == NON_STANDARD_TRAPS


def test_invalid_mappings_exist_and_offer_another_target() -> None:
    dead = set(relationships("Maps to", valid_only=False)) - set(relationships("Maps to"))
    assert len(dead) >= 3
    alive = defaultdict(set)
    for source, target in relationships("Maps to"):
        alive[source].add(target)
    for source, target in dead:
        assert alive[source]
        assert target not in alive[source]
        assert concepts()[target]["standard_concept"] == "S", "only invalid_reason keeps it from being followed"


def test_every_code_of_the_catalogue_is_in_its_vocabulary() -> None:
    missing = [pair for pair in catalogue_codes() if pair[1] not in source_ids(pair[0])]
    assert missing == []
    parents = {row["kcd"][:3] for row in catalog("conditions")}
    assert parents <= set(source_ids("KCD7"))
    pattern = re.compile(r"[A-Z]\d{2}(\.\d{1,3})?")
    assert [code for code in source_ids("KCD7") if not pattern.fullmatch(code)] == []


def test_share_of_unmapped_codes_is_realistic() -> None:
    codes = catalogue_codes()
    unmapped = [pair for pair in codes if not targets(*pair)]
    assert 0.05 <= len(unmapped) / len(codes) <= 0.08


def test_special_mappings_are_there() -> None:
    kcd = {row["kcd"]: targets("KCD7", row["kcd"]) for row in catalog("conditions")}
    assert len([code for code, found in kcd.items() if len(found) == 2]) >= 4
    with_value = [code for code in kcd if targets("KCD7", code, "Maps to value")]
    assert len(with_value) >= 2
    assert {len(kcd[code]) for code in with_value} == {1}
    domains = Counter(row["domain_id"] for found in kcd.values() for row in found)
    assert all(domains[name] >= 3 for name in ("Condition", "Observation", "Measurement", "Procedure"))


def test_source_domain_follows_the_target() -> None:
    for vocabulary_id, code in catalogue_codes():
        domains = {row["domain_id"] for row in targets(vocabulary_id, code)}
        if len(domains) == 1:
            assert concepts()[source_ids(vocabulary_id)[code]]["domain_id"] in domains


def test_mapped_drugs_have_an_ingredient_ancestor() -> None:
    ingredients = {i for i, row in concepts().items() if row["concept_class_id"] == "Ingredient"}
    above = defaultdict(set)
    for row in vocabulary("CONCEPT_ANCESTOR"):
        above[row["descendant_concept_id"]].add(row["ancestor_concept_id"])
    for drug in catalog("drugs"):
        for target in targets("EDI", drug["edi"]):
            assert target["domain_id"] == "Drug"
            assert above[target["concept_id"]] & ingredients, drug["key"]


def test_drug_strength_is_a_number_per_ingredient() -> None:
    pairs = {(r["ancestor_concept_id"], r["descendant_concept_id"]) for r in vocabulary("CONCEPT_ANCESTOR")}
    for row in vocabulary("DRUG_STRENGTH"):
        assert (row["ingredient_concept_id"], row["drug_concept_id"]) in pairs
        assert bool(row["amount_value"]) != bool(row["numerator_value"])
        assert float(row["amount_value"] or row["numerator_value"]) > 0
        assert bool(row["amount_value"]) == bool(row["amount_unit_concept_id"])


def test_concepts_of_the_conventions_are_there() -> None:
    missing = {name: set(ids.split()) - set(concepts()) for name, ids in CONVENTION_IDS.items()}
    assert not any(missing.values()), missing
    release = [r["vocabulary_version"] for r in vocabulary("VOCABULARY") if r["vocabulary_id"] == "None"]
    assert len(release) == 1
    assert "DEMO" in release[0]


@pytest.mark.parametrize("name", sorted(CATALOG_HEADERS))
def test_catalogue_columns_and_keys(name: str) -> None:
    rows = catalog(name)
    assert list(rows[0]) == CATALOG_HEADERS[name].split()
    assert len({row["key"] for row in rows}) == len(rows)
    for row in rows:
        assert None not in row
        assert all(value is not None and value == value.strip() for value in row.values())
        assert "\n" not in "".join(row.values())
        assert row["name_en"]
        assert row["name_ko"]


def test_catalogue_references_resolve() -> None:
    keys = {name: {row["key"] for row in catalog(name)} for name in CATALOG_HEADERS}
    for row in catalog("conditions"):
        assert row["department"] in keys["departments"]
        assert set(items(row, "drugs")) <= keys["drugs"], row["key"]
        assert set(items(row, "procedures")) <= keys["procedures"], row["key"]
        assert {item[-1] for item in items(row, "labs")} <= {"+", "-"}
        assert {item[:-1] for item in items(row, "labs")} <= keys["labs"], row["key"]


def test_conditions_are_plausible() -> None:
    for row in catalog("conditions"):
        assert row["sex"] in {"", "M", "F"}
        assert row["setting"] in {"O", "I", "E"}
        assert row["severity"] in {"0", "1", "2", "3"}
        assert row["chronic"] in {"0", "1"}
        assert float(row["weight"]) > 0
        assert 0 <= int(row["age_min"]) < int(row["age_max"]) <= 120


def test_codes_have_their_shapes() -> None:
    for row in catalog("drugs"):
        assert re.fullmatch(r"\d{9}", row["edi"])
        assert re.fullmatch(r"\d{6}[A-Z]{3}", row["ingredient_code"])
        assert row["route"] in {"PO", "IV", "SC", "IM", "INH", "TOP"}
        assert min(float(row[c]) for c in ("dose", "times", "days")) > 0
    for row in catalog("labs"):
        assert re.fullmatch(r"[A-Z]\d{4}|[A-Z]\d{7}", row["edi"])
    for row in catalog("procedures"):
        shape = r"[A-Z]\d{7}" if row["kind"] == "device" else r"[A-Z]\d{4}|[A-Z]{2}\d{3}"
        assert re.fullmatch(shape, row["edi"]), row["key"]


def test_labs_are_numeric_with_range_or_qualitative_with_values() -> None:
    kinds = Counter(row["kind"] for row in catalog("labs"))
    assert kinds["numeric"] >= 45
    assert kinds["qualitative"] >= 10
    for row in catalog("labs"):
        if row["kind"] == "qualitative":
            assert len(items(row, "values")) >= 2
            assert not row["mean"]
        else:
            assert float(row["low"]) <= float(row["mean"]) <= float(row["high"]) < float(row["most"]), row["key"]
            assert float(row["sd"]) > 0
            assert not row["values"]
