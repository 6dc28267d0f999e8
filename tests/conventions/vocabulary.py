"""A vocabulary of a few concepts (`terms/*.txt`), of which the tests of the conventions need each.

Well-known concepts have OHDSI's ids; source codes and what only makes a case are made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness import cells

from etl.settings import Settings
from etl.vocabulary.release import Release, load_bundle

VERSION = "v5.0 31-AUG-26"
TERMS = Path(__file__).parent / "terms"
_VALID = "19700101\t20991231"


def _table(name: str) -> list[list[str]]:
    return cells((TERMS / f"{name}.txt").read_text(encoding="utf-8"))


def write_bundle(folder: Path, version: str = VERSION, domains: Mapping[str, str] | None = None) -> Path:
    """Write the concepts as a bundle as Athena hands it out; `domains` gives concepts another domain than they have."""
    folder.mkdir(parents=True)
    header, *rows = _table("concepts")
    concepts = [dict(zip(header, row, strict=True)) for row in rows]
    concepts = [c | {"domain": (domains or {}).get(c["id"], c["domain"])} for c in concepts]
    vocabularies = sorted({c["vocabulary"] for c in concepts} - {"None"})
    files = {
        "CONCEPT": [
            "concept_id\tconcept_name\tdomain_id\tvocabulary_id\tconcept_class_id\tstandard_concept\tconcept_code\t"
            "valid_start_date\tvalid_end_date\tinvalid_reason",
            *(
                "\t".join([c["id"], c["name"], c["domain"], c["vocabulary"], c["class"], c["standard"], c["code"],
                           _VALID, c["invalid"]]) for c in concepts
            ),
        ],
        "CONCEPT_RELATIONSHIP": [
            "concept_id_1\tconcept_id_2\trelationship_id\tvalid_start_date\tvalid_end_date\tinvalid_reason",
            *("\t".join([row[0], row[2], row[1], _VALID, row[3]]) for row in _table("maps")[1:]),
        ],
        "CONCEPT_ANCESTOR": [
            "ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation",
            *("\t".join([*row, "0", "0"]) for row in _table("ancestors")[1:]),
        ],
        "DRUG_STRENGTH": [
            "drug_concept_id\tingredient_concept_id\tamount_value\tamount_unit_concept_id\tnumerator_value\t"
            "numerator_unit_concept_id\tdenominator_value\tdenominator_unit_concept_id\tbox_size\tvalid_start_date\t"
            "valid_end_date\tinvalid_reason",
            *("\t".join([*row, *[""] * 5, _VALID, ""]) for row in _table("strengths")[1:]),
        ],
        "VOCABULARY": [
            "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id",
            f"None\tOMOP Standardized Vocabularies\tOMOP\t{version}\t0",
            *(f"{name}\t{name}\tOMOP\t\t0" for name in vocabularies),
        ],
        "DOMAIN": ["domain_id\tdomain_name\tdomain_concept_id"],
        "CONCEPT_CLASS": ["concept_class_id\tconcept_class_name\tconcept_class_concept_id"],
        "RELATIONSHIP": [
            "relationship_id\trelationship_name\tis_hierarchical\tdefines_ancestry\treverse_relationship_id\t"
            "relationship_concept_id"
        ],
    }  # fmt: skip
    for name, lines in files.items():
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def load(home: Path, version: str = VERSION, domains: Mapping[str, str] | None = None) -> Release:
    """The concepts as a release that is loaded; see `write_bundle`."""
    settings = Settings(home=home, threads=1, memory="500MB", _env_file=None)
    return load_bundle(settings, write_bundle(home / "bundle", version, domains))
