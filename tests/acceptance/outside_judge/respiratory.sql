-- adults at their first disorder of the respiratory system (viral sinusitis apart), until the observation ends
with respiratory as (
  select descendant_concept_id as concept_id from concept_ancestor where ancestor_concept_id = 320136
  except
  select descendant_concept_id from concept_ancestor where ancestor_concept_id = 40481087
), first_ever as (
  select person_id, min(condition_start_date) as day
  from condition_occurrence where condition_concept_id in (from respiratory) group by person_id
)
select person_id as subject_id, day as cohort_start_date, observation_period_end_date as cohort_end_date
from first_ever join person using (person_id) join observation_period using (person_id)
where day between observation_period_start_date and observation_period_end_date and year(day) - year_of_birth >= 18
