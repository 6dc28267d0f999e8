/*
# How records lie upon days: days without any, days that hold a year, moments that are none. Only the last year of days counts.
checks:
  - check: time_days_without_any_record
    table: visit_occurrence
    violated: t.what = 'day' and t.n_rows = 0
    of: t.what = 'day'
    severity: characterization
    category: Completeness
    dimension: completeness
    threshold: 0
    says:
      en: Days of the last year without a record in a table of which chance leaves no such weekday empty.
      ko: 같은 요일에 우연히 비는 일이 없는 테이블인데 기록이 하나도 없는 최근 1년의 날.
    cause:
      en: A file of that day was not delivered or was delivered empty, or a table stopped being filled. Compare with the night's page.
      ko: 그날의 파일이 오지 않았거나 비었거나, 테이블 적재가 멈춘 경우. 그날 밤의 보고서를 확인하십시오.
    reason:
      en: "{cdm_table} on {day}"
      ko: "{cdm_table} {day}"
  - check: time_one_day_holds_a_year
    table: visit_occurrence
    violated: t.what = 'year' and t.share > 20
    of: t.what = 'year'
    severity: convention
    category: Plausibility
    subcategory: Temporal
    dimension: accuracy
    threshold: 0
    says:
      en: Years of a table of which one day holds more than a fifth.
      ko: 하루에 한 해 기록의 5분의 1 넘게 몰려 있는 테이블·연도.
    cause:
      en: A placeholder, or the day of a migration, stands where the day of the event belongs.
      ko: 대체 날짜나 이관 날짜가 실제 발생일 자리에 들어간 경우.
    reason:
      en: "{cdm_table}: {share} % of the year on {day}"
      ko: "{cdm_table}: 그해 기록의 {share} %가 {day}에 있음"
  - check: time_moments_cut_to_midnight
    table: visit_occurrence
    violated: t.what = 'moment' and t.share > 90 and t.earlier < 50
    of: t.what = 'moment'
    severity: characterization
    category: Plausibility
    subcategory: Temporal
    dimension: accuracy
    threshold: 0
    says:
      en: Tables of a hospital whose moments of the last four weeks are nearly all at midnight, and were not before.
      ko: 이전에는 시각이 있었는데 최근 4주 기록이 거의 모두 자정인 테이블.
    cause:
      en: The export cuts the time off since a change, or the time stands in another column now.
      ko: 추출 방식이 바뀌어 시각이 잘리거나 시각이 다른 열로 옮겨진 경우.
    reason:
      en: "{cdm_table}: {share} % at midnight, {earlier} % in the year before"
      ko: "{cdm_table}: 자정 {share} % (이전 1년 {earlier} %)"
*/
with day_of as materialized (
  select 'visit_occurrence' as cdm_table, person_id >> 24 as hospital, visit_start_date as day, count(*) as n,
    count(visit_start_datetime) as timed, count(*) filter (where visit_start_datetime = visit_start_date) as cut
  from visit_occurrence group by all
  union all
  select 'condition_occurrence', person_id >> 24, condition_start_date, count(*),
    count(condition_start_datetime), count(*) filter (where condition_start_datetime = condition_start_date)
  from condition_occurrence group by all
  union all
  select 'drug_exposure', person_id >> 24, drug_exposure_start_date, count(*),
    count(drug_exposure_start_datetime), count(*) filter (where drug_exposure_start_datetime = drug_exposure_start_date)
  from drug_exposure group by all
  union all
  select 'procedure_occurrence', person_id >> 24, procedure_date, count(*),
    count(procedure_datetime), count(*) filter (where procedure_datetime = procedure_date)
  from procedure_occurrence group by all
  union all
  select 'measurement', person_id >> 24, measurement_date, count(*),
    count(measurement_datetime), count(*) filter (where measurement_datetime = measurement_date)
  from measurement group by all
),
last_of as materialized (select hospital, max(day) as newest from day_of where day <= night group by hospital),
recent as materialized (
  select d.* from day_of d join last_of l on l.hospital = d.hospital and d.day <= l.newest where d.day > l.newest - 365
),
calendar as (
  select l.hospital, c.day, dayofweek(c.day) as weekday
  from (select distinct day from recent) c join last_of l on c.day > l.newest - 365 and c.day < l.newest
),
expected as materialized (
  select t.cdm_table, c.hospital, c.day, c.weekday, coalesce(d.n, 0) as n_rows
  from calendar c cross join (select distinct cdm_table from recent) t
    left join recent d on d.cdm_table = t.cdm_table and d.hospital = c.hospital and d.day = c.day
),
usual_of as ( -- how many days of a weekday chance leaves empty: records come in crowds, so their spread decides
  select cdm_table, hospital, weekday, case when var_pop(n_rows) > 1.01 * avg(n_rows)
    then power(avg(n_rows) / var_pop(n_rows), avg(n_rows) * avg(n_rows) / (var_pop(n_rows) - avg(n_rows)))
    else exp(-avg(n_rows)) end as empty_by_chance
  from expected group by cdm_table, hospital, weekday having count(*) >= 20 and avg(n_rows) > 0
),
year_of as (
  select cdm_table, hospital, max_by(day, n) as day, round(100.0 * max(n) / sum(n)) as share
  from day_of group by cdm_table, hospital, year(day) having sum(n) >= 500 and max(day) - min(day) >= 60
),
moment_of as (
  select d.cdm_table, d.hospital,
    round(100.0 * sum(case when d.day > l.newest - 28 then d.cut end) / sum(case when d.day > l.newest - 28 then d.timed end)) as share,
    round(100.0 * sum(case when d.day <= l.newest - 28 then d.cut end) / sum(case when d.day <= l.newest - 28 then d.timed end)) as earlier
  from recent d join last_of l on l.hospital = d.hospital
  group by d.cdm_table, d.hospital
  having sum(case when d.day > l.newest - 28 then d.timed end) >= 20 and sum(case when d.day <= l.newest - 28 then d.timed end) >= 100
)
select e.hospital << 24 as owner, 'day' as what, e.cdm_table, e.day, e.n_rows, null as share, null as earlier
from expected e join usual_of u on u.cdm_table = e.cdm_table and u.hospital = e.hospital and u.weekday = e.weekday
where u.empty_by_chance < 0.000001
union all
select hospital << 24, 'year', cdm_table, day, null, share, null from year_of
union all
select hospital << 24, 'moment', cdm_table, null, null, share, earlier from moment_of
