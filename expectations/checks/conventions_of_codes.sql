/*
# Rules 4 and 5: what a source concept leads to in the vocabulary is there. Rows that a map of the hospital sends elsewhere are
# not asked.
by: person
checks:
  - check: convention_04_every_target_has_a_row
    table: condition_occurrence
    violated: t.what = 'Maps to' and t.there < t.targets
    of: t.what = 'Maps to'
    severity: convention
    category: Conformance
    subcategory: Relational
    dimension: completeness
    threshold: 0
    says:
      en: Records of a code with several standard concepts that lack the row of one.
      ko: 표준 개념이 여러 개인 코드인데 그중 일부의 행이 없는 기록.
    cause:
      en: The look-up took one target of several. A code is a row for each, in whichever table it belongs.
      ko: 여러 대상 중 하나만 쓴 경우. 대상마다 행이 하나씩 있어야 합니다.
  - check: convention_05_maps_to_value_fills_the_value
    table: measurement
    violated: t.what = 'Maps to value' and t.there < t.targets
    of: t.what = 'Maps to value'
    severity: convention
    category: Conformance
    subcategory: Value
    dimension: completeness
    threshold: 0
    says:
      en: Measurements and observations whose code has a value in the vocabulary that value_as_concept_id does not say.
      ko: 용어집에 값(Maps to value)이 있는 코드인데 value_as_concept_id에 그 값이 없는 측정·관찰 행.
    cause:
      en: Only "Maps to" was followed; "allergy to penicillin" became an allergy to nothing.
      ko: '"Maps to"만 따른 경우. "페니실린 알레르기"가 대상 없는 알레르기가 됩니다.'
*/
with record as (
  select person_id, condition_start_date as day, condition_source_concept_id as source, condition_concept_id as concept_id, null as value_id
  from condition_occurrence where condition_source_concept_id <> 0
  union all
  select person_id, drug_exposure_start_date, drug_source_concept_id, drug_concept_id, null
  from drug_exposure where drug_source_concept_id <> 0
  union all
  select person_id, procedure_date, procedure_source_concept_id, procedure_concept_id, null
  from procedure_occurrence where procedure_source_concept_id <> 0
  union all
  select person_id, device_exposure_start_date, device_source_concept_id, device_concept_id, null
  from device_exposure where device_source_concept_id <> 0
  union all
  select person_id, measurement_date, measurement_source_concept_id, measurement_concept_id, value_as_concept_id
  from measurement where measurement_source_concept_id <> 0
  union all
  select person_id, observation_date, observation_source_concept_id, observation_concept_id, value_as_concept_id
  from observation where observation_source_concept_id <> 0
),
target as materialized (
  select r.concept_id_1 as source, r.relationship_id as what, r.concept_id_2 as concept_id,
    count(*) over (partition by r.concept_id_1, r.relationship_id) as targets
  from concept_relationship r join concept c on c.concept_id = r.concept_id_2
  where r.relationship_id in ('Maps to', 'Maps to value') and r.invalid_reason is null
    and c.standard_concept = 'S' and c.invalid_reason is null
),
asked as materialized (
  select e.* from record e where e.source in (select source from target where targets > 1 or what = 'Maps to value')
)
select e.person_id, t.what, t.targets, count(distinct e.concept_id) as there
from asked e join target t on t.source = e.source and t.what = 'Maps to' and t.concept_id = e.concept_id
where t.targets > 1
group by e.person_id, e.day, e.source, t.what, t.targets
union all
select e.person_id, t.what, 1, (count(*) filter (where e.value_id = t.concept_id) > 0)::int
from asked e join target t on t.source = e.source and t.what = 'Maps to value'
  join target m on m.source = e.source and m.what = 'Maps to' and m.concept_id = e.concept_id
group by e.person_id, e.day, e.source, t.what, e.value_id
