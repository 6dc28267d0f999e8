-- The tables codes are looked up in, made once per release. Sorted by vocabulary, so that a look-up reads the row groups
-- of one vocabulary only, however big the release is.

-- The concept a code is looked up by, one per vocabulary and code. Codes are case-sensitive (UCUM's are).
copy (
  select vocabulary_id, concept_code, concept_id, domain_id
  from concept
  qualify row_number() over (
    partition by vocabulary_id, concept_code order by invalid_reason is not null, concept_id) = 1
  order by vocabulary_id, concept_code
) to {source_code} (format parquet, compression zstd, compression_level 1, row_group_size 40960);

-- What a concept maps to: valid relationships to valid standard concepts only. 'Maps to value' belongs to the row of its
-- 'Maps to' whose domain holds values. A standard concept without a row of its own maps to itself.
copy (
  with standard as (
    select concept_id, domain_id from concept where standard_concept = 'S' and invalid_reason is null
  ),
  map as (
    select distinct concept_id_1, concept_id_2, relationship_id from concept_relationship
    where relationship_id in ('Maps to', 'Maps to value') and invalid_reason is null
  ),
  target as (
    select concept_id_1 as concept_id, concept_id_2 as target_id from map where relationship_id = 'Maps to'
    union all
    select concept_id, concept_id from standard
    where concept_id not in (select concept_id_1 from map where relationship_id = 'Maps to')
  ),
  value as (
    select r.concept_id_1 as concept_id, r.concept_id_2 as value_id
    from map r join standard s on s.concept_id = r.concept_id_2 where r.relationship_id = 'Maps to value'
  )
  select c.vocabulary_id, t.concept_id, t.target_id, s.domain_id, v.value_id
  from target t join standard s on s.concept_id = t.target_id join concept c on c.concept_id = t.concept_id
    left join value v on v.concept_id = t.concept_id and s.domain_id in ('Observation', 'Measurement')
  order by c.vocabulary_id, t.concept_id, t.target_id, v.value_id
) to {maps_to} (format parquet, compression zstd, compression_level 1, row_group_size 40960);
