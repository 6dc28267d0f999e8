-- Question: Which codes of the hospitals, and what kind of record, stand behind a condition?
-- Note: condition_source_value is the code as the hospital wrote it, condition_source_concept_id the same code in its
--   vocabulary (KCD7; above 2,000,000,000 a local concept; 0 when the vocabulary does not know it),
--   condition_concept_id the standard concept, condition_type_concept_id from what kind of record it came. Ask with
--   concept 0 to see what a concept set misses. Rows outside of observation periods are shown too. Where one row
--   comes from, to file and line, tells `etl trace condition_occurrence ID`. Codes of fewer than five persons: left
--   out.
-- Tables: condition_occurrence, concept_ancestor, concept
with ask (condition_concept_id) as (
  values (320136) -- disorder of respiratory system; 0 for what has no standard concept
),
concept_set as (
  select a.descendant_concept_id as concept_id
  from concept_ancestor a join ask on a.ancestor_concept_id = ask.condition_concept_id
  union select condition_concept_id from ask
),
counted as (
  select o.person_id >> 24 as hospital, o.condition_source_value, o.condition_source_concept_id, o.condition_concept_id,
    o.condition_type_concept_id, count(*) as records, count(distinct o.person_id) as persons
  from condition_occurrence o join concept_set s on s.concept_id = o.condition_concept_id
  group by o.person_id >> 24, o.condition_source_value, o.condition_source_concept_id, o.condition_concept_id,
    o.condition_type_concept_id
)
select n.hospital, n.condition_source_value as code, v.vocabulary_id as vocabulary, c.concept_name as standard_concept,
  t.concept_name as kind_of_record, n.records, n.persons
from counted n
  join concept c on c.concept_id = n.condition_concept_id
  join concept t on t.concept_id = n.condition_type_concept_id
  left join concept v on v.concept_id = n.condition_source_concept_id
where n.persons >= 5
order by n.hospital, n.persons desc, n.condition_source_value, n.condition_concept_id;
