-- Question: How many records have no standard concept, by domain and hospital?
-- Note: Look here before you compare hospitals. A record whose code found no standard concept is there with concept 0
--   and its source value: a concept set never finds it. All records count, also outside of observation periods. The
--   night's report shows the same by code, and `etl unmapped` lists what to map next. Fewer than five persons: empty.
-- Tables: condition_occurrence, drug_exposure, procedure_occurrence, device_exposure, measurement, observation
with record as (
  select 'condition' as domain, person_id, condition_concept_id as concept_id from condition_occurrence
  union all select 'drug', person_id, drug_concept_id from drug_exposure
  union all select 'procedure', person_id, procedure_concept_id from procedure_occurrence
  union all select 'device', person_id, device_concept_id from device_exposure
  union all select 'measurement', person_id, measurement_concept_id from measurement
  union all select 'observation', person_id, observation_concept_id from observation
),
counted as (
  select domain, person_id >> 24 as hospital, count(*) as records,
    count(*) filter (where concept_id = 0) as unmapped, count(distinct person_id) as persons,
    count(distinct case when concept_id = 0 then person_id end) as persons_unmapped
  from record
  group by domain, person_id >> 24
)
select domain, hospital, case when persons >= 5 then records end as records,
  case when persons_unmapped >= 5 then unmapped end as unmapped,
  case when persons_unmapped >= 5 then cast(100.0 * unmapped / records as numeric(5, 1)) end as percent_unmapped
from counted
order by domain, hospital;
