-- Statistics of values that were gathered before columns and expressions were told to keep none.
delete from pg_statistic as s
using pg_attribute as a, pg_class as c
where a.attrelid = s.starelid and a.attnum = s.staattnum and c.oid = s.starelid and a.attstattarget = 0
and c.relnamespace in (to_regnamespace('cdm'), to_regnamespace('cdm_part'), to_regnamespace('results'))
