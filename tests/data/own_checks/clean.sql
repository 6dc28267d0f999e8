-- A warehouse of four hospitals in which every check of ours is asked and holds, as on the night 2026-06-30. The first row of
-- a table of persons is that of person 1 of hospital 1, whose ids are 16777217 << 23 | 0.
insert into vocabulary by name select 'None' as vocabulary_id, 'OMOP Standardized Vocabularies' as vocabulary_name, 'v5.0 2026' as vocabulary_version, 0 as vocabulary_concept_id;
insert into concept by name
select * from (values
  (0, 'No matching concept', 'Metadata', 'None', null), (8507, 'MALE', 'Gender', 'Gender', 'S'), (8532, 'FEMALE', 'Gender', 'Gender', 'S'),
  (9201, 'Inpatient Visit', 'Visit', 'Visit', 'S'), (9202, 'Outpatient Visit', 'Visit', 'Visit', 'S'), (32817, 'EHR', 'Type Concept', 'Type Concept', 'S'),
  (8753, 'millimole per liter', 'Unit', 'UCUM', 'S'), (8840, 'milligram per deciliter', 'Unit', 'UCUM', 'S'), (4132161, 'Oral', 'Route', 'SNOMED', 'S'),
  (32902, 'Primary diagnosis', 'Condition Status', 'Condition Status', 'S'),
  (320128, 'Essential hypertension', 'Condition', 'SNOMED', 'S'), (201826, 'Type 2 diabetes mellitus', 'Condition', 'SNOMED', 'S'),
  (255573, 'COPD', 'Condition', 'SNOMED', 'S'), (4000001, 'A finding', 'Observation', 'SNOMED', 'S'),
  (1503297, 'metformin', 'Drug', 'RxNorm', 'S'), (1308216, 'lisinopril', 'Drug', 'RxNorm', 'S'),
  (4000002, 'A procedure', 'Procedure', 'SNOMED', 'S'), (4000003, 'Another procedure', 'Procedure', 'SNOMED', 'S'),
  (4000004, 'A device', 'Device', 'SNOMED', 'S'), (4000005, 'Another device', 'Device', 'SNOMED', 'S'),
  (3004501, 'Glucose', 'Measurement', 'LOINC', 'S'), (3023103, 'Potassium', 'Measurement', 'LOINC', 'S'),
  (4000006, 'Another finding', 'Observation', 'SNOMED', 'S'), (4000007, 'Blood', 'Specimen', 'SNOMED', 'S'), (4000008, 'Urine', 'Specimen', 'SNOMED', 'S'),
  (4000009, 'Positive', 'Meas Value', 'LOINC', 'S'), (38004446, 'General Practice', 'Provider', 'Provider', 'S')
) c(concept_id, concept_name, domain_id, vocabulary_id, standard_concept);
insert into concept by name
select 2000000000 + i as concept_id, 'Code ' || i as concept_name, 'Condition' as domain_id, 'KCD7' as vocabulary_id, 'A' || (10 + i) || '.0' as concept_code
from range(30) r(i);
update concept set concept_code = case concept_id when 8753 then 'mmol/L' else 'mg/dL' end where vocabulary_id = 'UCUM';
insert into concept_relationship by name
select * from (values
  (2000000001, 320128, 'Maps to'), (2000000001, 4000001, 'Maps to'), (2000000002, 3004501, 'Maps to'), (2000000002, 4000009, 'Maps to value')
) r(concept_id_1, concept_id_2, relationship_id);
insert into cdm_source by name
select 'Test' as cdm_source_name, 'T' as cdm_source_abbreviation, 'Somebody' as cdm_holder, date '2026-06-30' as source_release_date,
  date '2026-06-30' as cdm_release_date, '5.4' as cdm_version, 756265 as cdm_version_concept_id, 'v5.0 2026' as vocabulary_version;
create temp table man as
select (h << 24) + n as person_id, ((h << 24) + n) << 23 as first_id, h, n from range(1, 5) a(h), range(1, 121) b(n);
insert into person by name
select person_id, case when n % 2 = 0 then 8507 else 8532 end as gender_concept_id, 1950 + n % 40 as year_of_birth, 1 + n % 12 as month_of_birth,
  1 + n % 28 as day_of_birth, make_timestamp(1950 + n % 40, 1 + n % 12, 1 + n % 28, 0, 0, 0) as birth_datetime, 38003585 as race_concept_id,
  0 as ethnicity_concept_id, 'P' || n as person_source_value
