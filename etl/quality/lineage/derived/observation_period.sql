-- The records a period spans, of all tables it is made from; one that began before the system went live counts when it
-- lasts into the period.
with record as (
  select 'visit_occurrence' as cdm_table, visit_occurrence_id as id, person_id, visit_start_date as begins,
    visit_end_date as ends from visit_occurrence
  union all select 'condition_occurrence', condition_occurrence_id, person_id, condition_start_date,
    coalesce(condition_end_date, condition_start_date) from condition_occurrence
  union all select 'drug_exposure', drug_exposure_id, person_id, drug_exposure_start_date, drug_exposure_end_date
    from drug_exposure
  union all select 'procedure_occurrence', procedure_occurrence_id, person_id, procedure_date,
    coalesce(procedure_end_date, procedure_date) from procedure_occurrence
  union all select 'measurement', measurement_id, person_id, measurement_date, measurement_date from measurement
  union all select 'observation', observation_id, person_id, observation_date, observation_date from observation
  union all select 'device_exposure', device_exposure_id, person_id, device_exposure_start_date,
    coalesce(device_exposure_end_date, device_exposure_start_date) from device_exposure
  union all select 'specimen', specimen_id, person_id, specimen_date, specimen_date from specimen
)
select r.cdm_table, r.id
from observation_period p
join record r on r.person_id = p.person_id and r.begins <= p.observation_period_end_date
  and r.ends >= p.observation_period_start_date
where p.observation_period_id = $id
order by r.begins, r.cdm_table, r.id
