-- The audit log. Its tables belong to etl_recorder, which nobody is a member of and nobody can sign in as: they are
-- written by these functions only. Run as etl_recorder; the same
-- statements again change nothing.
create table if not exists audit.audit_entry (
    number bigint not null primary key,
    written_at timestamp not null,
    happened_at timestamp not null,
    kind text not null,
    actor text not null,
    role text,
    login text not null,
    subject text,
    reason text,
    address text,
    returned bigint,
    details text not null,
    previous text not null,
    digest text not null,
    pruned_by bigint
);
create index if not exists ix_audit_entry_happened_at on audit.audit_entry (happened_at);
create index if not exists ix_audit_entry_kind on audit.audit_entry (kind, subject);
create table if not exists audit.audit_head (
    one integer not null primary key check (one = 1),
    log text not null,
    number bigint not null,
    digest text not null
);
insert into audit.audit_head
select 1, replace(gen_random_uuid()::text, '-', ''), 0, ''
where not exists (select from audit.audit_head);
create table if not exists audit.audit_kept (kind text not null primary key, years integer);
comment on table audit.audit_entry is 'who did what, when and why; each entry holds the digest of the one before';
comment on table audit.audit_head is 'where the log ends: number and digest of its last entry, and what it is called';
comment on table audit.audit_kept is 'how many years entries of a kind are kept at least; none: for good';

-- A list of texts and nulls as JSON: what digests are made of.
create or replace function audit.sealed(e audit.audit_entry) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
select encode(sha256(convert_to(json_build_array(
    e.number::text, to_char(e.written_at, 'YYYY-MM-DD"T"HH24:MI:SS.US'),
    to_char(e.happened_at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), e.kind, e.actor, e.role, e.login, e.subject, e.reason,
    e.address, e.returned::text, e.details, e.previous
)::text, 'UTF8')), 'hex')
$$;

-- Only for the functions below: adds an entry at the end of the chain.
create or replace function audit.chain(e audit.audit_entry) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    head audit.audit_head;
begin
    select * into strict head from audit.audit_head for update;
    e.number := head.number + 1;
    e.written_at := clock_timestamp() at time zone 'utc';
    e.happened_at := coalesce(e.happened_at, e.written_at);
    e.login := session_user;
    e.details := coalesce(e.details, '{}');
    e.previous := case when head.number = 0 then head.log else head.digest end;
    e.digest := audit.sealed(e);
    e.pruned_by := null;
    insert into audit.audit_entry values (e.*);
    update audit.audit_head set number = e.number, digest = e.digest;
    return e.number;
end
$$;

-- Who is neither pipeline nor office writes in the own name only; when it happened is said by the pipeline only.
create or replace function audit.append(
    kind text, actor text, role text, subject text, reason text, address text, returned bigint, details text,
    happened_at timestamp
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    e audit.audit_entry;
    pipeline boolean := pg_has_role(session_user, 'etl_loader', 'member');
begin
    if $1 = 'log pruned' or $1 is null or $2 is null then
        raise exception 'such an entry is not written by hand' using errcode = 'invalid_parameter_value';
    end if;
    e.kind := left($1, 120);
    e.actor := case when pipeline or pg_has_role(session_user, 'etl_office', 'member') then left($2, 120)
        else session_user::text end;
    e.role := left($3, 120);
    e.subject := left($4, 200);
    e.reason := left($5, 20000);
    e.address := left($6, 64);
    e.returned := $7;
    e.details := left($8, 20000);
    e.happened_at := case when pipeline then $9 end;
    return audit.chain(e);
end
$$;

-- Empties entries that are older than their kind is kept, two years at least, and says so in an entry of its own, which
-- holds a digest of what is kept of them. Returns how many they were, by the number of that entry.
create or replace function audit.prune(agreed_by text, and_by text, reason text) returns table (entry bigint, emptied bigint)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    e audit.audit_entry;
    chosen bigint[];
    stubs text;
    today timestamp := clock_timestamp() at time zone 'utc';
begin
    if coalesce(btrim($3), '') = '' or coalesce(btrim($1), '') = '' or coalesce(btrim($2), '') = '' or $1 = $2 then
        raise exception 'two people and a reason are needed' using errcode = 'invalid_parameter_value';
    end if;
    if exists (select from office.office_account) and 2 <> (
        select count(*) from office.office_account where disabled_at is null and name in (btrim($1), btrim($2))
    ) then
        raise exception 'two accounts of the office that may sign in are needed' using errcode = 'invalid_parameter_value';
    end if;
    perform from audit.audit_head for update;
    select array_agg(a.number order by a.number),
        string_agg(json_build_array(
            a.number::text, to_char(a.written_at, 'YYYY-MM-DD"T"HH24:MI:SS.US'), a.kind, a.digest
        )::text, E'\n' order by a.number)
    into chosen, stubs
    from audit.audit_entry a join audit.audit_kept k on k.kind = a.kind
    where a.pruned_by is null and k.years is not null
        and a.written_at < today - make_interval(years => greatest(k.years, 2));
    if chosen is null then
        return;
    end if;
    e.kind := 'log pruned';
    e.actor := left($1, 120);
    e.reason := left($3, 20000);
    e.subject := format('%s entries, %s to %s', cardinality(chosen), chosen[1], chosen[cardinality(chosen)]);
    e.details := json_build_object(
        'agreed', $2, 'count', cardinality(chosen), 'stubs', encode(sha256(convert_to(stubs, 'UTF8')), 'hex')
    )::text;
    entry := audit.chain(e);
    emptied := cardinality(chosen);
    update audit.audit_entry a
    set pruned_by = entry, actor = '-', role = null, login = '-', subject = null, reason = null, address = null,
        returned = null, details = '{}'
    where a.number = any(chosen);
    return next;
end
$$;

-- Even its owner, or a superuser by mistake, changes nothing but by pruning.
create or replace function audit.refuse() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if tg_op = 'UPDATE' and tg_level = 'ROW' then
        if new.pruned_by is not null and old.pruned_by is null and new.details = '{}' and new.actor = '-'
            and (new.number, new.written_at, new.kind, new.previous, new.digest)
                = (old.number, old.written_at, old.kind, old.previous, old.digest)
        then
            return new;
        end if;
    end if;
    raise exception 'nothing is changed or removed in the audit log' using errcode = 'insufficient_privilege';
end
$$;
create or replace trigger audit_entry_unchanged before update or delete on audit.audit_entry
for each row execute function audit.refuse();
create or replace trigger audit_entry_kept before truncate on audit.audit_entry
for each statement execute function audit.refuse();

revoke all on all tables in schema audit
from public, etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office;
revoke all on all functions in schema audit
from public, etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office;
revoke all on schema audit from public, etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office;
grant usage on schema audit to etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office;
grant execute on function audit.append(text, text, text, text, text, text, bigint, text, timestamp)
to etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office;
grant execute on function audit.prune(text, text, text) to etl_auditor;
grant select on audit.audit_entry, audit.audit_head, audit.audit_kept to etl_loader, etl_auditor, etl_office;
