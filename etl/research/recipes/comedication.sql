-- Question: What do people take together with a drug?
-- Note: Drug eras: time under one ingredient, with thirty days of persistence, so that a missed refill is no stop.
--   Two drugs go together when their eras share thirty days or more. Exposures, and so eras, may lie outside of
--   observation periods; here the era of the drug asked for has to begin inside one. Drugs at concept 0 make no era.
--   Fewer than five: left out.
-- Tables: drug_era, observation_period, concept
with ask (ingredient_concept_id, shared_days) as (
  values (1503297, 30) -- metformin
),
taker as (
  select e.person_id, e.drug_era_start_date as begins, e.drug_era_end_date as ends
  from drug_era e
    join ask on ask.ingredient_concept_id = e.drug_concept_id
    join observation_period p on p.person_id = e.person_id
      and e.drug_era_start_date between p.observation_period_start_date and p.observation_period_end_date
),
everybody as (
  select count(distinct person_id) as persons from taker
),
together as (
  select o.drug_concept_id, count(distinct t.person_id) as persons
  from taker t cross join ask
    join drug_era o on o.person_id = t.person_id and o.drug_concept_id <> ask.ingredient_concept_id
      and o.drug_era_start_date <= t.ends and o.drug_era_end_date >= t.begins
  where least(t.ends, o.drug_era_end_date) - greatest(t.begins, o.drug_era_start_date) + 1 >= ask.shared_days
  group by o.drug_concept_id
)
select c.concept_name as drug, t.persons, cast(100.0 * t.persons / e.persons as numeric(5, 1)) as percent_of_takers
from together t cross join everybody e
  join concept c on c.concept_id = t.drug_concept_id
where t.persons >= 5
order by t.persons desc, t.drug_concept_id
limit 20;
