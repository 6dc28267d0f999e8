-- tables of the CDM, whether their rows are kept from who is not cleared, and whether anything says who is
select
    c.relname,
    c.relrowsecurity,
    exists (select from pg_policy as p where p.polrelid = c.oid) as has_policy
from pg_class as c
where c.relnamespace = to_regnamespace('cdm') and c.relkind in ('p', 'r')
