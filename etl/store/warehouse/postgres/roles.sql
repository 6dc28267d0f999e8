-- The group roles. Roles belong to the whole server, so another database on it may have made them already, or be making
-- them at this moment. What they may do is said in roles_database.sql and roles_grants.sql.
do $$
declare
    wanted record;
    found pg_roles;
begin
    for wanted in
        select *
        from (
            values
            ('etl_loader', 'owns the tables of the warehouse and is the only one that writes them'),
            ('etl_quality', 'reads all hospitals, the vocabulary, and what the nights were like'),
            ('etl_analyst', 'reads the vocabulary, and the hospitals that the member is cleared for'),
            ('etl_steward', 'clears members of etl_analyst for hospitals; reads no data of patients'),
            ('etl_auditor', 'reads what was done, by whom and when; reads no data of patients'),
            ('etl_office', 'serves the pages of the nights, records decisions; reads no data of patients'),
            ('etl_recorder', 'owns the audit log, which only its functions write; has no members')
        ) as groups (name, purpose)
    loop
        begin
            execute format('create role %I nologin', wanted.name);
        exception
            when duplicate_object or unique_violation then null;
        end;
        select * into strict found from pg_roles where rolname = wanted.name;
        if found.rolcanlogin or found.rolsuper or found.rolbypassrls or found.rolcreaterole then
            raise exception 'role % is there already and is no plain group role', wanted.name
                using hint = format('alter role %I nologin nosuperuser nobypassrls nocreaterole', wanted.name);
        end if;
        if shobj_description(found.oid, 'pg_authid') is distinct from wanted.purpose then
            execute format('comment on role %I is %L', wanted.name, wanted.purpose);
        end if;
    end loop;
    -- who is no superuser must be a member to give it schemas and to work as it
    if not pg_has_role('etl_loader', 'member') then
        execute format('grant etl_loader to %I', current_user);
    end if;
end
$$;
