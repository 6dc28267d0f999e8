/*
# What no living person has: limits.csv, by concept and unit; a number with an operator is a bound, and not asked. And rule 20,
# numbers that may be negative. Of all numbers.
reads: [limits, negative_values]
by: person
checks:
  - check: limits_no_impossible_value
    table: measurement
    field: value_as_number
    violated: t.what = 'outside' and not t.fits_another
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0.5
    says:
      en: Measurements of a value that no living person has, by concept and unit.
      ko: 검사와 단위로 보아 살아 있는 사람에게 있을 수 없는 값의 측정 행.
    cause:
      en: A misplaced decimal sign, two numbers in one text, or a code of the hospital mapped to another test. Limits are in expectations/checks/limits.csv.
      ko: 소수점 오류, 한 칸에 두 숫자, 또는 다른 검사로 매핑된 코드. 한계값은 expectations/checks/limits.csv에 있습니다.
  - check: limits_no_zero_for_missing
    table: measurement
    field: value_as_number
    violated: t.what = 'zero'
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0.1
    says:
      en: Measurements of 0 where nobody has 0.
      ko: 0이 될 수 없는 검사인데 값이 0인 측정 행.
    cause:
      en: "A device or a form writes 0 for nothing measured. Let the contract read it as empty (reads: empty)."
      ko: "장비나 서식이 측정하지 않은 것을 0으로 적은 경우. 계약의 reads에서 빈 값으로 읽게 하십시오."
  - check: limits_no_value_of_another_unit
    table: measurement
    field: value_as_number
    violated: t.what = 'outside' and t.fits_another
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0.1
    says:
      en: Measurements that are impossible in their unit and usual in another one of the same test.
      ko: 적힌 단위로는 불가능하지만 같은 검사의 다른 단위로는 가능한 값의 측정 행.
    cause:
      en: The source's unit is wrong or missing and was filled in, or a conversion ran twice. Compare with the laboratory's own page.
      ko: 원천의 단위가 틀렸거나 비어 있어 채운 경우, 또는 환산이 두 번 된 경우. 검사실 자료와 비교하십시오.
  - check: convention_20_only_what_can_be_is_negative
    table: measurement
    field: value_as_number
    violated: t.what = 'negative'
    severity: convention
    category: Conformance
    subcategory: Value
    dimension: accuracy
    threshold: 0
    says:
      en: Measurements with a negative number of a concept that cannot be negative.
      ko: 음수가 될 수 없는 개념인데 음수인 측정 행.
    cause:
      en: "A sign that is a dash, or the hospital names further concepts (negative_values; then override this check)."
      ko: "줄표를 음수로 읽었거나 병원이 음수 허용 개념을 더 지정한 경우(negative_values)."
*/
with other as (
  select l.concept_id, l.unit_concept_id, list(struct_pack(low := o.low, high := o.high)) as units
  from limits l join limits o on o.concept_id = l.concept_id and o.unit_concept_id <> l.unit_concept_id
    and (o.low > 3 * l.low or 3 * o.low < l.low or o.high > 3 * l.high or 3 * o.high < l.high)
  group by l.concept_id, l.unit_concept_id
),
limit_of as (
  select l.concept_id, l.unit_concept_id, l.low, l.high, o.units
  from limits l left join other o on o.concept_id = l.concept_id and o.unit_concept_id = l.unit_concept_id
)
select m.person_id, m.measurement_id, case when m.value_as_number = 0 then 'zero' else 'outside' end as what,
  coalesce(len(list_filter(l.units, o -> m.value_as_number between o.low and o.high)) > 0, false) as fits_another
from measurement m join limit_of l on l.concept_id = m.measurement_concept_id and l.unit_concept_id = m.unit_concept_id
  and (m.value_as_number < l.low or m.value_as_number > l.high)
where m.operator_concept_id is null
union all
select person_id, measurement_id, 'negative', false
from measurement
where value_as_number < 0 and measurement_concept_id <> 0 and measurement_concept_id not in (select concept_id from negative_values);
select person_id from measurement where value_as_number is not null
