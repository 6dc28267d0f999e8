-- The rows of all code maps against the vocabulary release, once per run: `given_rows` is what the maps say.
create or replace table map_row as
with said as (
  select distinct map, code, kind, concept_id, source_id, vocabulary, coalesce(valid_from, date '0001-01-01') as valid_from,
    coalesce(valid_to, date '9999-12-31') as valid_to
  from given_rows
),
known as (
  select concept_id, domain_id from vocab.concept
  where standard_concept = 'S' and invalid_reason is null and concept_id in (select concept_id from said)
),
code as (
  select s.vocabulary_id as vocabulary, s.concept_code as code, s.concept_id, s.domain_id from vocab.source_code s
  where (s.vocabulary_id, s.concept_code) in (select (vocabulary, code) from said where vocabulary is not null)
)
select s.map, s.code, s.valid_from, s.valid_to, s.concept_id,
  case when s.concept_id = 0 then 0 else t.concept_id end as target_id, t.domain_id, v.concept_id as value_id,
  -- 0 says that the source has no concept; the vocabulary may know better
  coalesce(nullif(s.source_id, 0), c.concept_id, s.source_id) as source_id, c.domain_id as source_domain
from said s
left join known t on t.concept_id = s.concept_id
left join code c on c.vocabulary = s.vocabulary and c.code = s.code
left join (select said.* from said join known using (concept_id) where kind = 'MAPS_TO_VALUE') v
  on v.map = s.map and v.code = s.code and t.domain_id in ('Observation', 'Measurement')
where s.kind = 'MAPS_TO'
  -- deliberately unmapped only where nothing else is said
  and (s.concept_id <> 0 or not exists (
    from said o where o.map = s.map and o.code = s.code and o.kind = 'MAPS_TO' and o.concept_id <> 0
      and o.valid_from < s.valid_to and s.valid_from < o.valid_to));
