-- Question: How many people get a condition for the first time, per 1,000 person-years, by year?
-- Note: Washout: a person comes under risk after 365 days of an observation period, so that an old diagnosis that is
--   written down again at the first visits is not taken for a new one. Time at risk ends with the first record of the
--   condition (of all data, also outside of observation periods) or with the period. Every observation period counts
--   its own washout. Concept 0 is in no concept set: a hospital that maps few of its codes seems healthy. Fewer than
--   five new cases: empty.
-- Tables: concept_ancestor, condition_occurrence, observation_period
with ask (condition_concept_id, washout_days) as (
  values (320136, 365) -- disorder of respiratory system
),
years (first_day, last_day) as (
  values (date '2021-01-01', date '2021-12-31'), (date '2022-01-01', date '2022-12-31'),
    (date '2023-01-01', date '2023-12-31'), (date '2024-01-01', date '2024-12-31'),
    (date '2025-01-01', date '2025-12-31')
),
first_record as (
  select c.person_id, min(c.condition_start_date) as day
  from condition_occurrence c
    join concept_ancestor a on a.descendant_concept_id = c.condition_concept_id
    join ask on ask.condition_concept_id = a.ancestor_concept_id
  group by c.person_id
),
at_risk as (
  select p.person_id, p.observation_period_start_date + ask.washout_days as begins,
    least(p.observation_period_end_date, f.day) as ends, f.day as event_day
  from observation_period p cross join ask
    left join first_record f on f.person_id = p.person_id
),
by_year as (
  select y.first_day, r.person_id,
    least(r.ends, y.last_day) - greatest(r.begins, y.first_day) + 1 as days,
    case when r.event_day between r.begins and r.ends and r.event_day between y.first_day and y.last_day
      then 1 else 0 end as new_case
  from years y join at_risk r on r.begins <= y.last_day and r.ends >= y.first_day and r.begins <= r.ends
)
select cast(extract(year from first_day) as integer) as year,
  case when count(distinct person_id) >= 5 then count(distinct person_id) end as persons_at_risk,
  case when count(distinct person_id) >= 5 then cast(sum(days) / 365.25 as numeric(12, 1)) end as person_years,
  case when sum(new_case) >= 5 then sum(new_case) end as new_cases,
  case when sum(new_case) >= 5
    then cast(1000.0 * 365.25 * sum(new_case) / sum(days) as numeric(10, 1)) end as per_1000_person_years
from by_year
group by first_day
order by first_day;
