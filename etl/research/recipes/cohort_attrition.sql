-- Question: How many people are left after each step of a cohort's definition?
-- Note: New diabetics under metformin: every step keeps those of the step before. The index day is the first record
--   of the condition; from step 4 on it lies in an observation period that began a year before. A condition at
--   concept 0 enters no step. To keep the members, write the last step with its days into a table cohort of your own
--   schema (cohort_definition_id, subject_id, cohort_start_date, cohort_end_date). Counts are rounded to fives:
--   hiding a small step alone would be undone by subtracting its neighbours.
-- Tables: concept_ancestor, condition_occurrence, drug_exposure, observation_period, person
with ask (condition_concept_id, ingredient_concept_id, minimum_age, prior_days) as (
  values (201826, 1503297, 18, 365) -- type 2 diabetes mellitus, metformin
),
record as (
  select c.person_id, c.condition_start_date as day
  from condition_occurrence c
    join concept_ancestor a on a.descendant_concept_id = c.condition_concept_id
    join ask on ask.condition_concept_id = a.ancestor_concept_id
),
any_record as (
  select person_id, min(day) as index_day, max(day) as last_day from record group by person_id
),
confirmed as ( -- a second record, thirty days later or more: one alone may be a suspicion
  select * from any_record where last_day >= index_day + 30
),
adult as (
  select r.* from confirmed r cross join ask join person p on p.person_id = r.person_id
  where extract(year from r.index_day) - p.year_of_birth >= ask.minimum_age
),
observed as ( -- without a year of observation before, the first record need not be the first diagnosis
  select r.*, o.observation_period_end_date as observed_until
  from adult r cross join ask
    join observation_period o on o.person_id = r.person_id
      and r.index_day between o.observation_period_start_date + ask.prior_days and o.observation_period_end_date
),
treated as (
  select o.* from observed o
  where exists (
    select 1 from drug_exposure d
      join concept_ancestor a on a.descendant_concept_id = d.drug_concept_id
      join ask on ask.ingredient_concept_id = a.ancestor_concept_id
    where d.person_id = o.person_id and d.drug_exposure_start_date between o.index_day and o.observed_until)
),
steps as (
  select 1 as step, 'a record of the condition' as criterion, count(*) as persons from any_record
  union all select 2, 'a second record, thirty days later or more', count(*) from confirmed
  union all select 3, 'of age at the first record', count(*) from adult
  union all select 4, 'observed for 365 days before the first record', count(*) from observed
  union all select 5, 'under the drug after it, while observed', count(*) from treated
),
rounded as (
  select step, criterion, cast(5 * round(persons / 5.0) as integer) as persons from steps
)
select step, criterion, persons, lag(persons) over (order by step) - persons as left_out
from rounded
order by step;
