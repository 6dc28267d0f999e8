-- A made-up ledger: three hospitals, five nights (2026-11-19 … 23). snuh publishes every night and sends a
-- corrected delivery on the last; the CDM gate of dsmc closes on the last night; cnuh fails in `map` on the last.
-- Counts follow from a few base figures, so that every account adds up by construction.

create temp table nights (night text, i integer);
insert into nights values
 ('2026-11-19', 0), ('2026-11-20', 1), ('2026-11-21', 2), ('2026-11-22', 3), ('2026-11-23', 4);

create temp table hospitals (hospital text, percent_of_base integer, vocabulary text);
insert into hospitals values
 ('snuh', 240, 'v20260827'), ('dsmc', 100, 'v20260827'), ('cnuh', 130, 'v20260827');

-- rows: per night at 100 percent; fan_out: CDM rows per 100 mapped source rows
create temp table subjects (
  subject text, cdm_table text, rows integer, bytes_per_row integer, fan_out integer, domain text, mapped_permille integer
);
insert into subjects values
 ('patient', 'person', 18420, 84, 100, null, null),
 ('visit', 'visit_occurrence', 31250, 121, 100, 'Visit', 1000),
 ('diagnosis', 'condition_occurrence', 58310, 96, 104, 'Condition', 962),
 ('drug', 'drug_exposure', 142800, 143, 100, 'Drug', 884),
 ('lab', 'measurement', 486200, 118, 100, 'Measurement', 907),
 ('vital', 'measurement', 61200, 102, 640, 'Measurement', 1000),
 ('procedure', 'procedure_occurrence', 39700, 110, 101, 'Procedure', 641);

create temp table layouts (hospital text, subject text, source text, file text);
insert into layouts values
 ('snuh', 'patient', 'ods_appatbat', 'ods_appatbat.csv'),
 ('snuh', 'visit', 'ods_apopdlst', 'ods_apopdlst.csv'),
 ('snuh', 'diagnosis', 'dw_mmpdiagt', 'dw_mmpdiagt.csv'),
 ('snuh', 'drug', 'dw_mmcuhort_med', 'dw_mmcuhort_med.csv'),
 ('snuh', 'lab', 'dw_stexmrst', 'dw_stexmrst.csv'),
 ('snuh', 'vital', 'dv_basexm', 'dv_basexm.csv'),
 ('snuh', 'procedure', 'dw_mmcuhort_etc', 'dw_mmcuhort_etc.csv'),
 ('dsmc', 'patient', '환자', 'person.csv'),
 ('dsmc', 'visit', '수진', 'visit_occurrence.csv'),
 ('dsmc', 'diagnosis', '진단', 'condition_occurrence.csv'),
 ('dsmc', 'drug', '약처방', 'drug_exposure.csv'),
 ('dsmc', 'lab', '검사결과', 'measurement.csv'),
 ('dsmc', 'vital', '활력징후', 'vital_sign.csv'),
 ('dsmc', 'procedure', '시술처치', 'procedure_occurrence.csv'),
 ('cnuh', 'patient', '환자기본정보', '19.PMCMPTBS_환자기본정보.csv'),
 ('cnuh', 'visit', '외래수진이력', '20.PMOHOTPT_외래수진이력.csv'),
 ('cnuh', 'diagnosis', '진단정보', '12.MMOHDIAG_진단정보.csv'),
 ('cnuh', 'drug', '약처방정보', '08.MMOHOIPRC_약처방정보.csv'),
 ('cnuh', 'lab', '진단검사결과', '11.LLRHSPDO_진단검사결과.csv'),
 ('cnuh', 'vital', '간호정보조사', '01.MNWMPGIF_간호정보조사(일반).csv'),
 ('cnuh', 'procedure', '검사처방', '02.MMOHOIPRC_검사처방.csv');

