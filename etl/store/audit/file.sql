-- The audit log in a SQLite file. The triggers refuse what nobody should do by mistake; who has the file can drop them,
-- which `etl audit verify` finds by the chain and the anchors.
create table if not exists audit_entry (
    number integer primary key,
    written_at datetime not null,
    happened_at datetime not null,
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
create index if not exists ix_audit_entry_happened_at on audit_entry (happened_at);
create index if not exists ix_audit_entry_kind on audit_entry (kind, subject);
create table if not exists audit_head (
    one integer primary key check (one = 1),
    log text not null,
    number bigint not null,
    digest text not null
);
create trigger if not exists audit_entry_kept before delete on audit_entry
begin
    select raise(abort, 'nothing is removed from the audit log');
end;
create trigger if not exists audit_entry_unchanged before update on audit_entry
when new.pruned_by is null or old.pruned_by is not null or new.details <> '{}' or new.actor <> '-'
    or new.subject is not null or new.reason is not null or new.address is not null
    or (new.number, new.written_at, new.kind, new.previous, new.digest)
    is not (old.number, old.written_at, old.kind, old.previous, old.digest)
begin
    select raise(abort, 'nothing is changed in the audit log');
end;
