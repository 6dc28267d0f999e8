/*
# One hospital beside the others: every second decile of each test in each unit, of which three hospitals or more have fifty results of
# the last two years.
# The others' deciles are the medians of theirs. `ratio` is the median of own to others' deciles, `steady` whether all deciles
# have about that ratio, as a factor between units makes it; `distance` is how far deciles are apart on average, in parts of the
# others' range from the first to the ninth.
checks:
  - check: unlike_others_as_if_in_another_unit
    table: measurement
    field: value_as_number
    violated: t.is_steady and (t.ratio > 2.4 or t.ratio < 0.42)
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: Tests of a hospital whose results are all so many times those of the other hospitals, as if in another unit.
      ko: 다른 병원들의 몇 배로 일정하게 차이 나서 단위가 다른 것처럼 보이는 검사.
    cause:
      en: The unit was filled in and is not the laboratory's, or a conversion is missing or ran twice.
      ko: 검사실의 단위가 아닌 단위를 채웠거나 환산이 빠졌거나 두 번 된 경우.
    reason:
      en: "{test}: median {mine} beside {theirs}; as if in another unit"
      ko: "{test}: 중앙값 {mine} (다른 병원 {theirs}), 단위가 다른 듯함"
  - check: unlike_others_in_results
    table: measurement
    field: value_as_number
    violated: t.distance > 0.75 and not (t.is_steady and (t.ratio > 2.4 or t.ratio < 0.42))
    severity: characterization
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: Tests of a hospital whose results are spread otherwise than those of the other hospitals.
      ko: 결과 분포가 다른 병원들과 크게 다른 검사.
    cause:
      en: A code mapped to another test, another specimen, results of two tests in one, or truly other patients.
      ko: 다른 검사로 매핑된 코드, 다른 검체, 두 검사가 섞인 경우, 또는 실제로 환자군이 다른 경우.
    reason:
      en: "{test}: median {mine} beside {theirs}"
      ko: "{test}: 중앙값 {mine} (다른 병원 {theirs})"
*/
with decile as materialized (
  select person_id >> 24 as hospital, measurement_concept_id as concept_id, coalesce(unit_concept_id, 0) as unit_id,
    quantile_cont(value_as_number, [0.1, 0.3, 0.5, 0.7, 0.9]) as said
  from measurement where value_as_number is not null and measurement_concept_id <> 0 and measurement_date > night - 730
  group by all having count(*) >= 50
),
asked as materialized (
  select d.hospital, d.concept_id, d.unit_id, unnest([1, 3, 5, 7, 9]) as i, unnest(d.said) as value
  from (select * from decile qualify count(*) over (partition by concept_id, unit_id) >= 3) d
),
beside as (
  select a.hospital, a.concept_id, a.unit_id, a.i, a.value, median(o.value) as others
  from asked a join asked o on o.concept_id = a.concept_id and o.unit_id = a.unit_id and o.i = a.i and o.hospital <> a.hospital
  group by all
),
compared as (
  select hospital, concept_id, unit_id, median(case when others > 0 then value / others end) as ratio,
    min(value) > 0 and min(others) > 0
      and max(case when i between 3 and 7 and others > 0 then value / others end)
        <= 2 * min(case when i between 3 and 7 and others > 0 then value / others end) as is_steady,
    avg(abs(value - others)) / nullif(max(others) - min(others), 0) as distance,
    max(case when i = 5 then value end) as mine, max(case when i = 5 then others end) as theirs
  from beside group by all
)
select p.hospital << 24 as owner, coalesce(c.concept_name, p.concept_id::varchar) || coalesce(' in ' || u.concept_code, '') as test,
  p.ratio, p.is_steady, p.distance, round(p.mine, 2) as mine, round(p.theirs, 2) as theirs
from compared p left join concept c on c.concept_id = p.concept_id
  left join concept u on u.concept_id = p.unit_id and p.unit_id <> 0
