-- One audit log for all. Its tables and functions come from `etl warehouse init`: they belong to a role of their own.
do $$
declare
    old record;
begin
    for old in select * from office.office_event order by number loop
        perform audit.append(
            old.action, old.actor, old.role, old.subject, old.reason, old.address, null,
            format('{"before":%s}', old.number), old.happened_at
        );
    end loop;
end
$$;
drop table office.office_event;

-- However a clearance is given or taken, the log has it.
create function admin.tell_clearance() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'INSERT' then
        perform audit.append(
            'clearance given', new.granted_by, null, format('%s: %s', new.login, new.hospital), new.reason, null, null,
            json_build_object('until', new.until)::text, null
        );
    elsif old.revoked_at is null and new.revoked_at is not null then
        perform audit.append(
            'clearance taken', new.revoked_by, null, format('%s: %s', new.login, new.hospital), new.revoke_reason, null,
            null, '{}', null
        );
    end if;
    return null;
end
$$;
create trigger clearance_told after insert or update on admin.clearance
for each row execute function admin.tell_clearance();
