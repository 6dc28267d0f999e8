-- Question: How long do patients stay in hospital?
-- Note: Stays are inpatient visits (9201) and those that began in the emergency room (262); both with their
--   descendants. A patient who is still in has an end too, the day of the hospital's newest night: stays that end on
--   the newest day are counted apart and have no length yet. A stay that begins and ends on one day is 0
--   nights. The hospital is person_id >> 24. Visits of concept 0 are no stays; stays outside of observation periods
--   count. Fewer than five stays: empty.
-- Tables: visit_occurrence, concept_ancestor
with newest as (
  select person_id >> 24 as hospital, max(visit_end_date) as day from visit_occurrence group by person_id >> 24
),
stay as (
  select distinct v.visit_occurrence_id, w.hospital, v.visit_end_date - v.visit_start_date as nights,
    v.visit_end_date = w.day as still_in
  from visit_occurrence v join newest w on w.hospital = v.person_id >> 24
    join concept_ancestor a on a.descendant_concept_id = v.visit_concept_id
  where a.ancestor_concept_id in (9201, 262)
),
counted as (
  select hospital, count(*) filter (where still_in) as still_in, count(*) filter (where not still_in) as stays,
    avg(nights) filter (where not still_in) as mean,
    percentile_cont(0.5) within group (order by nights) filter (where not still_in) as median,
    percentile_cont(0.9) within group (order by nights) filter (where not still_in) as ninth_decile
  from stay
  group by hospital
)
select hospital, case when stays >= 5 then stays end as stays,
  case when stays >= 5 then cast(mean as numeric(8, 1)) end as mean_nights,
  case when stays >= 5 then cast(median as numeric(8, 1)) end as median_nights,
  case when stays >= 5 then cast(ninth_decile as numeric(8, 1)) end as ninth_decile,
  case when still_in >= 5 then still_in end as still_in
from counted
order by hospital;
