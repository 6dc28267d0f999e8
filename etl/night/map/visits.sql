-- Which encounters of a person are one visit; see visits.py. Order is by content, so that no file's order matters.
create or replace table rolled_up as
with encounter as (
  select *, omop_is_stay(concept) as stay from ({rows})
  where {wanted} and (omop_is_stay(concept) or concept = 9203)
),
-- A stay without an end lasts to the day of the delivery; when another one of the person begins later, only until then.
stay as (
  select * exclude (following), "end" is null and following is null as open,
    case when "end" is not null then greatest("end", start)
         else coalesce(following, greatest(omop_night()::timestamp, start)) end as reach
  from (
    select *, min(start) over (
      partition by person order by start range between interval 1 microsecond following and unbounded following
    ) as following
    from encounter where stay
  )
),
marked as (
  select *, start < max(reach) over (
    partition by person order by start, reach desc, key rows between unbounded preceding and 1 preceding) as continues
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
  where e.start < i.reach
),
-- Of the others the last one before a stay led to it, if it ended on its first day or the day before.
led as (
  select e.*, i.island
  from (select * from emergency anti join inside using (_entry, _row)) e
  asof join island i on e.person = i.person and e.start <= i.begins
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
    case when not bool_or(open) then max(reach) filter (where stay) end as visit_end,
    bool_or(led or concept = 262) as through_emergency,
    first({{'e': _entry, 'r': _row, 'concept': concept}} order by stay desc, start, reach desc, key) as leader,
    first({{'id': admitted_from, 'source': admitted_from_source, 'source_id': admitted_from_source_id}}
      order by start, not led, reach desc, key) as admitted,
    first({{'id': discharged_to, 'source': discharged_to_source, 'source_id': discharged_to_source_id}}
      order by stay desc, open desc, reach desc, key) as discharged,
    bool_or(stay and "end" is null and not open) as cut_short
  from member group by person, island
)
select m._entry, m._row, v.leader.e as lead_entry, v.leader.r as lead_row, v.members, v.visit_start, v.visit_end,
  case when v.through_emergency then 262 else v.leader.concept end as visit_concept,
  case when m.stay and not m.open then m.reach else m."end" end as encounter_end,
  case when m.concept = 262 then 9201 else m.concept end as encounter_concept,
  v.admitted.id as admitted_from, v.admitted.source as admitted_from_source, v.admitted.source_id as admitted_from_source_id,
  v.discharged.id as discharged_to, v.discharged.source as discharged_to_source,
  v.discharged.source_id as discharged_to_source_id
from member m join visit v using (person, island)
where v.members > 1 or v.cut_short
