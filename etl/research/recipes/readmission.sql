-- Question: How many stays are followed by another one within 30 days?
-- Note: Of stays that end alive and whose 30 days after the end are observed. The next stay begins 1 to 30 days after
--   the end; one that begins on the day of the end is a transfer. Overlapping encounters are one visit already.
--   Planned returns (chemotherapy, dialysis) count as well: leave them out by procedure or condition if you need. A
--   stay that ends on the hospital's newest day may still go on and is left out, visits of concept 0 are no stays. Only the same hospital is
--   seen: a patient elsewhere is another person. Fewer than five: empty.
-- Tables: visit_occurrence, concept_ancestor, observation_period, death
with ask (days) as (
  values (30)
),
stay as (
  select distinct v.visit_occurrence_id, v.person_id, v.visit_start_date as begins, v.visit_end_date as ends
  from visit_occurrence v join concept_ancestor a on a.descendant_concept_id = v.visit_concept_id
  where a.ancestor_concept_id in (9201, 262)
),
newest as (
  select person_id >> 24 as hospital, max(visit_end_date) as day from visit_occurrence group by person_id >> 24
),
discharged as (
  select s.*
  from stay s cross join ask
    join newest w on w.hospital = s.person_id >> 24
    join observation_period p on p.person_id = s.person_id
      and s.ends between p.observation_period_start_date and p.observation_period_end_date - ask.days
    left join death d on d.person_id = s.person_id
  where s.ends < w.day and (d.death_date is null or d.death_date > s.ends)
),
counted as (
  select d.person_id >> 24 as hospital, count(*) as discharges,
    count(*) filter (where exists (
      select 1 from stay n cross join ask
      where n.person_id = d.person_id and n.begins between d.ends + 1 and d.ends + ask.days)) as readmitted
  from discharged d
  group by d.person_id >> 24
)
select hospital, case when discharges >= 5 then discharges end as discharges,
  case when readmitted >= 5 then readmitted end as readmitted,
  case when readmitted >= 5 then cast(100.0 * readmitted / discharges as numeric(5, 1)) end as percent
from counted
order by hospital;
