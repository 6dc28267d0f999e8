-- When a person's care is taken to be recorded: from the first to the last record, and a tail (sixty days) longer, but not
-- before the records system went live, not past the tail after death, and not past the delivery. A long silence (548 days)
-- splits it. The hospital's settings say how long. Everybody with a record has a period: of whom all records lie outside
-- those bounds (long before the system went live, long after death), it spans the records themselves. Who has no record has,
-- unless the hospital wants none, a period of the one day on which we can have known of them first.
with record as (
  select person_id, visit_start_date as begins, visit_end_date as ends from visit_occurrence
  union select person_id, condition_start_date, coalesce(condition_end_date, condition_start_date) from condition_occurrence
  union select person_id, drug_exposure_start_date, drug_exposure_end_date from drug_exposure
  union select person_id, procedure_date, coalesce(procedure_end_date, procedure_date) from procedure_occurrence
  union select person_id, measurement_date, measurement_date from measurement
  union select person_id, observation_date, observation_date from observation
  union select person_id, device_exposure_start_date, coalesce(device_exposure_end_date, device_exposure_start_date)
    from device_exposure
  union select person_id, specimen_date, specimen_date from specimen
  union select person_id, note_date, note_date from note
),
bounded as (
  select r.person_id, greatest(r.begins, omop_live_since()) as begins,
    least(r.ends, coalesce(d.death_date + omop_period_tail(), omop_night()), omop_night()) as ends,
    least(r.ends, d.death_date + omop_period_tail()) as open_ends, d.death_date + omop_period_tail() as latest
  from record r left join death d using (person_id)
),
inside as (select * from bounded where begins <= ends),
kept as (
  from inside
  union all
  select person_id, begins, least(ends, omop_night()), ends, max(ends) over (partition by person_id)
  from record where person_id not in (select person_id from inside)
),
marked as (
  select *, begins - max(ends) over (
    partition by person_id order by begins, ends rows between unbounded preceding and 1 preceding) as silence
  from kept
),
numbered as (
  select *, count(*) filter (where silence >= omop_period_gap()) over (
    partition by person_id order by begins, ends) as period
  from marked
)
select (person_id << 23) + row_number() over (partition by person_id order by min(begins)) - 1 as observation_period_id,
  person_id,
  min(begins) as observation_period_start_date,
  least(max(ends) + omop_period_tail(), any_value(latest), omop_night()) as observation_period_end_date,
  32882::bigint as period_type_concept_id,
  -- where the period would end if the day of the delivery did not end it: a later night goes on from there
  least(max(open_ends) + omop_period_tail(), any_value(latest)) as _open_end
from numbered
group by person_id, period
union all
select person_id << 23, person_id, day, day, 32882, day
from (
  select person_id, least(omop_night(), greatest(omop_live_since(), coalesce(
    birth_datetime::date, make_date(year_of_birth, coalesce(month_of_birth, 6), coalesce(day_of_birth, 15))))) as day
  from person
  where omop_period_without_records() and person_id not in (select person_id from kept)
)
