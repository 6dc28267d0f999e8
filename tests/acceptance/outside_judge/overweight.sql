-- persons at the first body mass index of 25 kg/m² or more, if no hypertension is known on that day or before
with first_overweight as (
  select person_id, min(measurement_date) as day
  from measurement join observation_period using (person_id)
  where measurement_concept_id = 3038553 and unit_concept_id = 9531 and value_as_number >= 25
    and measurement_date between observation_period_start_date and observation_period_end_date
  group by person_id
)
select person_id as subject_id, day as cohort_start_date, observation_period_end_date as cohort_end_date
from first_overweight join observation_period using (person_id)
where day between observation_period_start_date and observation_period_end_date
  and not exists (
    from condition_occurrence c
    join concept_ancestor on condition_concept_id = descendant_concept_id and ancestor_concept_id = 316866
    where c.person_id = first_overweight.person_id and condition_start_date <= day
  )
