-- A small CDM that keeps every promise of expectations/cdm; the tables exist already, empty.
insert into concept by name
select concept_id, 'concept ' || concept_id as concept_name, domain_id, vocabulary_id, concept_class_id, standard_concept, code as concept_code
from (values
    (0, 'Metadata', 'None', 'Undefined', null, 'none'),
    (8507, 'Gender', 'Gender', 'Gender', 'S', 'M'),
    (8532, 'Gender', 'Gender', 'Gender', 'S', 'F'),
    (9201, 'Visit', 'Visit', 'Visit', 'S', 'IP'),
    (9202, 'Visit', 'Visit', 'Visit', 'S', 'OP'),
    (32817, 'Type Concept', 'Type Concept', 'Type Concept', 'S', 'OMOP4976890'),
    (756265, 'Metadata', 'CDM', 'CDM', 'S', 'CDM v5.4.0'),
    (201826, 'Condition', 'SNOMED', 'Disorder', 'S', '44054006'),
    (1503297, 'Drug', 'RxNorm', 'Ingredient', 'S', '6809'),
    (4163872, 'Procedure', 'SNOMED', 'Procedure', 'S', '399208008'),
    (3004249, 'Measurement', 'LOINC', 'Clinical Observation', 'S', '8480-6'),
    (3012888, 'Measurement', 'LOINC', 'Clinical Observation', 'S', '8462-4'),
    (3036277, 'Measurement', 'LOINC', 'Clinical Observation', 'S', '8302-2'),
    (3025315, 'Measurement', 'LOINC', 'Clinical Observation', 'S', '29463-7'),
    (4275495, 'Observation', 'SNOMED', 'Observable Entity', 'S', '365981007'),
    (2614842, 'Device', 'HCPCS', 'HCPCS', 'S', 'E0100'),
    (32533, 'Episode', 'Episode', 'Episode of Care', 'S', '-'),
    (1147070, 'Metadata', 'CDM', 'Field', 'S', 'CDM126'),
    (1147127, 'Metadata', 'CDM', 'Field', 'S', 'CDM183'),
    (21, 'Metadata', 'Domain', 'Domain', null, 'OMOP generated'),
    (36, 'Metadata', 'Domain', 'Domain', null, 'OMOP generated'),
    (44818756, 'Metadata', 'Relationship', 'Relationship', null, 'OMOP generated'),
    (8876, 'Unit', 'UCUM', 'Unit', 'S', 'mm[Hg]'),
    (45576876, 'Condition', 'ICD10CM', '3-char billing code', null, 'E11')
) as t (concept_id, domain_id, vocabulary_id, concept_class_id, standard_concept, code);

insert into location by name select 1 as location_id, 0 as country_concept_id;
insert into care_site by name select 1 as care_site_id, 1 as location_id, 0 as place_of_service_concept_id;
insert into provider by name
select 1 as provider_id, 1 as care_site_id, 0 as specialty_concept_id, 8507 as gender_concept_id;

insert into person by name
select
    i as person_id, if(i = 1, 8507, 8532) as gender_concept_id, 1960 as year_of_birth, 5 as month_of_birth,
    2 as day_of_birth, timestamp '1960-05-02' as birth_datetime, 0 as race_concept_id, 0 as ethnicity_concept_id,
    1 as location_id, 1 as provider_id, 1 as care_site_id, 0 as gender_source_concept_id
from range(1, 4) as t (i);

insert into visit_occurrence by name
select
    10 + i as visit_occurrence_id, i as person_id, 9202 as visit_concept_id, date '2020-03-01' as visit_start_date,
    date '2020-03-01' as visit_end_date, 32817 as visit_type_concept_id, 1 as provider_id, 1 as care_site_id,
    if(i = 3, 12, null) as preceding_visit_occurrence_id, 0 as visit_source_concept_id
from (values (1), (2)) as t (i);
insert into visit_occurrence by name
select
    13 as visit_occurrence_id, 2 as person_id, 9201 as visit_concept_id, date '2020-04-01' as visit_start_date,
    date '2020-04-09' as visit_end_date, 32817 as visit_type_concept_id, 12 as preceding_visit_occurrence_id;

insert into visit_detail by name
select
    1 as visit_detail_id, 2 as person_id, 9201 as visit_detail_concept_id, date '2020-04-01' as visit_detail_start_date,
    date '2020-04-03' as visit_detail_end_date, 32817 as visit_detail_type_concept_id, 1 as provider_id,
    1 as care_site_id, 13 as visit_occurrence_id;

insert into condition_occurrence by name
select
    i as condition_occurrence_id, i as person_id, if(i = 1, 201826, 0) as condition_concept_id,
    date '2020-03-01' as condition_start_date, if(i = 1, date '2020-03-02', null) as condition_end_date,
    32817 as condition_type_concept_id, 10 + i as visit_occurrence_id, 1 as provider_id,
    45576876 as condition_source_concept_id
from (values (1), (2)) as t (i);

insert into drug_exposure by name
select
    1 as drug_exposure_id, 1 as person_id, 1503297 as drug_concept_id, date '2020-03-01' as drug_exposure_start_date,
    date '2020-03-30' as drug_exposure_end_date, 32817 as drug_type_concept_id, 90 as quantity, 30 as days_supply,
    11 as visit_occurrence_id;

insert into procedure_occurrence by name
select
    1 as procedure_occurrence_id, 2 as person_id, 4163872 as procedure_concept_id, date '2020-04-02' as procedure_date,
    date '2020-04-02' as procedure_end_date, 32817 as procedure_type_concept_id, 1 as quantity,
    13 as visit_occurrence_id, 1 as visit_detail_id;

