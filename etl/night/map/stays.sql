-- When stays end that say no end: when the person's next one begins, when the person dies, else they go on to the day of the
-- delivery; of one that would have lasted too long nobody knows the end. What could not be read is no open end.
create or replace temp table stay as
with encounter as (
  select _entry, _row, person, start, "end", coalesce(end_unread, false) as unread, {is_stay} as stay from ({rows})
),
followed as (
  select *, min(start) over (
    partition by person order by start range between interval 1 microsecond following and unbounded following) as following
  from encounter where stay
),
stopped as (
  select f.*, least(f.following, d.died) as stops, omop_night()::timestamp as night
  from followed f left join person_death d using (person) where f."end" is null and not f.unread
),
judged as (
  select *, coalesce(stops, night) - start > interval {days} day as unknown from stopped
)
select _entry, _row, case when unknown then start else greatest(start, coalesce(stops, night)) end as until,
  stops is null and not unknown as goes_on, unknown
from judged;
