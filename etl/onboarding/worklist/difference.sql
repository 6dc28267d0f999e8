-- What the codes of a night become under two releases, field by field, and what of it differs.
create or replace table weighed (
  entry varchar, field varchar, code varchar, vocabulary varchar, description varchar,
  old_targets struct(concept_id bigint, domain varchar, "table" varchar, value_id bigint)[],
  new_targets struct(concept_id bigint, domain varchar, "table" varchar, value_id bigint)[],
  old_source bigint, new_source bigint, records bigint
);

create or replace view change as
select case
    when old_targets[1].concept_id <> 0 and new_targets[1].concept_id = 0 then 'lost'
    when old_targets[1].concept_id = 0 and new_targets[1].concept_id <> 0 then 'found'
    when [t.table for t in old_targets] is distinct from [t.table for t in new_targets] then 'table'
    when [t.concept_id for t in old_targets] <> [t.concept_id for t in new_targets] then 'concept'
    when [t.domain for t in old_targets] is distinct from [t.domain for t in new_targets] then 'domain'
    when old_targets is distinct from new_targets then 'value'
    else 'source' end as kind,
  records, entry, field, vocabulary, code, description, old_targets, new_targets
from weighed
where old_targets is distinct from new_targets or old_source is distinct from new_source;
