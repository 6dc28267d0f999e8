-- Question: How common is a condition, by year and sex?
-- Note: Period prevalence. The denominator is everybody observed on a day of the year at least; the numerator those
--   of them with a record of the condition in that year and inside an observation period. Records outside an
--   observation period are kept in the warehouse and do not count here. The concept set takes the descendants, so
--   that a record of the finer condition counts; concept 0 (codes without a standard concept) is in no concept set:
--   see unmapped_share. A patient of two hospitals is two persons. Fewer than five persons: empty.
-- Tables: concept_ancestor, condition_occurrence, observation_period, person, concept
with ask (condition_concept_id) as (
  values (201826) -- type 2 diabetes mellitus; add rows for a larger concept set
),
years (first_day, last_day) as (
  values (date '2023-01-01', date '2023-12-31'), (date '2024-01-01', date '2024-12-31'),
    (date '2025-01-01', date '2025-12-31')
),
concept_set as (
  select distinct a.descendant_concept_id as concept_id
  from concept_ancestor a join ask on a.ancestor_concept_id = ask.condition_concept_id
),
observed as (
  select distinct y.first_day, p.person_id
  from years y
    join observation_period p on p.observation_period_start_date <= y.last_day
      and p.observation_period_end_date >= y.first_day
),
ill as (
  select distinct y.first_day, c.person_id
  from condition_occurrence c
    join concept_set s on s.concept_id = c.condition_concept_id
    join years y on c.condition_start_date between y.first_day and y.last_day
    join observation_period p on p.person_id = c.person_id
      and c.condition_start_date between p.observation_period_start_date and p.observation_period_end_date
),
counted as (
  select o.first_day, g.gender_concept_id, count(*) as observed, count(i.person_id) as ill
  from observed o
    join person g on g.person_id = o.person_id
    left join ill i on i.person_id = o.person_id and i.first_day = o.first_day
  group by o.first_day, g.gender_concept_id
)
select cast(extract(year from n.first_day) as integer) as year, c.concept_name as sex,
  case when n.observed >= 5 then n.observed end as persons_observed,
  case when n.ill >= 5 then n.ill end as persons_with_condition,
  case when n.ill >= 5 then cast(100.0 * n.ill / n.observed as numeric(6, 2)) end as percent
from counted n join concept c on c.concept_id = n.gender_concept_id
order by 1, n.gender_concept_id;
