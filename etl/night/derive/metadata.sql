-- What is not in the CDM, and how much of it: rows of every source that were rejected, quarantined or filtered, by reason.
-- Patients whose own row was quarantined stand first: they and all their events are left out.
with left_out as (
  select 'persons excluded: ' || reason as name, sum(rows) as rows, 0 as place
  from account where outcome = 'quarantined' and reason in ('birth_missing', 'birth_invalid') group by reason
  union all
  select 'rows ' || outcome || ': ' || source || ': ' || reason, rows, 1 from account where outcome <> 'mapped' and reason <> 'code_master'
)
select (omop_hospital() << 24) + row_number() over (order by place, name) - 1 as metadata_id,
  0 as metadata_concept_id, 32880 as metadata_type_concept_id, name, null as value_as_string, null as value_as_concept_id,
  rows::double as value_as_number, omop_night() as metadata_date, omop_night()::timestamp as metadata_datetime
from left_out