from man;
insert into death by name
select person_id, date '2026-06-01' as death_date, 32817 as death_type_concept_id from man where n = 1;
insert into observation_period by name
select first_id as observation_period_id, person_id, date '2025-01-01' as observation_period_start_date, date '2026-05-31' as observation_period_end_date,
  32817 as period_type_concept_id
from man;
insert into care_site by name
select person_id as care_site_id, 'Ward ' || n as care_site_name, 38004446 as place_of_service_concept_id, 'W' || n as care_site_source_value from man;
insert into provider by name select person_id as provider_id, 38004446 as specialty_concept_id from man;
-- fourteen and more visits on every day, all of persons who live; the first of person 1 lies before
insert into visit_occurrence by name
select first_id + (d * 16 + i) // 119 + 10 as visit_occurrence_id, person_id, 9202 as visit_concept_id, 32817 as visit_type_concept_id,
  date '2025-04-01' + d::int as visit_start_date, date '2025-04-01' + d::int as visit_end_date,
  (date '2025-04-01' + d::int) + interval 9 hour as visit_start_datetime, (date '2025-04-01' + d::int) + interval 10 hour as visit_end_datetime,
  0 as admitted_from_concept_id, 'V' || d || '.' || i as visit_source_value
from range(456) a(d), range(16) b(i), man where n = 2 + (d * 16 + i) % 119;
insert into visit_occurrence by name
select first_id + k as visit_occurrence_id, person_id, 9201 as visit_concept_id, 32817 as visit_type_concept_id,
  date '2026-03-01' + (10 * k)::int as visit_start_date, date '2026-03-05' + (10 * k)::int as visit_end_date,
  (date '2026-03-01' + (10 * k)::int) + interval 9 hour as visit_start_datetime, (date '2026-03-05' + (10 * k)::int) + interval 8 hour as visit_end_datetime,
  0 as admitted_from_concept_id, 'S' || k as visit_source_value
from man, range(2) r(k);
insert into visit_detail by name
select first_id as visit_detail_id, person_id, first_id as visit_occurrence_id, 32037 as visit_detail_concept_id, 32817 as visit_detail_type_concept_id,
  date '2026-03-02' as visit_detail_start_date, date '2026-03-03' as visit_detail_end_date, timestamp '2026-03-02 10:00' as visit_detail_start_datetime,
  timestamp '2026-03-03 10:00' as visit_detail_end_datetime, 0 as admitted_from_concept_id
from man;
insert into condition_occurrence by name
select first_id as condition_occurrence_id, person_id, first_id as visit_occurrence_id, case n % 3 when 0 then 320128 when 1 then 201826 else 255573 end as condition_concept_id,
  2000000010 + n % 20 as condition_source_concept_id, 'A' || (20 + n % 20) || '.0' as condition_source_value, 32817 as condition_type_concept_id,
  32902 as condition_status_concept_id, 'main' as condition_status_source_value,
  date '2026-03-02' as condition_start_date, timestamp '2026-03-02 10:00' as condition_start_datetime, date '2026-03-04' as condition_end_date,
  timestamp '2026-03-04 10:00' as condition_end_datetime
from man;
-- a code with two standard concepts, in two tables
insert into condition_occurrence by name
select first_id + 1 as condition_occurrence_id, person_id, first_id as visit_occurrence_id, 320128 as condition_concept_id, 2000000001 as condition_source_concept_id, 'A11.0' as condition_source_value,
  32817 as condition_type_concept_id, date '2026-03-03' as condition_start_date, timestamp '2026-03-03 10:00' as condition_start_datetime
from man where n <= 60;
insert into observation by name
select first_id + 1 as observation_id, person_id, first_id as visit_occurrence_id, 4000001 as observation_concept_id, 2000000001 as observation_source_concept_id, 'A11.0' as observation_source_value,
  32817 as observation_type_concept_id, date '2026-03-03' as observation_date, timestamp '2026-03-03 10:00' as observation_datetime
from man where n <= 60;
insert into observation by name
select first_id as observation_id, person_id, first_id as visit_occurrence_id, case when n % 2 = 0 then 4000001 else 4000006 end as observation_concept_id,
  'O' || n % 24 as observation_source_value, 8753 as unit_concept_id, 'mmol/L' as unit_source_value, 32817 as observation_type_concept_id,
  date '2026-03-02' as observation_date, timestamp '2026-03-02 10:00' as observation_datetime
