"""A vocabulary of a few concepts, of which the tests of the conventions need each; ids and relations as OHDSI has them,
but for the local ones (above 2,000,000,000) and those of the made-up source codes."""

from __future__ import annotations

from pathlib import Path

from harness import cells

CONCEPTS = """
id         | domain       | vocabulary   | class        | standard | code      | invalid | name
0          | Metadata     | None         | Undefined    |          | none      |         | No matching concept
8507       | Gender       | Gender       | Gender       | S        | M         |         | MALE
8532       | Gender       | Gender       | Gender       | S        | F         |         | FEMALE
38003585   | Race         | Race         | Race         | S        | 2.09      |         | Korean
9201       | Visit        | Visit        | Visit        | S        | IP        |         | Inpatient Visit
9202       | Visit        | Visit        | Visit        | S        | OP        |         | Outpatient Visit
9203       | Visit        | Visit        | Visit        | S        | ER        |         | Emergency Room Visit
262        | Visit        | Visit        | Visit        | S        | ERIP      |         | Emergency Room and Inpatient Visit
32037      | Visit        | Visit        | Visit        | S        | OMOP4822460 |       | Intensive Care
8536       | Visit        | CMS Place of Service | Visit | S       | 12        |         | Home
8870       | Visit        | CMS Place of Service | Visit | S       | 23        |         | Emergency Room - Hospital
8717       | Visit        | CMS Place of Service | Visit | S       | 21        |         | Inpatient Hospital
8756       | Visit        | CMS Place of Service | Visit | S       | 22        |         | Outpatient Hospital
32220      | Visit        | UB04 Pt dis status | UB04 Pt dis status | S | 30     |         | Still patient
32817      | Type Concept | Type Concept | Type Concept | S        | OMOP4976890 |       | EHR
32818      | Type Concept | Type Concept | Type Concept | S        | OMOP4976891 |       | EHR administration record
32827      | Type Concept | Type Concept | Type Concept | S        | OMOP4976900 |       | EHR encounter record
32838      | Type Concept | Type Concept | Type Concept | S        | OMOP4976911 |       | EHR prescription
32856      | Type Concept | Type Concept | Type Concept | S        | OMOP4976929 |       | Lab
32882      | Type Concept | Type Concept | Type Concept | S        | OMOP4976955 |       | Standard algorithm from EHR
8840       | Unit         | UCUM         | Unit         | S        | mg/dL     |         | milligram per deciliter
8713       | Unit         | UCUM         | Unit         | S        | g/dL      |         | gram per deciliter
9529       | Unit         | UCUM         | Unit         | S        | kg        |         | kilogram
44777578   | Unit         | UCUM         | Unit         | S        | Kg        |         | a unit whose code differs by a capital letter
201826     | Condition    | SNOMED       | Disorder     | S        | 44054006  |         | Type 2 diabetes mellitus
201820     | Condition    | SNOMED       | Disorder     | S        | 73211009  |         | Diabetes mellitus
376065     | Condition    | SNOMED       | Disorder     | S        | 421326000 |         | Disorder of nervous system due to type 2 diabetes mellitus
4058243    | Observation  | SNOMED       | Context-dependent | S   | 160303001 |         | Family history of diabetes mellitus
4167217    | Observation  | SNOMED       | Situation    | S        | 416471007 |         | Family history of clinical finding
4163872    | Procedure    | SNOMED       | Procedure    | S        | 399208008 |         | Plain X-ray of chest
4214956    | Observation  | SNOMED       | Situation    | S        | 417662000 |         | History of clinical finding in subject
3004410    | Measurement  | LOINC        | Lab Test     | S        | 4548-4    |         | Hemoglobin A1c in Blood
3004501    | Measurement  | LOINC        | Lab Test     | S        | 2345-7    |         | Glucose in Serum or Plasma
3012501    | Measurement  | LOINC        | Lab Test     | S        | 11555-0   |         | Base excess in Blood by calculation
3020630    | Measurement  | LOINC        | Lab Test     | S        | 2885-2    |         | Protein in Serum or Plasma
9191       | Meas Value   | SNOMED       | Qualifier Value | S     | 10828004  |         | Positive
9189       | Meas Value   | SNOMED       | Qualifier Value | S     | 260385009 |         | Negative
4123508    | Meas Value   | SNOMED       | Qualifier Value | S     | 260349009 |         | +
4132135    | Route        | SNOMED       | Qualifier Value | S     | 26643006  |         | Oral
1503297    | Drug         | RxNorm       | Ingredient   | S        | 6809      |         | metformin
40164929   | Drug         | RxNorm       | Clinical Drug | S       | 861007    |         | metformin 500 MG Oral Tablet
40164897   | Drug         | RxNorm       | Clinical Drug | S       | 860975    |         | metformin 1000 MG Oral Tablet
2614842    | Device       | HCPCS        | HCPCS        | S        | E0100     |         | Cane
44834548   | Condition    | ICD10CM      | 3-char       |          | E11       |         | Type 2 diabetes mellitus, source code
45571656   | Condition    | KCD7         | KCD7 code    |          | E11.40    |         | Type 2 diabetes with neuropathy, source code
45571657   | Condition    | KCD7         | KCD7 code    |          | Z83.3     |         | Family history of diabetes, source code
45571658   | Condition    | KCD7         | KCD7 code    |          | E11.9     |         | Type 2 diabetes, source code
45571659   | Procedure    | KCD7         | KCD7 code    |          | Q00.0     |         | a source code without a target
45571660   | Condition    | KCD7         | KCD7 code    |          | E11.8     |         | a source code whose mapping is no longer valid
45571661   | Condition    | KCD7         | KCD7 code    |          | E11.7     |         | a source code that maps to a concept that is not standard
201825     | Condition    | SNOMED       | Disorder     |          | 44054007  | D       | a concept that is no longer valid
2000000001 | Condition    | LOCAL        | Local        | S        | X1        |         | a concept of the consortium's own
"""

MAPS = """
from     | relation      | to      | invalid
45571656 | Maps to       | 201826  |
45571656 | Maps to       | 376065  |
45571657 | Maps to       | 4167217 |
45571657 | Maps to value | 201820  |
45571658 | Maps to       | 201826  |
45571660 | Maps to       | 201826  | D
45571661 | Maps to       | 201825  |
"""

ANCESTORS = """
ancestor | descendant
1503297  | 1503297
1503297  | 40164929
1503297  | 40164897
"""
VERSION = "v5.0 31-AUG-26"
_VALID = "19700101\t20991231"


def write_bundle(folder: Path) -> Path:
    """Write the concepts as a bundle as Athena hands it out."""
    folder.mkdir(parents=True)
    concepts = [dict(zip(cells(CONCEPTS)[0], row, strict=True)) for row in cells(CONCEPTS)[1:]]
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
            *("\t".join([row[0], row[2], row[1], _VALID, row[3]]) for row in cells(MAPS)[1:]),
        ],
        "CONCEPT_ANCESTOR": [
            "ancestor_concept_id\tdescendant_concept_id\tmin_levels_of_separation\tmax_levels_of_separation",
            *("\t".join([*row, "0", "0"]) for row in cells(ANCESTORS)[1:]),
        ],
        "VOCABULARY": [
            "vocabulary_id\tvocabulary_name\tvocabulary_reference\tvocabulary_version\tvocabulary_concept_id",
            f"None\tOMOP Standardized Vocabularies\tOMOP\t{VERSION}\t0",
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
