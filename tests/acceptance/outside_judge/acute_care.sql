-- inpatient and emergency visits with a disease found on their first day or in the 30 days after, in the same
-- observation period; each lasts until a week after the visit's end, and overlapping ones are one
with visits as (
  select distinct person_id, visit_start_date as day,
    least(visit_end_date + 7, observation_period_end_date) as until
  from visit_occurrence v join observation_period o using (person_id)
  where visit_concept_id in (9201, 9203)
    and visit_start_date between observation_period_start_date and observation_period_end_date
    and exists (
      from condition_occurrence c
      join concept_ancestor on condition_concept_id = descendant_concept_id and ancestor_concept_id = 4274025
      where c.person_id = v.person_id and condition_start_date between visit_start_date and visit_start_date + 30
        and condition_start_date between observation_period_start_date and observation_period_end_date
    )
), numbered as (
  select *, count(*) filter (gap) over (partition by person_id order by day, until) as spell
  from (
    select *, day > max(until) over (
      partition by person_id order by day, until rows between unbounded preceding and 1 preceding
    ) as gap
    from visits
  )
)
select person_id as subject_id, min(day) as cohort_start_date, max(until) as cohort_end_date
from numbered group by person_id, spell
