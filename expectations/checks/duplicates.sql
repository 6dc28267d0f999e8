/*
# Rows that say the same twice, and single entries of a source that became a crowd. Rules 4 and 35.
by: person
checks:
  - check: duplicate_rows_{table}
    each: &tables
      - {table: condition_occurrence}
      - {table: drug_exposure}
      - {table: procedure_occurrence}
      - {table: measurement}
      - {table: observation}
    violated: t.what = 'same' and t.cdm_table = '{table}'
    of: t.cdm_table = '{table}'
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: uniqueness
    threshold: 5
    says:
      en: Rows of {table} of the same person, visit, concept, source, moment and value as another.
      ko: 환자·방문·개념·원천 값·시각·값이 모두 같은 행이 또 있는 {table} 행.
    cause:
      en: A join made several rows of one (code masters whose windows overlap), or a file came twice.
      ko: 조인으로 한 행이 여러 행이 된 경우(유효 기간이 겹치는 코드 마스터), 또는 같은 파일이 두 번 온 경우.
  - check: duplicate_crowds_{table}
    each: *tables
    violated: t.what = 'crowd' and t.cdm_table = '{table}'
    of: t.cdm_table = '{table}'
    severity: convention
    category: Plausibility
    subcategory: Atemporal
    dimension: uniqueness
    threshold: 0.1
    says:
      en: Rows of {table} of which more than twenty have the same person, concept, source and moment.
      ko: 환자·개념·원천 값·시각이 같은 행이 스무 개를 넘는 {table} 행.
    cause:
      en: A row of the source was joined with every row of a master, or one person stands for many (a test patient, a collective number).
      ko: 원천 한 행이 마스터 전체와 조인되었거나 한 환자가 여럿을 대신하는 경우(시험 환자, 집합 번호).
*/
-- few columns first: hardly any row is like another one in them
with condition_occurrence_often as materialized (
  select person_id, condition_concept_id as concept_id, condition_start_datetime as moment from condition_occurrence group by all having count(*) > 1
),
drug_exposure_often as materialized (
  select person_id, drug_concept_id as concept_id, drug_exposure_start_datetime as moment from drug_exposure group by all having count(*) > 1
),
procedure_occurrence_often as materialized (
  select person_id, procedure_concept_id as concept_id, procedure_datetime as moment from procedure_occurrence group by all having count(*) > 1
),
measurement_often as materialized (
  select person_id, measurement_concept_id as concept_id, measurement_datetime as moment from measurement group by all having count(*) > 1
),
observation_often as materialized (
  select person_id, observation_concept_id as concept_id, observation_datetime as moment from observation group by all having count(*) > 1
),
suspect as materialized (
  select 'condition_occurrence' as cdm_table, t.person_id, o.concept_id, coalesce(o.moment, t.condition_start_date) as moment, t.condition_source_value as source, t.condition_status_source_value as value,
    t.visit_occurrence_id
  from condition_occurrence t join condition_occurrence_often o
    on o.person_id = t.person_id and o.concept_id = t.condition_concept_id and o.moment is not distinct from t.condition_start_datetime
  union all
  select 'drug_exposure' as cdm_table, t.person_id, o.concept_id, coalesce(o.moment, t.drug_exposure_start_date) as moment, t.drug_source_value as source, t.quantity::varchar as value,
    t.visit_occurrence_id
  from drug_exposure t join drug_exposure_often o
    on o.person_id = t.person_id and o.concept_id = t.drug_concept_id and o.moment is not distinct from t.drug_exposure_start_datetime
  union all
  select 'procedure_occurrence' as cdm_table, t.person_id, o.concept_id, coalesce(o.moment, t.procedure_date) as moment, t.procedure_source_value as source, t.quantity::varchar as value,
    t.visit_occurrence_id
  from procedure_occurrence t join procedure_occurrence_often o
    on o.person_id = t.person_id and o.concept_id = t.procedure_concept_id and o.moment is not distinct from t.procedure_datetime
  union all
  select 'measurement' as cdm_table, t.person_id, o.concept_id, coalesce(o.moment, t.measurement_date) as moment, t.measurement_source_value as source, t.value_source_value as value,
    t.visit_occurrence_id
  from measurement t join measurement_often o
    on o.person_id = t.person_id and o.concept_id = t.measurement_concept_id and o.moment is not distinct from t.measurement_datetime
  union all
  select 'observation' as cdm_table, t.person_id, o.concept_id, coalesce(o.moment, t.observation_date) as moment, t.observation_source_value as source, t.value_source_value as value,
    t.visit_occurrence_id
  from observation t join observation_often o
    on o.person_id = t.person_id and o.concept_id = t.observation_concept_id and o.moment is not distinct from t.observation_datetime
)
select person_id, 'same' as what, cdm_table, count(*) as n from suspect
group by person_id, cdm_table, concept_id, moment, source, value, visit_occurrence_id having count(*) > 1
union all
select person_id, 'crowd', cdm_table, count(*) from suspect
group by person_id, cdm_table, concept_id, moment, source having count(*) > 20;
select (person_id >> 24) << 24 as owner, 'condition_occurrence' as cdm_table, count(*) as n from condition_occurrence group by all
union all select (person_id >> 24) << 24 as owner, 'drug_exposure' as cdm_table, count(*) as n from drug_exposure group by all
union all select (person_id >> 24) << 24 as owner, 'procedure_occurrence' as cdm_table, count(*) as n from procedure_occurrence group by all
union all select (person_id >> 24) << 24 as owner, 'measurement' as cdm_table, count(*) as n from measurement group by all
union all select (person_id >> 24) << 24 as owner, 'observation' as cdm_table, count(*) as n from observation group by all