insert into measurement by name
select
    i as measurement_id, 1 as person_id, concept as measurement_concept_id, date '2020-03-01' as measurement_date,
    32817 as measurement_type_concept_id, value as value_as_number, 8876 as unit_concept_id, 11 as visit_occurrence_id
from (values (1, 3004249, 120), (2, 3012888, 80), (3, 3036277, 171), (4, 3025315, 70)) as t (i, concept, value);

insert into observation by name
select
    1 as observation_id, 1 as person_id, 4275495 as observation_concept_id, date '2020-03-01' as observation_date,
    32817 as observation_type_concept_id, 'never' as value_as_string, 11 as visit_occurrence_id;

insert into device_exposure by name
select
    1 as device_exposure_id, 2 as person_id, 2614842 as device_concept_id,
    date '2020-04-02' as device_exposure_start_date, date '2020-04-03' as device_exposure_end_date,
    32817 as device_type_concept_id, 13 as visit_occurrence_id;

insert into specimen by name
select
    1 as specimen_id, 1 as person_id, 0 as specimen_concept_id, 32817 as specimen_type_concept_id,
    date '2020-03-01' as specimen_date;
insert into fact_relationship by name
select
    21 as domain_concept_id_1, 1 as fact_id_1, 36 as domain_concept_id_2, 1 as fact_id_2, 44818756 as relationship_concept_id;

insert into note by name
select
    1 as note_id, 1 as person_id, date '2020-03-01' as note_date, 32817 as note_type_concept_id, 0 as note_class_concept_id,
    'well' as note_text, 0 as encoding_concept_id, 0 as language_concept_id, 11 as visit_occurrence_id, 1 as note_event_id,
    1147127 as note_event_field_concept_id;
insert into note_nlp by name
select
    1 as note_nlp_id, 1 as note_id, 'well' as lexical_variant, date '2020-06-01' as nlp_date, 201826 as note_nlp_concept_id;

insert into payer_plan_period by name
select
    1 as payer_plan_period_id, 1 as person_id, date '2020-01-01' as payer_plan_period_start_date,
    date '2020-06-01' as payer_plan_period_end_date;
insert into cost by name
select
    1 as cost_id, 11 as cost_event_id, 'Visit' as cost_domain_id, 32817 as cost_type_concept_id, 9 as total_charge,
    1 as payer_plan_period_id;

insert into episode by name
select
    1 as episode_id, 1 as person_id, 32533 as episode_concept_id, date '2020-03-01' as episode_start_date,
    date '2020-04-01' as episode_end_date, 201826 as episode_object_concept_id, 32817 as episode_type_concept_id;
insert into episode_event by name
select 1 as episode_id, 1 as event_id, 1147127 as episode_event_field_concept_id;

insert into death by name
select 2 as person_id, date '2020-06-01' as death_date, 32817 as death_type_concept_id, 201826 as cause_concept_id;

insert into observation_period by name
select
    i as observation_period_id, person as person_id, cast(started as date) as observation_period_start_date,
    cast(ended as date) as observation_period_end_date, 32817 as period_type_concept_id
from (values
    (1, 1, '2020-01-01', '2020-05-30'), (2, 2, '2018-01-01', '2018-02-01'), (3, 2, '2020-01-01', '2020-06-01')
) as t (i, person, started, ended);

insert into condition_era by name
select
    i as condition_era_id, 1 as person_id, 201826 as condition_concept_id, date '2020-03-01' + 60 * i as condition_era_start_date,
    date '2020-03-02' + 60 * i as condition_era_end_date
from (values (0), (1)) as t (i);
insert into drug_era by name
select
    i as drug_era_id, 1 as person_id, 1503297 as drug_concept_id, date '2020-03-01' + 90 * i as drug_era_start_date,
    date '2020-03-30' + 90 * i as drug_era_end_date, 0 as gap_days
from (values (0), (1)) as t (i);

insert into dose_era by name
select
    1 as dose_era_id, 1 as person_id, 1503297 as drug_concept_id, 0 as unit_concept_id, 1500 as dose_value,
    date '2020-03-01' as dose_era_start_date, date '2020-03-30' as dose_era_end_date;
insert into metadata by name
select
    1 as metadata_id, 0 as metadata_concept_id, 32817 as metadata_type_concept_id, 'rows left out' as name,
    3 as value_as_number;

insert into cdm_source by name
select
    'Sample' as cdm_source_name, 'SMP' as cdm_source_abbreviation, 'Consortium' as cdm_holder,
    date '2020-06-01' as source_release_date, date '2020-06-01' as cdm_release_date, 756265 as cdm_version_concept_id,
    'v5.0 27-FEB-25' as vocabulary_version;

insert into mapping_rate values
    ('Condition', 200, 180, 0.9, 0.95, 0.91, -0.01), ('Drug', 100, 75, 0.75, 0.85, null, null), ('Visit', 30, 30, 1.0, 1.0, 1.0, 0.0);

insert into row_change values
    ('drug_exposure.end unreadable', 'drug_exposure', 'unreadable', 'end', 1, 200, 0.005),
    ('condition_occurrence end_before_start', 'condition_occurrence', 'end_before_start', '', 9, 10, 0.9);

insert into table_volume values
    ('measurement', 800, 1000, -0.2), ('person', 10, 999, -0.99), ('note', 5, null, null), ('observation', 2000, 1000, 1.0);

insert into identity_change values ('persons', 1000, 50, 60, 0.05);