from man;
insert into drug_exposure by name
select first_id as drug_exposure_id, person_id, first_id as visit_occurrence_id, case when n % 2 = 0 then 1503297 else 1308216 end as drug_concept_id, 2000000010 + n % 20 as drug_source_concept_id,
  'D' || n % 24 as drug_source_value, 32817 as drug_type_concept_id, 4132161 as route_concept_id, 'PO' as route_source_value, 10 as days_supply, 30.0 as quantity,
  date '2026-03-02' as drug_exposure_start_date, date '2026-03-11' as drug_exposure_end_date, timestamp '2026-03-02 10:00' as drug_exposure_start_datetime,
  timestamp '2026-03-11 10:00' as drug_exposure_end_datetime
from man;
insert into procedure_occurrence by name
select first_id as procedure_occurrence_id, person_id, first_id as visit_occurrence_id, case when n % 2 = 0 then 4000002 else 4000003 end as procedure_concept_id, 2000000010 + n % 20 as procedure_source_concept_id,
  'Q' || n % 24 as procedure_source_value, 32817 as procedure_type_concept_id, 1 as quantity, date '2026-03-02' as procedure_date, timestamp '2026-03-02 10:00' as procedure_datetime
from man;
insert into device_exposure by name
select first_id as device_exposure_id, person_id, first_id as visit_occurrence_id, case when n % 2 = 0 then 4000004 else 4000005 end as device_concept_id, 'X' || n % 24 as device_source_value,
  32817 as device_type_concept_id, 1 as quantity, date '2026-03-02' as device_exposure_start_date, timestamp '2026-03-02 10:00' as device_exposure_start_datetime
from man;
insert into measurement by name
select first_id as measurement_id, person_id, first_id as visit_occurrence_id, 3004501 as measurement_concept_id, 2000000002 as measurement_source_concept_id, 'L' || n % 24 as measurement_source_value,
  4000009 as value_as_concept_id, 80.0 + n as value_as_number, (80 + n)::varchar as value_source_value, 8840 as unit_concept_id, 'mg/dL' as unit_source_value,
  32817 as measurement_type_concept_id, 4172704 as operator_concept_id, date '2026-03-02' as measurement_date, timestamp '2026-03-02 10:00' as measurement_datetime
from man;
insert into measurement by name
select first_id + 1 as measurement_id, person_id, first_id as visit_occurrence_id, 3023103 as measurement_concept_id, 2000000020 as measurement_source_concept_id, 'K' as measurement_source_value,
  3.5 + n / 100.0 as value_as_number, (3.5 + n / 100.0)::varchar as value_source_value, 8753 as unit_concept_id, 'mmol/L' as unit_source_value,
  32817 as measurement_type_concept_id, date '2026-03-02' as measurement_date, timestamp '2026-03-02 10:00' as measurement_datetime
from man;
insert into specimen by name
select first_id as specimen_id, person_id, case when n % 2 = 0 then 4000007 else 4000008 end as specimen_concept_id, 32817 as specimen_type_concept_id, 'Z' || n % 24 as specimen_source_value,
  8753 as unit_concept_id, 'mL' as unit_source_value, date '2026-03-02' as specimen_date
from man;
insert into note by name
select first_id as note_id, person_id, date '2026-03-02' as note_date, 32817 as note_type_concept_id, 1 as note_class_concept_id, 'said' as note_text,
  1 as encoding_concept_id, 1 as language_concept_id
from man;
insert into cost by name
select first_id as cost_id, first_id as cost_event_id, 'Visit' as cost_domain_id, 32817 as cost_type_concept_id from man;
insert into condition_era by name
select first_id + k as condition_era_id, person_id, 320128 as condition_concept_id, date '2025-01-01' + (200 * k)::int as condition_era_start_date,
  date '2025-01-10' + (200 * k)::int as condition_era_end_date
from man, range(2) r(k);
insert into drug_era by name
select first_id + k as drug_era_id, person_id, 1503297 as drug_concept_id, date '2025-01-01' + (200 * k)::int as drug_era_start_date,
  date '2025-01-10' + (200 * k)::int as drug_era_end_date
from man, range(2) r(k);
insert into dose_era by name
select first_id as dose_era_id, person_id, 1503297 as drug_concept_id, date '2025-01-01' as dose_era_start_date, date '2025-01-10' as dose_era_end_date from man;
