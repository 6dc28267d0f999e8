-- tables of the CDM that hospitals have rows in, and whether their rows are kept from who is not cleared
select
    c.relname,
    c.relrowsecurity and exists (select from pg_policy as p where p.polrelid = c.oid) as safe
from pg_class as c
where c.relnamespace = to_regnamespace('cdm') and c.relkind in ('p', 'r')
