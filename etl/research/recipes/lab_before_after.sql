-- Question: How does a laboratory value change after a drug is started?
-- Note: Per person the last value of the 180 days before the first exposure ever (its day included) and the last one
--   of day 30 to 365 after it; only persons with both, and with the whole time inside one observation period. Values
--   count in one unit only: a row whose unit has no concept (0) or another one is left out, and so is a value with an
--   operator (“<”). Tests and drugs at concept 0 are not seen. People are tested because something is suspected: a
--   fall after a high value is not the drug's effect alone.
-- Tables: concept_ancestor, drug_exposure, measurement, observation_period
with ask (ingredient_concept_id, measurement_concept_id, unit_concept_id, days_before, days_after) as (
  values (1503297, 3004501, 8840, 180, 365) -- metformin; glucose in serum or plasma, mg/dL
),
first_exposure as (
  select d.person_id, min(d.drug_exposure_start_date) as day
  from drug_exposure d
    join concept_ancestor a on a.descendant_concept_id = d.drug_concept_id
    join ask on ask.ingredient_concept_id = a.ancestor_concept_id
  group by d.person_id
),
measured as (
  select f.person_id, m.value_as_number as value, m.measurement_date <= f.day as before,
    row_number() over (
      partition by f.person_id, m.measurement_date <= f.day
      order by m.measurement_date desc, m.measurement_id desc) as nth
  from first_exposure f cross join ask
    join observation_period p on p.person_id = f.person_id
      and f.day between p.observation_period_start_date and p.observation_period_end_date
    join measurement m on m.person_id = f.person_id
      and m.measurement_concept_id = ask.measurement_concept_id
      and m.unit_concept_id = ask.unit_concept_id
      and m.measurement_date between p.observation_period_start_date and p.observation_period_end_date
      and (m.measurement_date between f.day - ask.days_before and f.day
        or m.measurement_date between f.day + 30 and f.day + ask.days_after)
  where m.value_as_number is not null and m.operator_concept_id is null
),
paired as (
  select b.person_id, b.value as before, a.value as after
  from measured b join measured a on a.person_id = b.person_id
  where b.before and b.nth = 1 and not a.before and a.nth = 1
)
select case when count(*) >= 5 then count(*) end as persons,
  case when count(*) >= 5 then cast(avg(before) as numeric(12, 2)) end as mean_before,
  case when count(*) >= 5 then cast(avg(after) as numeric(12, 2)) end as mean_after,
  case when count(*) >= 5 then cast(avg(after - before) as numeric(12, 2)) end as mean_change,
  case when count(*) >= 5
    then cast(percentile_cont(0.5) within group (order by after - before) as numeric(12, 2)) end as median_change
from paired;
