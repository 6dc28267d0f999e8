-- Question: Who starts a drug, by year, sex and age?
-- Note: A new user's first exposure ever (to the ingredient, through concept_ancestor, whatever the strength) lies in
--   an observation period and 365 days or more after that period began. Whoever is not observed for so long may have
--   taken the drug before. An order is not an intake: drug_type_concept_id tells a prescription (32838) from an
--   administration (32818). Drugs at concept 0 are not seen. Fewer than five: empty.
-- Tables: concept_ancestor, drug_exposure, observation_period, person, concept
with ask (ingredient_concept_id, prior_days) as (
  values (1503297, 365) -- metformin
),
first_exposure as (
  select d.person_id, min(d.drug_exposure_start_date) as day
  from drug_exposure d
    join concept_ancestor a on a.descendant_concept_id = d.drug_concept_id
    join ask on ask.ingredient_concept_id = a.ancestor_concept_id
  group by d.person_id
),
new_user as (
  select f.person_id, f.day
  from first_exposure f cross join ask
    join observation_period p on p.person_id = f.person_id
      and f.day between p.observation_period_start_date + ask.prior_days and p.observation_period_end_date
),
grouped as (
  select cast(extract(year from u.day) as integer) as year, p.gender_concept_id,
    case when extract(year from u.day) - p.year_of_birth < 65 then 'below 65' else '65 and above' end as age,
    count(*) as persons
  from new_user u join person p on p.person_id = u.person_id
  group by 1, 2, 3
)
select g.year, c.concept_name as sex, g.age, case when g.persons >= 5 then g.persons end as new_users
from grouped g join concept c on c.concept_id = g.gender_concept_id
order by g.year, g.gender_concept_id, g.age;
