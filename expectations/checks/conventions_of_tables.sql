/*
# Rules that need more than a row of a table: 7, 14, 18, 19, 22, 24, 30.
reads: [stays]
checks:
  - check: convention_14_stays_do_not_overlap
    table: visit_occurrence
    violated: t.rule = 14 and t.wrong
    of: t.rule = 14
    severity: convention
    category: Plausibility
    subcategory: Temporal
    dimension: consistency
    threshold: 0
    says:
      en: Stays in hospital that begin before an earlier one of the same person has ended.
      ko: 같은 환자의 앞선 입원이 끝나기 전에 시작하는 입원.
    cause:
      en: "Encounters are not rolled up (visits.roll_up: false; then override this check), an end is wrong, or two patients share a number."
      ko: "진료를 합치지 않는 설정(visits.roll_up: false)이거나 퇴원일이 잘못되었거나 두 환자가 한 번호를 쓰는 경우."
  - check: convention_18_eras_are_apart_condition_era
    table: condition_era
    violated: t.rule = 18 and t.wrong
    of: t.rule = 18
    severity: convention
    category: Conformance
    subcategory: Computational
    dimension: consistency
    threshold: 0
    says: &says
      en: Eras of one person and concept that begin within thirty days of the end of another.
      ko: 같은 환자·개념의 앞선 에피소드가 끝난 뒤 30일 안에 시작하는 에피소드.
    cause: &cause
      en: Eras of several loads were put side by side, or the hospital lets less time pass (era_gap_days; then override this check).
      ko: 여러 번 만든 에피소드를 나란히 둔 경우, 또는 era_gap_days를 줄인 경우.
  - check: convention_18_eras_are_apart_drug_era
    table: drug_era
    violated: t.rule = 1018 and t.wrong
    of: t.rule = 1018
    severity: convention
    category: Conformance
    subcategory: Computational
    dimension: consistency
    threshold: 0
    says: *says
    cause: *cause
  - check: convention_19_a_person_dies_once
    table: death
    violated: t.rule = 19 and t.wrong
    of: t.rule = 19
    severity: fatal
    category: Conformance
    subcategory: Relational
    dimension: uniqueness
    threshold: 0
    says:
      en: Deaths of persons who have more than one, or without a day.
      ko: 두 건 이상이거나 날짜가 없는 사망 기록.
    cause:
      en: Deaths come from several sources of the hospital and none was preferred.
      ko: 여러 원천에서 온 사망 기록 중 하나를 고르지 않은 경우.
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
  - check: convention_30_costs_are_of_something
    table: cost
    field: cost_event_id
    violated: t.rule = 30 and t.wrong
    of: t.rule = 30
    severity: convention
    category: Conformance
    subcategory: Relational
    dimension: consistency
    threshold: 0
    says:
      en: Costs of an event that is not there.
      ko: 없는 이벤트를 가리키는 비용 행.
    cause:
      en: The events were left out after the costs had been made, or the domain names another table.
      ko: 비용을 만든 뒤 이벤트가 빠졌거나 도메인이 다른 테이블을 가리키는 경우.
*/
with code as (
  select person_id >> 24 as hospital, condition_source_value as code, condition_source_concept_id as concept_id, count(*) as n
  from condition_occurrence group by all
),
known as (
  select distinct replace(concept_code, '.', '') as code from concept where vocabulary_id in ('KCD7', 'ICD10')
),
event as (
  select 'Visit' as domain, visit_occurrence_id as id from visit_occurrence
  union all select 'Visit', visit_detail_id from visit_detail
  union all select 'Drug', drug_exposure_id from drug_exposure
  union all select 'Procedure', procedure_occurrence_id from procedure_occurrence
  union all select 'Device', device_exposure_id from device_exposure
)
select v.person_id as owner, 14 as rule, 1 as n,
  v.visit_start_date < max(v.visit_end_date) over (
    partition by v.person_id order by v.visit_start_date, v.visit_end_date, v.visit_occurrence_id
    rows between unbounded preceding and 1 preceding) as wrong
from visit_occurrence v join stays s on s.concept_id = v.visit_concept_id
union all
select person_id, 18, 1, condition_era_start_date < lag(condition_era_end_date) over (
    partition by person_id, condition_concept_id order by condition_era_start_date) + 30
from condition_era
union all
select person_id, 1018, 1, drug_era_start_date < lag(drug_era_end_date) over (
    partition by person_id, drug_concept_id order by drug_era_start_date) + 30
from drug_era
union all
select person_id, 19, 1, death_date is null or count(*) over (partition by person_id) > 1 from death
union all
select care_site_id, 24, 1, count(*) over (
    partition by care_site_id >> 24, care_site_source_value, care_site_name, place_of_service_concept_id, location_id) > 1
from care_site
union all
select hospital << 24, 7, n, concept_id = 0 and replace(code, '.', '') in (select code from known) from code
union all
select null, 22, 1, count(*) over () > 1 or s.cdm_holder is null or s.cdm_version_concept_id is distinct from 756265
    or s.source_release_date is null or s.cdm_release_date is null or s.vocabulary_version is distinct from v.vocabulary_version
from cdm_source s left join vocabulary v on v.vocabulary_id = 'None'
union all
select cost_id >> 23, 30, 1, (cost_domain_id, cost_event_id) not in (
    select (domain, id) from event where id in (select cost_event_id from cost))
from cost where cost_domain_id in ('Visit', 'Drug', 'Procedure', 'Device')
