/*
# One hospital beside the others, of three or more with a hundred persons: sex, year of birth, kinds of visits.
checks:
  - check: unlike_others_in_sex
    table: person
    field: gender_concept_id
    violated: t.what = 'sex' and abs(t.mine - t.theirs) > 20
    of: t.what = 'sex'
    severity: characterization
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: A share of men that is more than twenty points from that of the other hospitals.
      ko: 남성 비율이 다른 병원들과 20%p 넘게 다름.
    cause:
      en: The codes of the sexes were exchanged or one is not mapped, or the hospital truly treats other patients.
      ko: 성별 코드가 바뀌었거나 일부가 매핑되지 않은 경우, 또는 실제로 환자군이 다른 경우.
    reason: &share
      en: "{name}: {mine} % beside {theirs} %"
      ko: "{name}: {mine} % (다른 병원 {theirs} %)"
  - check: unlike_others_in_age
    table: person
    field: year_of_birth
    violated: t.what = 'age' and abs(t.mine - t.theirs) > 20
    of: t.what = 'age'
    severity: characterization
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: A median year of birth that is more than twenty years from that of the other hospitals.
      ko: 출생 연도 중앙값이 다른 병원들과 20년 넘게 다름.
    cause:
      en: The century of births was read wrong (two digits of a year, the resident number's seventh digit), or the hospital treats children.
      ko: 출생 세기를 잘못 읽었거나(두 자리 연도, 주민등록번호 일곱째 자리) 소아 병원인 경우.
    reason:
      en: "median year of birth {mine} beside {theirs}"
      ko: "출생 연도 중앙값 {mine} (다른 병원 {theirs})"
  - check: unlike_others_in_visits
    table: visit_occurrence
    field: visit_concept_id
    violated: t.what = 'visit' and abs(t.mine - t.theirs) > 40
    of: t.what = 'visit'
    severity: characterization
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: Kinds of visits whose share is more than forty points from that of the other hospitals.
      ko: 비율이 다른 병원들과 40%p 넘게 다른 방문 유형.
    cause:
      en: A file of visits is missing, or a kind of visit is mapped to another.
      ko: 방문 파일이 빠졌거나 방문 유형이 잘못 매핑된 경우.
    reason: *share
*/
with counted as (
  select person_id >> 24 as hospital, count(*) as n, round(100.0 * count(*) filter (where gender_concept_id = 8507) / count(*)) as men,
    median(year_of_birth) as born
  from person group by all having count(*) >= 100
),
kind as (
  select person_id >> 24 as hospital, visit_concept_id as concept_id, count(*) as n from visit_occurrence group by all
),
known as (
  select k.concept_id, c.hospital, round(100.0 * coalesce(sum(case when k.hospital = c.hospital then k.n end), 0)
    / max(t.n)) as share
  from kind k cross join counted c join (select hospital, sum(n) as n from kind group by hospital) t on t.hospital = c.hospital
  group by k.concept_id, c.hospital having max(t.n) >= 100
),
told as (
  select hospital, 'sex' as what, 0 as concept_id, men as mine from counted
  union all select hospital, 'age', 0, born from counted
  union all select hospital, 'visit', concept_id, share from known
)
select t.hospital << 24 as owner, t.what, case when t.what = 'visit' then coalesce(c.concept_name, 'visits') else 'men' end as name,
  t.mine, median(o.mine) as theirs
from told t join told o on o.what = t.what and o.concept_id = t.concept_id and o.hospital <> t.hospital
  left join concept c on c.concept_id = t.concept_id
group by t.hospital, t.what, t.concept_id, c.concept_name, t.mine having count(*) >= 2
