/*
# Rules that need more than a row of a table: 7, 22, 24.
checks:
  - check: convention_24_a_care_site_is_there_once
    table: care_site
    violated: t.rule = 24 and t.wrong
    of: t.rule = 24
    severity: convention
    category: Conformance
    subcategory: Relational
    dimension: uniqueness
    threshold: 0
    says:
      en: Care sites of the same code, name, kind and place as another of the hospital.
      ko: 같은 병원에 코드·이름·종류·위치가 같은 것이 또 있는 진료 장소.
    cause:
      en: A master of departments has a row for each window of validity, and each became a care site.
      ko: 부서 마스터의 유효 기간마다 진료 장소를 만든 경우.
  - check: convention_07_codes_have_their_punctuation
    table: condition_occurrence
    field: condition_source_value
    violated: t.rule = 7 and t.wrong
    of: t.rule = 7
    severity: convention
    category: Conformance
    subcategory: Value
    dimension: validity
    threshold: 0
    says:
      en: Conditions without a source concept whose code is in KCD7 or ICD10, written with other dots.
      ko: 점 표기만 다를 뿐 KCD7·ICD10에 있는 코드인데 원천 개념이 없는 진단.
    cause:
      en: "The entry looks codes up as they came. Name a cleaning rule (clean:) that gives them their dot."
      ko: "코드를 받은 그대로 조회한 경우. 점을 넣는 정리 규칙(clean:)을 지정하십시오."
  - check: convention_22_cdm_source_says_what_this_is
    table: cdm_source
    violated: t.rule = 22 and t.wrong
    of: t.rule = 22
    severity: convention
    category: Conformance
    subcategory: Value
    dimension: validity
    threshold: 0
    says:
      en: Rows of cdm_source that are not the only one, or lack holder, version 5.4, release dates or the vocabulary's version.
      ko: 하나뿐이 아니거나 보유 기관·버전(5.4)·배포일·용어집 버전이 맞지 않는 cdm_source 행.
    cause:
      en: mappings/consortium.yaml lacks a value, or another program wrote the row.
      ko: mappings/consortium.yaml에 값이 없거나 다른 프로그램이 쓴 경우.
*/
with code as (
  select person_id >> 24 as hospital, condition_source_value as code, condition_source_concept_id as concept_id, count(*) as n
  from condition_occurrence group by all
),
known as (
  select distinct replace(concept_code, '.', '') as code from concept where vocabulary_id in ('KCD7', 'ICD10')
)
select care_site_id as owner, 24 as rule, 1 as n, count(*) over (
    partition by care_site_id >> 24, care_site_source_value, care_site_name, place_of_service_concept_id, location_id) > 1 as wrong
from care_site
union all
select hospital << 24, 7, n, concept_id = 0 and replace(code, '.', '') in (select code from known) from code
union all
select null, 22, 1, count(*) over () > 1 or s.cdm_holder is null or s.cdm_version_concept_id is distinct from 756265
    or s.source_release_date is null or s.cdm_release_date is null or s.vocabulary_version is distinct from v.vocabulary_version
from cdm_source s left join vocabulary v on v.vocabulary_id = 'None'
