"""Checks of OHDSI's Data Quality Dashboard that a mapping decides, as plain queries for the rows that break them.

The names are the dashboard's; docs/quality-dashboard.md tells of those that a source decides.
"""

from __future__ import annotations

EVERYWHERE = {
    "plausibleBeforeDeath payer_plan_period_end_date": """
        from payer_plan_period join death using (person_id) where payer_plan_period_end_date > death_date""",
    "plausibleBeforeDeath visit_end_date": """
        from visit_occurrence v join death d using (person_id)
        where v.visit_start_date <= d.death_date and v.visit_end_date > d.death_date + interval 60 day""",
    "fkDomain visit_type_concept_id": """
        from visit_occurrence join concept on concept_id = visit_type_concept_id where domain_id <> 'Type Concept'""",
    "fkDomain visit_detail_type_concept_id": """
        from visit_detail join concept on concept_id = visit_detail_type_concept_id
        where domain_id <> 'Type Concept'""",
    "sourceConceptRecordCompleteness cause_source_concept_id": """
        from death where cause_source_value is null and cause_source_concept_id is not null""",
    "sourceConceptRecordCompleteness specialty_source_concept_id": """
        from provider where specialty_source_value is null and specialty_source_concept_id is not null""",
    "measurePersonCompleteness observation_period": """
        from person where person_id not in (select person_id from observation_period)""",
    "isStandardValidConcept visit_concept_id": """
        from visit_occurrence join concept on concept_id = visit_concept_id where standard_concept is distinct from 'S'
        and concept_id <> 0""",
    "plausibleValueHigh refills": "from drug_exposure where refills > 24",
    "plausibleStartBeforeEnd visit_detail": "from visit_detail where visit_detail_end_date < visit_detail_start_date",
}

#: Those that the sample need not break, with the share that the dashboard allows.
SAMPLE = {
    "plausibleUnitConceptIds 3009744 (MCHC)": (
        "from measurement where measurement_concept_id = 3009744 and value_as_number is not null",
        "unit_concept_id = 8554",
        0.05,
    ),
    "standardConceptRecordCompleteness measurement": ("from measurement", "measurement_concept_id = 0", 0.05),
    "standardConceptRecordCompleteness procedure_occurrence": (
        "from procedure_occurrence",
        "procedure_concept_id = 0",
        0.05,
    ),
    "measurePersonCompleteness observation": (
        "from person",
        "person_id not in (select person_id from observation)",
        0.95,
    ),
}
