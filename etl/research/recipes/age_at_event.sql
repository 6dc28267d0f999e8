-- Question: How old are people when a condition is first recorded?
-- Note: Age on the day, from year, month and day of birth; where a hospital gives no month or day, 1 July or the 1st
--   stands for it. The first record is the first in these data, not in life: only such count that follow 180 days or
--   more of an observation period. Concept 0 is in no concept set. Groups of fewer than five: empty.
-- Tables: concept_ancestor, condition_occurrence, observation_period, person, concept
with ask (condition_concept_id, prior_days) as (
  values (320136, 180) -- disorder of respiratory system
),
first_record as (
  select c.person_id, min(c.condition_start_date) as day
  from condition_occurrence c
    join concept_ancestor a on a.descendant_concept_id = c.condition_concept_id
    join ask on ask.condition_concept_id = a.ancestor_concept_id
  group by c.person_id
),
aged as (
  select f.person_id, p.gender_concept_id,
    extract(year from f.day) - p.year_of_birth
      - case when 100 * extract(month from f.day) + extract(day from f.day)
          < 100 * coalesce(p.month_of_birth, 7) + coalesce(p.day_of_birth, 1) then 1 else 0 end as age
  from first_record f cross join ask
    join person p on p.person_id = f.person_id
    join observation_period o on o.person_id = f.person_id
      and f.day between o.observation_period_start_date + ask.prior_days and o.observation_period_end_date
),
grouped as (
  select gender_concept_id, cast(floor(age / 20) as integer) * 20 as age_from, count(*) as persons
  from aged
  group by gender_concept_id, cast(floor(age / 20) as integer) * 20
)
select c.concept_name as sex, g.age_from, g.age_from + 19 as age_to,
  case when g.persons >= 5 then g.persons end as persons
from grouped g join concept c on c.concept_id = g.gender_concept_id
order by g.gender_concept_id, g.age_from;
