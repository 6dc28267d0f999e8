-- Question: How many people with diabetes have their HbA1c under control, by hospital?
-- Note: Persons with a record of type 2 diabetes before the end of the year and observed in the year; their last
--   HbA1c of the year, in percent (8554): a value in mmol/mol, or of a unit without a concept, is not compared with a
--   threshold in percent. Who was not measured is in the denominator of “measured”, not in that of “below”. A
--   hospital that measures with codes at concept 0 seems to measure nobody: see unmapped_share. Fewer than five:
--   empty.
-- Tables: concept_ancestor, condition_occurrence, measurement, observation_period
with ask (condition_concept_id, measurement_concept_id, unit_concept_id, threshold, first_day, last_day) as (
  values (201826, 3004410, 8554, 7.0, date '2025-01-01', date '2025-12-31')
),
diabetic as (
  select distinct c.person_id
  from condition_occurrence c
    join concept_ancestor a on a.descendant_concept_id = c.condition_concept_id
    join ask on ask.condition_concept_id = a.ancestor_concept_id and c.condition_start_date <= ask.last_day
    join observation_period p on p.person_id = c.person_id
      and p.observation_period_start_date <= ask.last_day and p.observation_period_end_date >= ask.first_day
),
last_value as (
  select m.person_id, m.value_as_number as value,
    row_number() over (partition by m.person_id order by m.measurement_date desc, m.measurement_id desc) as nth
  from measurement m join ask on m.measurement_concept_id = ask.measurement_concept_id
    and m.unit_concept_id = ask.unit_concept_id and m.measurement_date between ask.first_day and ask.last_day
  where m.value_as_number is not null
),
counted as (
  select d.person_id >> 24 as hospital, count(*) as persons, count(v.person_id) as measured,
    count(*) filter (where v.value < ask.threshold) as below
  from diabetic d cross join ask left join last_value v on v.person_id = d.person_id and v.nth = 1
  group by d.person_id >> 24
)
select hospital, case when persons >= 5 then persons end as persons,
  case when measured >= 5 then measured end as measured, case when below >= 5 then below end as below_threshold,
  case when below >= 5 then cast(100.0 * below / measured as numeric(5, 1)) end as percent_below
from counted
order by hospital;
