-- Rows of a file in the layout of the CDM's table source_to_concept_map. Both dates belong to the window. A window from
-- 1970-01-01 on or before has no beginning, one to 2099-12-31 or later no end: that is how open dates are written.
create table said as
select line, omop_read_back(trim(source_code)) as code, trim(source_vocabulary_id) as vocabulary, trim(target_concept_id) as written,
  try_cast(trim(target_concept_id) as bigint) as concept_id, trim(source_concept_id) as written_source,
  try_cast(trim(source_concept_id) as bigint) as source_id, trim(valid_start_date) as opens,
  trim(valid_end_date) as closes, trim(invalid_reason) as invalid_reason,
  coalesce(try_cast(opens as date), try_strptime(opens, '%Y%m%d')::date) as first_day,
  coalesce(try_cast(closes as date), try_strptime(closes, '%Y%m%d')::date) as last_day
from given where trim(concat(source_code, source_vocabulary_id, target_concept_id)) <> '';

create table mine as select * from said where wanted_vocabulary() is null or vocabulary = wanted_vocabulary();

-- a retired row counts up to its last day; without one it never counts
create table left_out as
select 'invalid_reason ' || invalid_reason as reason from mine
where invalid_reason <> '' and (last_day is null or year(last_day) >= 2099);

create table counting as
select line, code, concept_id, 'MAPS_TO' as kind, source_id,
  case when first_day > date '1970-01-01' then first_day end as valid_from,
  case when year(last_day) < 2099 then last_day + 1 end as valid_to
from mine where invalid_reason = '' or year(last_day) < 2099;

create table problem as
select 1 as line, 'source_vocabulary_id' as key, 'no row is of vocabulary ''' || wanted_vocabulary() || '''; there are: '
  || (select string_agg(distinct vocabulary, ', ' order by vocabulary) from said) as message
where wanted_vocabulary() is not null and not exists (from mine)
union all
select 1, 'source_vocabulary_id', 'holds several vocabularies; say which one with `vocabulary`: '
  || (select string_agg(distinct vocabulary, ', ' order by vocabulary) from said)
where wanted_vocabulary() is null and (select count(distinct vocabulary) from said) > 1
union all
select line, 'source_code', 'is empty' from mine where code = ''
union all
select line, 'target_concept_id', '''' || written || ''' is no concept id' from mine
where concept_id is null or concept_id < 0
union all
select line, 'source_concept_id', '''' || written_source || ''' is no concept id' from mine
where written_source <> '' and (source_id is null or source_id < 0)
union all
select line, 'valid_start_date', '''' || opens || ''' is no date' from mine where opens <> '' and first_day is null
union all
select line, 'valid_end_date', '''' || closes || ''' is no date' from mine where closes <> '' and last_day is null
union all
select line, 'valid_end_date', 'lies before valid_start_date' from mine where last_day < first_day
union all
select line, 'invalid_reason', '''' || invalid_reason || ''' is unknown; expected D, U or nothing' from mine
where invalid_reason not in ('', 'D', 'U');
