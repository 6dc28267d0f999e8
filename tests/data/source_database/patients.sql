-- Everybody who has a record.
with everybody as (select * from emr.patient)
select pt_no as "PT_NO", nm as "NM", rrn as "RRN", tel as "TEL", sex as "SEX", birth as "BIRTH", death as "DEATH"
from everybody where nm not like '%:never' and nm <> '100%';
