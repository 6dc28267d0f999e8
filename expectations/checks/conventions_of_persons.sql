/*
# Rules that need several rows of a person: 14, 18, 19, 30.
reads: [stays]
by: person
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
select cost_id >> 23, 30, 1, cost_event_id not in (select visit_occurrence_id from visit_occurrence)
    and cost_event_id not in (select visit_detail_id from visit_detail)
from cost where cost_domain_id = 'Visit'
union all
select cost_id >> 23, 30, 1, cost_event_id not in (select drug_exposure_id from drug_exposure)
from cost where cost_domain_id = 'Drug'
union all
select cost_id >> 23, 30, 1, cost_event_id not in (select procedure_occurrence_id from procedure_occurrence)
from cost where cost_domain_id = 'Procedure'
union all
select cost_id >> 23, 30, 1, cost_event_id not in (select device_exposure_id from device_exposure)
from cost where cost_domain_id = 'Device'
