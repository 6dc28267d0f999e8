/*
# What the concepts of a table are: of which domain (rule 3, also of observation, which takes what has no table of its own and
# nothing else), and whether one holds nearly all.
reads: [domains]
checks:
  - check: convention_03_domain_belongs_to_{table}
    each: &tables
      - {table: condition_occurrence, field: condition_concept_id}
      - {table: drug_exposure, field: drug_concept_id}
      - {table: procedure_occurrence, field: procedure_concept_id}
      - {table: device_exposure, field: device_concept_id}
      - {table: measurement, field: measurement_concept_id}
      - {table: observation, field: observation_concept_id}
      - {table: specimen, field: specimen_concept_id}
    violated: t.what = 'domain' and t.cdm_table = '{table}' and t.belongs <> '{table}'
    of: t.what = 'domain' and t.cdm_table = '{table}'
    severity: convention
    category: Conformance
    subcategory: Value
    dimension: validity
    threshold: 0
    says:
      en: Rows of {table} whose concept is of a domain that belongs to another table.
      ko: 다른 테이블에 속하는 도메인의 개념이 들어 있는 {table} 행.
    cause:
      en: Rows were mapped with an earlier vocabulary and not routed again, or filled past the look-up. Map everybody again with `etl run --force`.
      ko: 이전 용어집으로 매핑한 뒤 다시 배치하지 않았거나 조회를 거치지 않은 행. `etl run --force`로 다시 매핑하십시오.
  - check: mapping_not_all_to_one_concept_{table}
    each: *tables
    violated: t.what = 'top' and t.cdm_table = '{table}' and t.codes >= 20
    of: t.what = 'top' and t.cdm_table = '{table}'
    severity: fatal
    category: Plausibility
    subcategory: Atemporal
    dimension: accuracy
    threshold: 0
    says:
      en: Hospitals of which one concept, other than 0, holds more than nine tenths of {field} though the source has twenty codes or more.
      ko: 원천 코드는 스무 가지 이상인데 0이 아닌 한 개념이 {field}의 90%를 넘는 병원.
    cause:
      en: A constant left over from a trial, a default of a code map, or a look-up by the wrong column.
      ko: 시험용 상수, 코드 매핑의 기본값, 또는 엉뚱한 열로 조회한 경우.
    reason:
      en: "{share} % of the rows have {name}"
      ko: "행의 {share} %가 {name}"
  - check: mapping_share_of_concept_0_device_exposure
    table: device_exposure
    field: device_concept_id
    violated: t.what = 'zero' and t.cdm_table = 'device_exposure' and t.share > 90
    of: t.what = 'zero' and t.cdm_table = 'device_exposure'
    severity: convention
    category: Completeness
    dimension: completeness
    threshold: 0
    says:
      en: Hospitals of which more than nine tenths of a hundred devices or more have no standard concept.
      ko: 치료재료가 100건 이상인데 90% 넘게 표준 개념이 없는 병원.
    cause:
      en: Few materials have a standard concept anywhere; above this share nothing is looked up. `etl unmapped` lists them.
      ko: 치료재료는 표준 개념이 드뭅니다. 이보다 많으면 조회가 되지 않는 것입니다. `etl unmapped`로 확인하십시오.
    reason:
      en: "{share} % of the rows"
      ko: "행의 {share} %"
*/
with kind as materialized (
  select 'condition_occurrence' as cdm_table, person_id >> 24 as hospital, condition_concept_id as concept_id, count(*) as n from condition_occurrence group by all
  union all
  select 'drug_exposure' as cdm_table, person_id >> 24 as hospital, drug_concept_id as concept_id, count(*) as n from drug_exposure group by all
  union all
  select 'procedure_occurrence' as cdm_table, person_id >> 24 as hospital, procedure_concept_id as concept_id, count(*) as n from procedure_occurrence group by all
  union all
  select 'device_exposure' as cdm_table, person_id >> 24 as hospital, device_concept_id as concept_id, count(*) as n from device_exposure group by all
  union all
  select 'measurement' as cdm_table, person_id >> 24 as hospital, measurement_concept_id as concept_id, count(*) as n from measurement group by all
  union all
  select 'observation' as cdm_table, person_id >> 24 as hospital, observation_concept_id as concept_id, count(*) as n from observation group by all
  union all
  select 'specimen' as cdm_table, person_id >> 24 as hospital, specimen_concept_id as concept_id, count(*) as n from specimen group by all
),
top as materialized (
  select cdm_table, hospital, max_by(concept_id, n) as concept_id, round(100.0 * max(n) / sum(n)) as share,
    100.0 * sum(case when concept_id = 0 then n else 0 end) / sum(n) as unmapped, sum(n) >= 100 as is_asked
  from kind group by cdm_table, hospital
),
nearly_all as materialized (select * from top where share > 90 and concept_id <> 0), -- of none, nothing below is read
code as (
  select n.cdm_table, n.hospital, count(distinct t.condition_source_value) as codes
  from condition_occurrence t join nearly_all n on n.cdm_table = 'condition_occurrence' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.drug_source_value) as codes
  from drug_exposure t join nearly_all n on n.cdm_table = 'drug_exposure' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.procedure_source_value) as codes
  from procedure_occurrence t join nearly_all n on n.cdm_table = 'procedure_occurrence' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.device_source_value) as codes
  from device_exposure t join nearly_all n on n.cdm_table = 'device_exposure' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.measurement_source_value) as codes
  from measurement t join nearly_all n on n.cdm_table = 'measurement' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.observation_source_value) as codes
  from observation t join nearly_all n on n.cdm_table = 'observation' and n.hospital = t.person_id >> 24 group by all
  union all
  select n.cdm_table, n.hospital, count(distinct t.specimen_source_value) as codes
  from specimen t join nearly_all n on n.cdm_table = 'specimen' and n.hospital = t.person_id >> 24 group by all
)
select k.hospital << 24 as owner, 'domain' as what, k.cdm_table, k.n, coalesce(d.cdm_table, 'observation') as belongs,
  null as share, null as codes, null as name
from kind k join concept c on c.concept_id = k.concept_id left join domains d on d.domain_id = c.domain_id
where k.concept_id <> 0
union all
select t.hospital << 24, 'top', t.cdm_table, 1, null, t.share, o.codes, coalesce(c.concept_name, t.concept_id::varchar)
from top t left join code o on o.cdm_table = t.cdm_table and o.hospital = t.hospital
  left join concept c on c.concept_id = t.concept_id and o.codes is not null
where t.is_asked
union all
select hospital << 24, 'zero', cdm_table, 1, null, round(unmapped), null, null from top where is_asked
