-- The concept a code is looked up by, one per vocabulary and code. Codes are case-sensitive (UCUM's are).
copy (
  select vocabulary_id, concept_code, concept_id, domain_id
  from concept
  qualify row_number() over (
    partition by vocabulary_id, concept_code order by invalid_reason is not null, concept_id) = 1
  order by vocabulary_id, concept_code
) to '{folder}/source_code.parquet' (format parquet, compression zstd);

-- What a concept maps to: valid relationships to valid standard concepts only. 'Maps to value' belongs to the row of its
-- 'Maps to' whose domain holds values. A standard concept without a row of its own maps to itself.
copy (
  with standard as (
    select concept_id, domain_id from concept where standard_concept = 'S' and invalid_reason is null
  ),
  target as (
    select r.concept_id_1 as concept_id, r.concept_id_2 as target_id, s.domain_id
    from concept_relationship r join standard s on s.concept_id = r.concept_id_2
    where r.relationship_id = 'Maps to' and r.invalid_reason is null
    union
    select concept_id, concept_id, domain_id from standard
    where concept_id not in (
      select concept_id_1 from concept_relationship where relationship_id = 'Maps to' and invalid_reason is null)
  ),
  value as (
    select r.concept_id_1 as concept_id, r.concept_id_2 as value_id
    from concept_relationship r join standard s on s.concept_id = r.concept_id_2
    where r.relationship_id = 'Maps to value' and r.invalid_reason is null
  )
  select t.concept_id, t.target_id, t.domain_id, v.value_id
  from target t left join value v on v.concept_id = t.concept_id and t.domain_id in ('Observation', 'Measurement')
  order by t.concept_id, t.target_id, v.value_id
) to '{folder}/maps_to.parquet' (format parquet, compression zstd);
