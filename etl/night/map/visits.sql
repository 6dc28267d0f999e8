-- Which encounters of a person are one visit; see visits.py. Order is by content, so that no file's order matters.
create or replace table rolled_up as
with encounter as (
  select *, omop_is_stay(concept) as stay from ({rows})
  where {wanted} and (omop_is_stay(concept) or concept = 9203)
),
stay as (
  select *, end_open as open, greatest("end", start) as reach from encounter where stay
),
-- A stay that begins on the day on which the ones before end, and says no time, does not begin before they end.
marked as (
  select *, omop_before(start, max(reach) over (
    partition by person order by start, reach desc, key rows between unbounded preceding and 1 preceding)) as continues
  from stay
),
numbered as (
  select * exclude (continues), count(*) filter (where not coalesce(continues, false)) over (
    partition by person order by start, reach desc, key) as island
  from marked
),
island as (
  select person, island, min(start) as begins, max(reach) as reach from numbered group by all
),
emergency as (
  select *, greatest(coalesce("end", start), start) as reach from encounter
  where not stay and person in (select person from island)
),
-- An emergency visit during a stay belongs to it.
inside as (
  select e.*, i.island from emergency e
  asof join island i on e.person = i.person and e.start >= i.begins
  where e.start < i.reach and not (i.begins = date_trunc('day', i.begins) and e.start::date = i.begins::date)
),
-- Of the others the last one before a stay led to it, if it ended on its first day or the day before. A stay that says the day
-- alone began after all of that day's emergency visits.
led as (
  select e.*, i.island
  from (select * from emergency anti join inside using (_entry, _row)) e
  asof join (
    select *, case when begins = date_trunc('day', begins) then begins + interval 1 day - interval 1 microsecond
                   else begins end as admitted
    from island
  ) i on e.person = i.person and e.start <= i.admitted
  where i.begins::date - e.reach::date <= 1
  qualify row_number() over (partition by e.person, i.island order by e.start desc, e.reach desc, e.key desc) = 1
),
member as (
  select *, false as led from numbered
  union all by name select *, true as led, false as open from led
  union all by name select *, false as led, false as open from inside
),
visit as (
  select person, island, count(*) as members, min(start) as visit_start,
    max(reach) filter (where stay) as visit_end, bool_or(open) as visit_open,
    bool_or(led or concept = 262) as through_emergency,
    first({{'e': _entry, 'r': _row, 'concept': concept}} order by stay desc, start, reach desc, key) as leader,
    first({{'id': admitted_from, 'source': admitted_from_source, 'source_id': admitted_from_source_id}}
      order by start, not led, reach desc, key) as admitted,
    first({{'id': discharged_to, 'source': discharged_to_source, 'source_id': discharged_to_source_id}}
      order by stay desc, open desc, reach desc, key) as discharged
  from member group by person, island
)
select m._entry, m._row, v.leader.e as lead_entry, v.leader.r as lead_row, v.members, v.visit_start, v.visit_end, v.visit_open,
  case when v.through_emergency then 262 else v.leader.concept end as visit_concept,
  m."end" as encounter_end, m.open as encounter_open,
  case when m.concept = 262 then 9201 else m.concept end as encounter_concept,
  v.admitted.id as admitted_from, v.admitted.source as admitted_from_source, v.admitted.source_id as admitted_from_source_id,
  v.discharged.id as discharged_to, v.discharged.source as discharged_to_source,
  v.discharged.source_id as discharged_to_source_id
from member m join visit v using (person, island)
where v.members > 1