create temp table losses (subject text, outcome text, reason text, per_100000 integer);
insert into losses values
 ('diagnosis', 'rejected', 'short_row', 4),
 ('drug', 'rejected', 'long_row', 3),
 ('lab', 'rejected', 'bad_quote', 9),
 ('lab', 'rejected', 'undecodable', 2),
 ('patient', 'quarantined', 'birth_missing', 12),
 ('patient', 'filtered', 'test patients', 40),
 ('visit', 'quarantined', 'person_excluded', 12),
 ('diagnosis', 'quarantined', 'person_unknown', 21),
 ('diagnosis', 'quarantined', 'start_invalid', 7),
 ('diagnosis', 'filtered', 'rule-outs are not diagnoses', 2150),
 ('drug', 'quarantined', 'code_missing', 18),
 ('drug', 'quarantined', 'person_unknown', 14),
 ('drug', 'filtered', '취소된 처방 (DC)', 3310),
 ('lab', 'quarantined', 'start_in_future', 3),
 ('lab', 'quarantined', 'person_unknown', 10),
 ('lab', 'quarantined', 'before_birth', 1),
 ('lab', 'filtered', 'no result yet', 1240),
 ('procedure', 'quarantined', 'order_window', 6),
 ('procedure', 'filtered', 'cancelled orders', 1820);

create temp table stages (stage text, i integer, seconds real);
insert into stages values
 ('land', 0, 21.4), ('check_source', 1, 14.2), ('map', 2, 48.9), ('derive', 3, 9.7), ('check_cdm', 4, 26.3), ('publish', 5, 3.1);

insert into run (run_id, hospital, night, delivery, state, stage, message, started_at, ended_at, vocabulary, mappings, bytes_in, touched, number,
  reason, worker)
select hospital || '-' || night || '-' || substr(hex(hospital || i || 'delivery'), 1, 12), hospital, night,
  lower(hex(hospital || night || 'delivery')),
  case when i = 4 and hospital = 'dsmc' then 'blocked' when i = 4 and hospital = 'cnuh' then 'failed' else 'published' end,
  case when i = 4 and hospital = 'dsmc' then 'check_cdm' when i = 4 and hospital = 'cnuh' then 'map' else 'publish' end,
  case when i = 4 and hospital = 'dsmc' then 'the cdm gate closed: 2 expectations of severity block failed'
       when i = 4 and hospital = 'cnuh' then '디스크 공간이 부족합니다: the scratch folder is full' || char(10)
         || 'DuckDB needed 4.1 GB more than ETL_MEMORY allows.' || char(10) || 'Free space and run the night again.' end,
  night || ' 17:10:00.000000',
  night || case hospital when 'snuh' then ' 17:15:0' || i when 'dsmc' then ' 17:12:1' || i else ' 17:12:4' || i end || '.000000',
  vocabulary, lower(hex('mappings of ' || hospital)), null, null, null, null, null
from nights cross join hospitals;

-- the earlier delivery of snuh's last night
insert into run (run_id, hospital, night, delivery, state, stage, message, started_at, ended_at, vocabulary, mappings, bytes_in, touched, number,
  reason, worker)
values ('snuh-2026-11-23-0badc0ffee00', 'snuh', '2026-11-23', '0badc0ffee00', 'failed', 'land',
 'dw_stexmrst.csv is not in the delivery', '2026-11-23 16:20:00.000000', '2026-11-23 16:20:04.000000', null, null, null, null, null, null, null);

-- opened in the order of their start
update run set number = (select count(*) from run b where (b.started_at, b.run_id) <= (run.started_at, run.run_id));

create temp table told as
select run_id, hospital, i, state, percent_of_base from run join nights using (night) join hospitals using (hospital)
where delivery <> '0badc0ffee00';

insert into source_file
select run_id, source, file, rows * bytes_per_row, rows
from (
  select run_id, source, file, bytes_per_row, rows * percent_of_base / 100 * (100 + i - 2 * (i = 3)) / 100 as rows
  from told join layouts using (hospital) join subjects using (subject)
);
update run set bytes_in = (select sum(bytes) from source_file f where f.run_id = run.run_id);

insert into source_account
select f.run_id, f.source, outcome, reason, f.rows * per_100000 * (case when i = 4 and outcome = 'quarantined' then 3 else 1 end) / 100000
from source_file f join told t using (run_id) join layouts y on y.hospital = t.hospital and y.source = f.source
join losses using (subject)
where t.state <> 'failed' or outcome = 'rejected';
insert into source_account
select f.run_id, f.source, 'mapped', '',
  f.rows - coalesce((select sum(a.rows) from source_account a where a.run_id = f.run_id and a.source = f.source), 0)
