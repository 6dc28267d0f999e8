-- A step opens data, a role lets somebody make one: whoever writes either, with the office's login too, has written it
-- into the audit log by the end of the same transaction, or it is not written.
create function office.must_be_told() returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    told text;
begin
    if tg_table_name = 'request_step' then
        told := format('request %s: %s', new.request, new.move);
    else
        told := format('%s: %s', new.account, concat_ws(' of ', new.role, new.hospital));
    end if;
    if not exists (
        select from audit.audit_entry e
        where e.number > (select max(number) - 1000 from audit.audit_entry)  -- who writes keeps others waiting
            and e.kind = any(tg_argv) and e.subject = left(told, 200) and e.xmin = pg_current_xact_id()::xid
    ) then
        raise exception '% is not in the audit log', told using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
create constraint trigger request_step_told after insert on office.request_step
deferrable initially deferred
for each row execute function office.must_be_told('request moved');
create constraint trigger request_role_told after insert on office.request_role
deferrable initially deferred
for each row execute function office.must_be_told('role in requests given', 'role in requests taken');
