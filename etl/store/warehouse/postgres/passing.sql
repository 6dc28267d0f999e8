-- Functions of the server that everybody may execute and by which data is stored outside of tables, passed to another
-- session, or another session is held up: large objects, notifications, messages in the log of changes, advisory locks.
select p.oid::regprocedure::text as function
from pg_proc as p
where p.pronamespace = 'pg_catalog'::regnamespace
and p.proname ~ '^(lo_|loread$|lowrite$|pg_notify$|pg_logical_emit_message$|pg_(try_)?advisory_)'
and exists (
    select from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) as granted
    where granted.grantee = 0 and granted.privilege_type = 'EXECUTE'
)
order by 1