from source_file f join told t using (run_id) where t.state <> 'failed';

insert into table_account
select a.run_id, cdm_table, y.subject || '/' || y.source, y.source, a.rows, a.rows * fan_out / 100
from source_account a join told t using (run_id) join layouts y on y.hospital = t.hospital and y.source = a.source
join subjects using (subject) where a.outcome = 'mapped';
insert into table_account
select run_id, 'condition_era', 'derived', 'condition_occurrence', sum(rows), sum(rows) * 61 / 100
from table_account where cdm_table = 'condition_occurrence' group by run_id;

insert into mapping_rate
select run_id, domain, sum(t.rows), sum(t.rows * (mapped_permille - 20 * (i = 4 and domain = 'Drug') + (i > 1 and mapped_permille < 1000)) / 1000),
  case when i > 0 then sum((mapped_permille + (i > 2 and mapped_permille < 1000)) * t.rows) / 1000.0 / sum(t.rows) end
from table_account t join told using (run_id) join layouts y on y.hospital = told.hospital and y.source = t.source
join subjects using (subject) where domain is not null group by run_id, domain;
insert into mapping_rate
select run_id, 'Unit', records, records * 973 / 1000, 0.9731 from mapping_rate where domain = 'Measurement';

create temp table codes (domain text, vocabulary text, code text, description text, per_100000 integer, from_night integer);
insert into codes values
 ('Measurement', 'local lab', 'L3041<0.5', 'hs-CRP <0.5 정성', 2410, 0),
 ('Measurement', 'local lab', 'B2710', '혈액응고검사 & 혼합시험', 1820, 0),
 ('Measurement', 'local lab', 'C4851', '알레르기 특이 IgE (MAST 108종)', 960, 0),
 ('Measurement', 'EDI', 'D8520043', 'HLA-B27 유전자 검사', 610, 0),
 ('Drug', 'EDI', '645100290', '우루사정 200밀리그램', 3260, 0),
 ('Drug', 'EDI', '053600111', '한방 복합 엑스제', 2180, 0),
 ('Drug', 'local drug', 'XN-KABI2', 'N-카비 수액 (원내제제)', 1960, 0),
 ('Drug', 'EDI', '671807470', '신규 등재 코드', 1890, 4),
 ('Condition', 'KCD7', 'U07.1', 'COVID-19, 바이러스 확인', 840, 0),
 ('Condition', 'KCD8 only', 'R29.80', null, 310, 0),
 ('Procedure', 'EDI', 'MM070', '심층열치료', 9120, 0),
 ('Procedure', 'EDI', 'MM010', '표층열치료', 8040, 0),
 ('Procedure', 'local order', 'PT-DR<b>', '도수치료 "비급여"', 4120, 0),
 ('Unit', 'local unit', 'x10³/㎕', '혈구 수', 1100, 0),
 ('Unit', 'local unit', 'mg/dl ', 'lower-case litre', 420, 0);
insert into unmapped
select run_id, domain, vocabulary, code, description, records * per_100000 / 100000,
  case when per_100000 >= 1000 then records * per_100000 / 300000 end, case when per_100000 < 1000 then 5 end,
  case when per_100000 >= 1000 then '2016-02-01' end, case when per_100000 >= 1000 then '2026-11-21' end
from mapping_rate join told using (run_id) join codes using (domain) where i >= from_night;

create temp table expectations (
  gate text, number integer, suite text, subject text, column_name text, expectation text, description text, severity text
);
insert into expectations values
 ('source', 0, 'delivery', 'patient', null, 'table_row_count', 'The patient table holds at least 90 % of last night''s rows', 'block'),
 ('source', 1, 'delivery', 'lab', null, 'table_row_count', 'Laboratory results arrive every night', 'block'),
 ('source', 2, 'codes', 'diagnosis', 'DIAGCODE', 'values_not_null', 'Every diagnosis has a code', 'block'),
 ('source', 3, 'codes', 'drug', 'ORDCODE', 'values_match_regex', 'Order codes look like order codes', 'warn'),
 ('source', 4, 'codes', 'lab', 'RSLTUNIT', 'values_in_set', 'Units are among the known 214', 'warn');
