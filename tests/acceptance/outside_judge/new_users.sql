-- persons at their first exposure to acetaminophen who had an outpatient or emergency visit in the year before, until
-- their exposures pause for more than 30 days (an exposure begins anew after the gap), within the observation
with acetaminophen as (
  select person_id, drug_exposure_start_date as day, drug_exposure_end_date as until
  from drug_exposure
  join concept_ancestor on drug_concept_id = descendant_concept_id and ancestor_concept_id = 1125315
), spells as (
  select person_id, day, until,
    day > max(until) over (partition by person_id order by day rows between unbounded preceding and 1 preceding) + 30
      as pauses_before
  from acetaminophen
), first_spell as (
  select person_id, min(day) as day, max(until) as until
  from (
    select *, count(*) filter (pauses_before) over (partition by person_id order by day, until) as spell from spells
  )
  where spell = 0 group by person_id
)
select person_id as subject_id, day as cohort_start_date, least(until, observation_period_end_date) as cohort_end_date
from first_spell join observation_period using (person_id)
where day between observation_period_start_date and observation_period_end_date
  and exists (
    from visit_occurrence v
    where v.person_id = first_spell.person_id and visit_concept_id in (9202, 9203)
      and visit_start_date between day - 365 and day - 1
  )
