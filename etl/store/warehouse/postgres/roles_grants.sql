-- What each group may do in the schemas: all of it, whatever was granted to them before. Run as etl_loader.
revoke all on all tables in schema cdm, cdm_read, cdm_part, vocabulary, results, quality, admin, office
from public, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office, etl_recorder;
revoke all on all functions in schema admin
from public, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office, etl_recorder;
revoke all on schema cdm, cdm_read, cdm_part, vocabulary, results, quality, admin, office
from public, etl_quality, etl_analyst, etl_steward, etl_auditor, etl_office, etl_recorder;

grant usage on schema cdm, cdm_read, vocabulary, results to etl_quality, etl_analyst;
grant select on all tables in schema cdm, cdm_read, vocabulary, results to etl_quality, etl_analyst;

grant usage on schema quality, admin to etl_quality, etl_steward, etl_auditor, etl_office;
grant select on all tables in schema quality, admin to etl_quality, etl_steward, etl_auditor, etl_office;

-- The office writes what people decide, and its own tables.
grant insert, update on admin.approval to etl_office;
grant update (state) on admin.run to etl_office;
grant insert on quality.finding_action to etl_quality, etl_office;
grant usage on schema office to etl_office, etl_auditor;
grant select, insert, update on office.office_account to etl_office;
-- who prunes the log is looked up, by the program and by the function that does it
grant select (name, role, disabled_at) on office.office_account to etl_auditor;
grant usage on schema office to etl_recorder;
grant select (name, disabled_at) on office.office_account to etl_recorder;
grant select, insert, update, delete on office.office_session, office.office_attempt to etl_office;
grant select, insert on office.request_version, office.request_step, office.request_file, office.request_role
to etl_office;
grant select on office.request_version, office.request_step, office.request_file, office.request_role to etl_auditor;
grant select, insert on office.output_batch, office.output_file, office.output_content, office.output_step to etl_office;
grant select on office.output_batch, office.output_file, office.output_step to etl_auditor;

-- policies of project spaces call it for their roles, which may do nothing else
grant usage on schema gate to public;
grant execute on function gate.request_is_open(integer) to public;

grant usage on schema vocabulary to etl_steward;
grant select on all tables in schema vocabulary to etl_steward;

-- policies call these for who reads; nobody else can look at clearances through them but at their own
grant execute on function
admin.cleared_hospitals(), admin.cleared_until(integer, integer), admin.seen_sources() to etl_analyst;
grant execute on function
admin.grant_clearance(text, text, text, date), admin.revoke_clearance(text, text, text) to etl_steward;

-- what a later version adds. Tables of cdm and views on them are left out on purpose: a new table must not be readable
-- before it has its policies. Partitions lie in cdm_part, of which nothing is granted to anybody.
alter default privileges for role etl_loader revoke execute on functions from public;
alter default privileges for role etl_loader in schema vocabulary
grant select on tables to etl_quality, etl_analyst, etl_steward;
alter default privileges for role etl_loader in schema quality, admin
grant select on tables to etl_quality, etl_steward, etl_auditor, etl_office;

do $$
declare
    bare text;
begin
    select string_agg(relname, ', ' order by relname) into bare
    from pg_class
    where relnamespace = 'cdm'::regnamespace and relkind = 'p' and not relrowsecurity;
    if bare is not null then
        raise exception 'tables of cdm without row-level security: %', bare;
    end if;
end
$$;