create temp table cdm_expectations as select * from expectations where 0;
insert into cdm_expectations values
 ('cdm', 0, 'keys', 'drug_exposure', 'person_id', 'foreign_key', 'Every drug exposure belongs to a person', 'block'),
 ('cdm', 1, 'completeness', 'measurement', 'unit_concept_id', 'values_not_null', 'Numeric results have a unit', 'block'),
 ('cdm', 2, 'mapping_rate', 'drug_exposure', 'drug_concept_id', 'share_mapped', 'At least 88 % of drug records map to a standard concept', 'block'),
 ('cdm', 3, 'plausibility', 'condition_occurrence', 'condition_end_date', 'pair_greater', 'A condition does not end before it starts', 'warn'),
 ('cdm', 4, 'plausibility', 'measurement', 'value_as_number', 'values_between', 'Haemoglobin lies between 2 and 25 g/dL', 'warn'),
 ('cdm', 5, 'plausibility', 'visit_occurrence', 'visit_end_date', 'pair_greater', 'A visit does not end before it starts', 'block'),
 ('cdm', 6, 'conformance', 'person', 'gender_concept_id', 'values_in_set', 'Sex is 8507, 8532 or 0', 'block'),
 ('cdm', 7, 'conformance', 'person', 'year_of_birth', 'values_between', 'Year of birth is between 1900 and this year', 'block'),
 ('cdm', 8, 'custom', 'note', null, 'table_row_count', 'Notes stay empty unless the profile allows free text', 'warn');
insert into finding
select run_id, gate, number, suite, source, column_name, expectation, description, severity, 1, 0, null, null, null, null, null, null, null
from told join expectations join layouts using (hospital, subject);
insert into finding
select run_id, gate, number, suite, subject, column_name, expectation, description, severity, 1, 0,
  (select sum(rows) from table_account a where a.run_id = told.run_id and a.cdm_table = subject), null, null, null,
  'select ' || subject || '_id from "' || subject || '" where ' || coalesce(column_name, subject || '_id') || ' is null', null, null
from told join cdm_expectations where state <> 'failed';
update finding set success = 0, unexpected = 37, rows_sql = 'select line from "landed" where "RSLTUNIT" not in (select unit from known_unit)'
where gate = 'source' and number = 4;
update finding set total = (select sum(rows) from source_file f where f.run_id = finding.run_id and f.source = finding.table_name)
where gate = 'source';
update finding set success = 0, unexpected = 3,
  rows_sql = 'select condition_occurrence_id' || char(10) || 'from condition_occurrence' || char(10) || 'where condition_end_date < condition_start_date'
where gate = 'cdm' and number = 3;
update finding set success = 0, unexpected = total * 136 / 1000 where gate = 'cdm' and number = 2
  and run_id in (select run_id from told where state = 'blocked');
update finding set observed = (select printf('%.1f %%', 100.0 * mapped / records) from mapping_rate r where r.run_id = finding.run_id and domain = 'Drug')
where gate = 'cdm' and number = 2;
update finding set success = 0, unexpected = 1204, rows_sql = 'select measurement_id from measurement where unit_concept_id is null and value_as_number is not null'
where gate = 'cdm' and number = 1 and run_id in (select run_id from told where state = 'blocked');
update finding set success = 0, unexpected = null, error = 'the table note is not in the candidate CDM', rows_sql = null
where gate = 'cdm' and number = 8 and run_id in (select run_id from told where state = 'blocked');

insert into stage
select run_id, s.stage, strftime('%Y-%m-%d %H:%M:%S', r.started_at, '+' || (20 * s.i) || ' seconds') || '.000000',
  round(seconds * percent_of_base / 100, 1), (select sum(rows) from source_file f where f.run_id = r.run_id),
  case when r.state <> 'published' and s.stage = r.stage then r.state when r.hospital = 'dsmc' and s.stage = 'land' and t.i = 4 then 'reused' else 'done' end
from told t join run r using (run_id) join stages s
where r.state = 'published' or s.i <= (select z.i from stages z where z.stage = r.stage);
