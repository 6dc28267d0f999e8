-- Rows of a file that Usagi saved. Older versions write no mappingType; it then is a plain mapping. Versions before 1.4
-- call the types EVENT, VALUE and UNIT.
create table said as
select line, omop_read_back(trim(sourcecode)) as code, trim(conceptid) as written, try_cast(trim(conceptid) as bigint) as concept_id,
  upper(trim(mappingstatus)) as status,
  case upper(trim(mappingtype)) when '' then 'MAPS_TO' when 'EVENT' then 'MAPS_TO' when 'VALUE' then 'MAPS_TO_VALUE'
    when 'UNIT' then 'MAPS_TO_UNIT' else upper(trim(mappingtype)) end as kind
from given where trim(concat(sourcecode, mappingstatus, conceptid)) <> '';

create table sorted_out as
select *, case when status <> 'APPROVED' then status when kind = 'MAPS_TO_UNIT' then kind when code = '' then 'no code' end
  as reason
from said;

create table left_out as select reason from sorted_out where reason is not null;

create table approved as select * from sorted_out where reason is null;

create table counting as
select line, code, coalesce(concept_id, 0) as concept_id, kind, null::bigint as source_id, null::date as valid_from,
  null::date as valid_to
from approved;

create table problem as
select line, 'mappingStatus' as key, 'is empty or unknown to Usagi' as message from said
where status not in ('APPROVED', 'UNCHECKED', 'AUTO_MAPPED', 'AUTO_MAPPED_TO_1', 'INVALID_TARGET', 'FLAGGED', 'IGNORED')
union all
select line, 'conceptId', '''' || written || ''' is no concept id' from approved
where written <> '' and (concept_id is null or concept_id < 0)
union all
select line, 'mappingType', '''' || kind || ''' is unknown; expected MAPS_TO, MAPS_TO_VALUE or MAPS_TO_UNIT'
from approved where kind not in ('MAPS_TO', 'MAPS_TO_VALUE');
