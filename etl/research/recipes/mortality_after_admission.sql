-- Question: How many people die within 30 and 365 days of an admission?
-- Note: Of every person the first stay (inpatient, also through the emergency room). A hospital learns of deaths that
--   it sees or that the registry reports: death has one row per person, death_type_concept_id tells from where. Who
--   is not observed for the whole time and did not die is left out of that column's denominator, because nobody would
--   know. Age is by year of birth. Visits of concept 0 are no admissions. Fewer than five: empty.
-- Tables: visit_occurrence, concept_ancestor, death, observation_period, person
with admission as (
  select v.person_id, min(v.visit_start_date) as day
  from visit_occurrence v join concept_ancestor a on a.descendant_concept_id = v.visit_concept_id
  where a.ancestor_concept_id in (9201, 262)
  group by v.person_id
),
followed as (
  select a.person_id, d.death_date - a.day as died_after, p.observation_period_end_date - a.day as observed_for,
    case when extract(year from a.day) - g.year_of_birth < 65 then 'below 65' else '65 and above' end as age
  from admission a
    join person g on g.person_id = a.person_id
    join observation_period p on p.person_id = a.person_id
      and a.day between p.observation_period_start_date and p.observation_period_end_date
    left join death d on d.person_id = a.person_id
),
counted as (
  select age, count(*) as admitted,
    count(*) filter (where died_after between 0 and 30 or observed_for >= 30) as known_30,
    count(*) filter (where died_after between 0 and 30) as died_30,
    count(*) filter (where died_after between 0 and 365 or observed_for >= 365) as known_365,
    count(*) filter (where died_after between 0 and 365) as died_365
  from followed
  group by age
)
select age, case when admitted >= 5 then admitted end as admitted,
  case when died_30 >= 5 then died_30 end as died_in_30_days,
  case when died_30 >= 5 then cast(100.0 * died_30 / known_30 as numeric(5, 1)) end as percent_30,
  case when died_365 >= 5 then died_365 end as died_in_365_days,
  case when died_365 >= 5 then cast(100.0 * died_365 / known_365 as numeric(5, 1)) end as percent_365
from counted
order by age desc;
