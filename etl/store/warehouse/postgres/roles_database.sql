-- Who may enter the database, and its schemas. Run by the owner of the database; the same statements again change nothing.
do $$
declare
    made record;
begin
    execute format('revoke all on database %I from public', current_database());
    execute format(
        'grant connect on database %I to etl_loader, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office',
        current_database()
    );
    -- OHDSI's R packages build cohorts in temporary tables
    execute format('grant temporary on database %I to etl_loader, etl_quality, etl_analyst', current_database());
    -- what has no member but while `etl warehouse init` makes its tables
    if to_regnamespace('audit') is null then
        if not (select rolsuper from pg_roles where rolname = current_user) then
            execute format('grant etl_recorder to %I', current_user);
        end if;
        execute 'create schema audit authorization etl_recorder';
    elsif (select nspowner <> 'etl_recorder'::regrole from pg_namespace where nspname = 'audit') then
        raise exception 'there is a schema audit that etl_recorder does not own'
            using hint = 'give the warehouse a database of its own; where a dump was restored before this: docs/operations.md';
    end if;
    if to_regnamespace('public') is not null then
        revoke create on schema public from public;
    end if;
    for made in
        select *
        from (
            values
            ('cdm', 'OMOP CDM v5.4 of all hospitals, a partition for each; rows are shown to who is cleared for them'),
            ('cdm_part', 'partitions of cdm, and older nights that can be gone back to; for the loader only'),
            ('cdm_read', 'a view on every table of the CDM: what analysts, HADES and ATLAS point at'),
            ('vocabulary', 'standardised vocabularies'),
            ('results', 'cohorts'),
            ('quality', 'what the nights were like: accounts of rows, mapping rates, findings'),
            ('office', 'who may sign in to the office, who is signed in, who did what'),
            ('gate', 'whether the request is open that a project space is of'),
            ('admin', 'runs, publications, approvals, clearances, and the version of the schema')
        ) as schemas (name, purpose)
    loop
        if to_regnamespace(made.name) is null then
            execute format('create schema %I authorization etl_loader', made.name);
        elsif (select nspowner <> 'etl_loader'::regrole from pg_namespace where nspname = made.name) then
            raise exception 'there is a schema % that etl_loader does not own', made.name
                using hint = 'give the warehouse a database of its own; where a dump was restored before this: docs/operations.md';
        end if;
        execute format('comment on schema %I is %L', made.name, made.purpose);
    end loop;
end
$$;
