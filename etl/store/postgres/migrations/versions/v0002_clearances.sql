-- Rollback, approvals and clearances: an earlier night can come back, a person may have to agree to a night, and who
-- reads the CDM sees the hospitals that the person is cleared for.

-- What the ledger keeps of it ---------------------------------------------------------------------------------------

alter table admin.publication
add column action varchar(12),
add column actor varchar(120),
add column reason text;

alter table quality.finding add column approve_above double precision;

create table admin.approval (
    run_id varchar(64) not null,
    gate varchar(20) not null,
    asked_at timestamp not null,
    decision varchar(12) not null,
    actor varchar(120),
    reason text,
    decided_at timestamp,
    findings text,
    primary key (run_id, gate, asked_at)
);

-- Steps that can be gone back to ------------------------------------------------------------------------------------

create table admin.publication_step (
    hospital varchar(40) not null,
    step bigint not null,
    run_id varchar(64) not null,
    night date not null,
    kind varchar(12) not null,
    tables jsonb not null,
    published_at timestamp not null,
    primary key (hospital, step)
);

alter table admin.published
add column night date,
add column step bigint;

update admin.published
set night = run.night
from admin.run
where run.run_id = published.run_id;

-- Hospitals and clearances ------------------------------------------------------------------------------------------

create table admin.hospital (
    hospital varchar(40) not null primary key,
    number integer not null unique check (number between 1 and 63),
    registered_at timestamp not null default (now() at time zone 'utc')
);

create table admin.clearance (
    id bigint generated always as identity primary key,
    login varchar(63) not null,
    login_oid oid not null,
    hospital varchar(40) not null references admin.hospital,
    reason text not null,
    until date,
    granted_by varchar(63) not null,
    granted_at timestamp not null,
    revoked_by varchar(63),
    revoked_at timestamp,
    revoke_reason text
);

create unique index clearance_in_force on admin.clearance (login, hospital) where revoked_at is null;

-- The reader is session_user: `set role` does not make somebody else of a person. A login that was dropped and made again
-- under the same name is another one, so its number counts as well.
create function admin.cleared_hospitals() returns integer[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return array(
        select hospital.number
        from admin.clearance
        join admin.hospital on hospital.hospital = clearance.hospital
        where clearance.login = session_user
            and clearance.login_oid = (select oid from pg_roles where rolname = session_user)
            and clearance.revoked_at is null
            and (clearance.until is null or clearance.until >= current_date)
        order by 1
    );
end
$$;

create function admin.cleared_until(number integer, bits integer) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return case when number = any(admin.cleared_hospitals()) then (number + 1)::bigint << bits else -1 end;
end
$$;

comment on function admin.cleared_hospitals() is 'numbers of the hospitals that the reader is cleared for';
comment on function admin.cleared_until(integer, integer) is
'the first key beyond a hospital''s, which has `bits` below the number; -1 where the reader is not cleared for it';

create function admin.grant_clearance(login text, hospital text, reason text, until date default null) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    named alias for $1;
    at alias for $2;
    account oid;
begin
    perform admin.check_steward(named, reason);
    select oid into account from pg_roles where rolname = named and rolcanlogin;
    if account is null or not pg_has_role(account, 'etl_analyst', 'member') then
        raise exception 'there is no login % that is a member of etl_analyst', quote_ident(named)
            using errcode = 'invalid_parameter_value';
    end if;
    if not exists (select from admin.hospital h where h.hospital = at) then
        raise exception 'there is no hospital % in the warehouse', quote_ident(at)
            using errcode = 'invalid_parameter_value';
    end if;
    if until < current_date then
        raise exception 'the clearance would be over already' using errcode = 'invalid_parameter_value';
    end if;
    update admin.clearance c
    set revoked_by = session_user, revoked_at = now() at time zone 'utc', revoke_reason = 'replaced by a newer one'
    where c.login = named and c.hospital = at and c.revoked_at is null;
    insert into admin.clearance (login, login_oid, hospital, reason, until, granted_by, granted_at)
    values (named, account, at, $3, $4, session_user, now() at time zone 'utc');
end
$$;

create function admin.revoke_clearance(login text, hospital text, reason text) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    named alias for $1;
    at alias for $2;
begin
    perform admin.check_steward(named, reason);
    update admin.clearance c
    set revoked_by = session_user, revoked_at = now() at time zone 'utc', revoke_reason = $3
    where c.login = named and c.hospital = at and c.revoked_at is null;
    if not found then
        raise exception '% is not cleared for %', quote_ident(named), quote_ident(at)
            using errcode = 'invalid_parameter_value';
    end if;
end
$$;

create function admin.check_steward(login text, reason text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    if not pg_has_role(session_user, 'etl_steward', 'member') then
        raise exception 'only members of etl_steward give and take clearances' using errcode = 'insufficient_privilege';
    end if;
    if login = session_user then
        raise exception 'nobody clears oneself' using errcode = 'insufficient_privilege';
    end if;
    if coalesce(btrim(reason), '') = '' then
        raise exception 'a reason is needed' using errcode = 'invalid_parameter_value';
    end if;
end
$$;

-- Row-level security ------------------------------------------------------------------------------------------------

-- Whether a key is of a hospital that the reader is cleared for, as SQL; `numbers` ascend and begin with 0, nobody's.
--
-- `key >> bits = any(admin.cleared_hospitals())` would say the same. But then the server reads the rows of all hospitals
-- and filters them, and `explain (analyze)` tells how many it filtered: whoever asks about one person and one code reads
-- off another hospital's partition whether there is such a row. Said in comparisons of the partition key, the server
-- leaves other hospitals' partitions aside before it reads a row. Halving the hospitals keeps the comparisons of a row
-- few; every comparison stands in an `or`, as bounds that stand together are taken for a narrow range by the planner.
create function admin.visible(key text, bits integer, numbers integer[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
    half integer := cardinality(numbers) / 2;
    bound bigint;
begin
    if numbers = array[0] then
        return format('%s < -1', key);
    elsif half = 0 then
        return format('%s < (select admin.cleared_until(%s, %s))', key, numbers[1], bits);
    end if;
    bound := numbers[half + 1]::bigint << bits;
    return format(
        '(%s < %s or %s) and (%s >= %s or %s)',
        key, bound, admin.visible(key, bits, numbers[half + 1:]), key, bound, admin.visible(key, bits, numbers[:half])
    );
end
$$;

create function admin.secure_hospitals() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    numbers integer[] := array(select 0 union select number from admin.hospital order by 1);
    made record;
begin
    for made in
        select *
        from (
            values
            ('person', 'person_id', 24),
            ('observation_period', 'observation_period_id', 47),
            ('visit_occurrence', 'visit_occurrence_id', 47),
            ('visit_detail', 'visit_detail_id', 47),
            ('condition_occurrence', 'condition_occurrence_id', 47),
            ('drug_exposure', 'drug_exposure_id', 47),
            ('procedure_occurrence', 'procedure_occurrence_id', 47),
            ('device_exposure', 'device_exposure_id', 47),
            ('measurement', 'measurement_id', 47),
            ('observation', 'observation_id', 47),
            ('death', 'person_id', 24),
            ('note', 'note_id', 47),
            ('note_nlp', 'note_nlp_id', 47),
            ('specimen', 'specimen_id', 47),
            ('fact_relationship', '(case when fact_id_1 < 1073741824 then fact_id_1 else fact_id_1 >> 23 end)', 24),
            ('location', 'location_id', 24),
            ('care_site', 'care_site_id', 24),
            ('provider', 'provider_id', 24),
            ('payer_plan_period', 'payer_plan_period_id', 47),
            ('cost', 'cost_id', 47),
            ('drug_era', 'drug_era_id', 47),
            ('dose_era', 'dose_era_id', 47),
            ('condition_era', 'condition_era_id', 47),
            ('episode', 'episode_id', 47),
            ('episode_event', '(episode_id >> 23)', 24),
            ('metadata', 'metadata_id', 24)
        ) as parents (name, key, bits)
    loop
        execute format('drop policy if exists cleared on cdm.%I', made.name);
        execute format(
            'create policy cleared on cdm.%I for select to etl_analyst using (%s)',
            made.name, admin.visible(made.key, made.bits, numbers)
        );
    end loop;
    return null;
end
$$;

create trigger secure_hospitals after insert on admin.hospital
for each statement execute function admin.secure_hospitals();

create function admin.register_hospital(hospital text, number integer) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from admin.hospital h where h.hospital = $1 and h.number = $2) then
        return;
    end if;
    insert into admin.hospital (hospital, number) values ($1, $2);
end
$$;

revoke all on all functions in schema admin from public;

alter table cdm.person enable row level security;
alter table cdm.observation_period enable row level security;
alter table cdm.visit_occurrence enable row level security;
alter table cdm.visit_detail enable row level security;
alter table cdm.condition_occurrence enable row level security;
alter table cdm.drug_exposure enable row level security;
alter table cdm.procedure_occurrence enable row level security;
alter table cdm.device_exposure enable row level security;
alter table cdm.measurement enable row level security;
alter table cdm.observation enable row level security;
alter table cdm.death enable row level security;
alter table cdm.note enable row level security;
alter table cdm.note_nlp enable row level security;
alter table cdm.specimen enable row level security;
alter table cdm.fact_relationship enable row level security;
alter table cdm.location enable row level security;
alter table cdm.care_site enable row level security;
alter table cdm.provider enable row level security;
alter table cdm.payer_plan_period enable row level security;
alter table cdm.cost enable row level security;
alter table cdm.drug_era enable row level security;
alter table cdm.dose_era enable row level security;
alter table cdm.condition_era enable row level security;
alter table cdm.episode enable row level security;
alter table cdm.episode_event enable row level security;
alter table cdm.metadata enable row level security;

create policy quality on cdm.person for select to etl_quality using (true);
create policy quality on cdm.observation_period for select to etl_quality using (true);
create policy quality on cdm.visit_occurrence for select to etl_quality using (true);
create policy quality on cdm.visit_detail for select to etl_quality using (true);
create policy quality on cdm.condition_occurrence for select to etl_quality using (true);
create policy quality on cdm.drug_exposure for select to etl_quality using (true);
create policy quality on cdm.procedure_occurrence for select to etl_quality using (true);
create policy quality on cdm.device_exposure for select to etl_quality using (true);
create policy quality on cdm.measurement for select to etl_quality using (true);
create policy quality on cdm.observation for select to etl_quality using (true);
create policy quality on cdm.death for select to etl_quality using (true);
create policy quality on cdm.note for select to etl_quality using (true);
create policy quality on cdm.note_nlp for select to etl_quality using (true);
create policy quality on cdm.specimen for select to etl_quality using (true);
create policy quality on cdm.fact_relationship for select to etl_quality using (true);
create policy quality on cdm.location for select to etl_quality using (true);
create policy quality on cdm.care_site for select to etl_quality using (true);
create policy quality on cdm.provider for select to etl_quality using (true);
create policy quality on cdm.payer_plan_period for select to etl_quality using (true);
create policy quality on cdm.cost for select to etl_quality using (true);
create policy quality on cdm.drug_era for select to etl_quality using (true);
create policy quality on cdm.dose_era for select to etl_quality using (true);
create policy quality on cdm.condition_era for select to etl_quality using (true);
create policy quality on cdm.episode for select to etl_quality using (true);
create policy quality on cdm.episode_event for select to etl_quality using (true);
create policy quality on cdm.metadata for select to etl_quality using (true);

-- Cohorts name persons, or events of theirs.
alter table results.cohort enable row level security;
create policy quality on results.cohort for select to etl_quality using (true);
create policy cleared on results.cohort for select to etl_analyst using (
    (subject_id >> case when subject_id < 1073741824 then 24 else 47 end)
    = any((select admin.cleared_hospitals())::bigint[])
);

-- What readers point at ---------------------------------------------------------------------------------------------

create view cdm_read."person" with (security_invoker = true) as
select
    "person_id",
    "gender_concept_id",
    "year_of_birth",
    "month_of_birth",
    "day_of_birth",
    "birth_datetime",
    "race_concept_id",
    "ethnicity_concept_id",
    "location_id",
    "provider_id",
    "care_site_id",
    "person_source_value",
    "gender_source_value",
    "gender_source_concept_id",
    "race_source_value",
    "race_source_concept_id",
    "ethnicity_source_value",
    "ethnicity_source_concept_id"
from cdm."person";
create view cdm_read."observation_period" with (security_invoker = true) as
select
    "observation_period_id",
    "person_id",
    "observation_period_start_date",
    "observation_period_end_date",
    "period_type_concept_id"
from cdm."observation_period";
create view cdm_read."visit_occurrence" with (security_invoker = true) as
select
    "visit_occurrence_id",
    "person_id",
    "visit_concept_id",
    "visit_start_date",
    "visit_start_datetime",
    "visit_end_date",
    "visit_end_datetime",
    "visit_type_concept_id",
    "provider_id",
    "care_site_id",
    "visit_source_value",
    "visit_source_concept_id",
    "admitted_from_concept_id",
    "admitted_from_source_value",
    "discharged_to_concept_id",
    "discharged_to_source_value",
    "preceding_visit_occurrence_id"
from cdm."visit_occurrence";
create view cdm_read."visit_detail" with (security_invoker = true) as
select
    "visit_detail_id",
    "person_id",
    "visit_detail_concept_id",
    "visit_detail_start_date",
    "visit_detail_start_datetime",
    "visit_detail_end_date",
    "visit_detail_end_datetime",
    "visit_detail_type_concept_id",
    "provider_id",
    "care_site_id",
    "visit_detail_source_value",
    "visit_detail_source_concept_id",
    "admitted_from_concept_id",
    "admitted_from_source_value",
    "discharged_to_source_value",
    "discharged_to_concept_id",
    "preceding_visit_detail_id",
    "parent_visit_detail_id",
    "visit_occurrence_id"
from cdm."visit_detail";
create view cdm_read."condition_occurrence" with (security_invoker = true) as
select
    "condition_occurrence_id",
    "person_id",
    "condition_concept_id",
    "condition_start_date",
    "condition_start_datetime",
    "condition_end_date",
    "condition_end_datetime",
    "condition_type_concept_id",
    "condition_status_concept_id",
    "stop_reason",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "condition_source_value",
    "condition_source_concept_id",
    "condition_status_source_value"
from cdm."condition_occurrence";
create view cdm_read."drug_exposure" with (security_invoker = true) as
select
    "drug_exposure_id",
    "person_id",
    "drug_concept_id",
    "drug_exposure_start_date",
    "drug_exposure_start_datetime",
    "drug_exposure_end_date",
    "drug_exposure_end_datetime",
    "verbatim_end_date",
    "drug_type_concept_id",
    "stop_reason",
    "refills",
    "quantity",
    "days_supply",
    "sig",
    "route_concept_id",
    "lot_number",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "drug_source_value",
    "drug_source_concept_id",
    "route_source_value",
    "dose_unit_source_value"
from cdm."drug_exposure";
create view cdm_read."procedure_occurrence" with (security_invoker = true) as
select
    "procedure_occurrence_id",
    "person_id",
    "procedure_concept_id",
    "procedure_date",
    "procedure_datetime",
    "procedure_end_date",
    "procedure_end_datetime",
    "procedure_type_concept_id",
    "modifier_concept_id",
    "quantity",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "procedure_source_value",
    "procedure_source_concept_id",
    "modifier_source_value"
from cdm."procedure_occurrence";
create view cdm_read."device_exposure" with (security_invoker = true) as
select
    "device_exposure_id",
    "person_id",
    "device_concept_id",
    "device_exposure_start_date",
    "device_exposure_start_datetime",
    "device_exposure_end_date",
    "device_exposure_end_datetime",
    "device_type_concept_id",
    "unique_device_id",
    "production_id",
    "quantity",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "device_source_value",
    "device_source_concept_id",
    "unit_concept_id",
    "unit_source_value",
    "unit_source_concept_id"
from cdm."device_exposure";
create view cdm_read."measurement" with (security_invoker = true) as
select
    "measurement_id",
    "person_id",
    "measurement_concept_id",
    "measurement_date",
    "measurement_datetime",
    "measurement_time",
    "measurement_type_concept_id",
    "operator_concept_id",
    "value_as_number",
    "value_as_concept_id",
    "unit_concept_id",
    "range_low",
    "range_high",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "measurement_source_value",
    "measurement_source_concept_id",
    "unit_source_value",
    "unit_source_concept_id",
    "value_source_value",
    "measurement_event_id",
    "meas_event_field_concept_id"
from cdm."measurement";
create view cdm_read."observation" with (security_invoker = true) as
select
    "observation_id",
    "person_id",
    "observation_concept_id",
    "observation_date",
    "observation_datetime",
    "observation_type_concept_id",
    "value_as_number",
    "value_as_string",
    "value_as_concept_id",
    "qualifier_concept_id",
    "unit_concept_id",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "observation_source_value",
    "observation_source_concept_id",
    "unit_source_value",
    "qualifier_source_value",
    "value_source_value",
    "observation_event_id",
    "obs_event_field_concept_id"
from cdm."observation";
create view cdm_read."death" with (security_invoker = true) as
select
    "person_id",
    "death_date",
    "death_datetime",
    "death_type_concept_id",
    "cause_concept_id",
    "cause_source_value",
    "cause_source_concept_id"
from cdm."death";
create view cdm_read."note" with (security_invoker = true) as
select
    "note_id",
    "person_id",
    "note_date",
    "note_datetime",
    "note_type_concept_id",
    "note_class_concept_id",
    "note_title",
    "note_text",
    "encoding_concept_id",
    "language_concept_id",
    "provider_id",
    "visit_occurrence_id",
    "visit_detail_id",
    "note_source_value",
    "note_event_id",
    "note_event_field_concept_id"
from cdm."note";
create view cdm_read."note_nlp" with (security_invoker = true) as
select
    "note_nlp_id",
    "note_id",
    "section_concept_id",
    "snippet",
    "offset",
    "lexical_variant",
    "note_nlp_concept_id",
    "note_nlp_source_concept_id",
    "nlp_system",
    "nlp_date",
    "nlp_datetime",
    "term_exists",
    "term_temporal",
    "term_modifiers"
from cdm."note_nlp";
create view cdm_read."specimen" with (security_invoker = true) as
select
    "specimen_id",
    "person_id",
    "specimen_concept_id",
    "specimen_type_concept_id",
    "specimen_date",
    "specimen_datetime",
    "quantity",
    "unit_concept_id",
    "anatomic_site_concept_id",
    "disease_status_concept_id",
    "specimen_source_id",
    "specimen_source_value",
    "unit_source_value",
    "anatomic_site_source_value",
    "disease_status_source_value"
from cdm."specimen";
create view cdm_read."fact_relationship" with (security_invoker = true) as
select
    "domain_concept_id_1",
    "fact_id_1",
    "domain_concept_id_2",
    "fact_id_2",
    "relationship_concept_id"
from cdm."fact_relationship";
create view cdm_read."location" with (security_invoker = true) as
select
    "location_id",
    "address_1",
    "address_2",
    "city",
    "state",
    "zip",
    "county",
    "location_source_value",
    "country_concept_id",
    "country_source_value",
    "latitude",
    "longitude"
from cdm."location";
create view cdm_read."care_site" with (security_invoker = true) as
select
    "care_site_id",
    "care_site_name",
    "place_of_service_concept_id",
    "location_id",
    "care_site_source_value",
    "place_of_service_source_value"
from cdm."care_site";
create view cdm_read."provider" with (security_invoker = true) as
select
    "provider_id",
    "provider_name",
    "npi",
    "dea",
    "specialty_concept_id",
    "care_site_id",
    "year_of_birth",
    "gender_concept_id",
    "provider_source_value",
    "specialty_source_value",
    "specialty_source_concept_id",
    "gender_source_value",
    "gender_source_concept_id"
from cdm."provider";
create view cdm_read."payer_plan_period" with (security_invoker = true) as
select
    "payer_plan_period_id",
    "person_id",
    "payer_plan_period_start_date",
    "payer_plan_period_end_date",
    "payer_concept_id",
    "payer_source_value",
    "payer_source_concept_id",
    "plan_concept_id",
    "plan_source_value",
    "plan_source_concept_id",
    "sponsor_concept_id",
    "sponsor_source_value",
    "sponsor_source_concept_id",
    "family_source_value",
    "stop_reason_concept_id",
    "stop_reason_source_value",
    "stop_reason_source_concept_id"
from cdm."payer_plan_period";
create view cdm_read."cost" with (security_invoker = true) as
select
    "cost_id",
    "cost_event_id",
    "cost_domain_id",
    "cost_type_concept_id",
    "currency_concept_id",
    "total_charge",
    "total_cost",
    "total_paid",
    "paid_by_payer",
    "paid_by_patient",
    "paid_patient_copay",
    "paid_patient_coinsurance",
    "paid_patient_deductible",
    "paid_by_primary",
    "paid_ingredient_cost",
    "paid_dispensing_fee",
    "payer_plan_period_id",
    "amount_allowed",
    "revenue_code_concept_id",
    "revenue_code_source_value",
    "drg_concept_id",
    "drg_source_value"
from cdm."cost";
create view cdm_read."drug_era" with (security_invoker = true) as
select
    "drug_era_id",
    "person_id",
    "drug_concept_id",
    "drug_era_start_date",
    "drug_era_end_date",
    "drug_exposure_count",
    "gap_days"
from cdm."drug_era";
create view cdm_read."dose_era" with (security_invoker = true) as
select
    "dose_era_id",
    "person_id",
    "drug_concept_id",
    "unit_concept_id",
    "dose_value",
    "dose_era_start_date",
    "dose_era_end_date"
from cdm."dose_era";
create view cdm_read."condition_era" with (security_invoker = true) as
select
    "condition_era_id",
    "person_id",
    "condition_concept_id",
    "condition_era_start_date",
    "condition_era_end_date",
    "condition_occurrence_count"
from cdm."condition_era";
create view cdm_read."episode" with (security_invoker = true) as
select
    "episode_id",
    "person_id",
    "episode_concept_id",
    "episode_start_date",
    "episode_start_datetime",
    "episode_end_date",
    "episode_end_datetime",
    "episode_parent_id",
    "episode_number",
    "episode_object_concept_id",
    "episode_type_concept_id",
    "episode_source_value",
    "episode_source_concept_id"
from cdm."episode";
create view cdm_read."episode_event" with (security_invoker = true) as
select
    "episode_id",
    "event_id",
    "episode_event_field_concept_id"
from cdm."episode_event";
create view cdm_read."metadata" with (security_invoker = true) as
select
    "metadata_id",
    "metadata_concept_id",
    "metadata_type_concept_id",
    "name",
    "value_as_string",
    "value_as_concept_id",
    "value_as_number",
    "metadata_date",
    "metadata_datetime"
from cdm."metadata";
create view cdm_read."cdm_source" with (security_invoker = true) as
select
    "cdm_source_name",
    "cdm_source_abbreviation",
    "cdm_holder",
    "source_description",
    "source_documentation_reference",
    "cdm_etl_reference",
    "source_release_date",
    "cdm_release_date",
    "cdm_version",
    "cdm_version_concept_id",
    "vocabulary_version"
from cdm."cdm_source";
create view cdm_read."concept" with (security_invoker = true) as
select
    "concept_id",
    "concept_name",
    "domain_id",
    "vocabulary_id",
    "concept_class_id",
    "standard_concept",
    "concept_code",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason"
from vocabulary."concept";
create view cdm_read."vocabulary" with (security_invoker = true) as
select
    "vocabulary_id",
    "vocabulary_name",
    "vocabulary_reference",
    "vocabulary_version",
    "vocabulary_concept_id"
from vocabulary."vocabulary";
create view cdm_read."domain" with (security_invoker = true) as
select
    "domain_id",
    "domain_name",
    "domain_concept_id"
from vocabulary."domain";
create view cdm_read."concept_class" with (security_invoker = true) as
select
    "concept_class_id",
    "concept_class_name",
    "concept_class_concept_id"
from vocabulary."concept_class";
create view cdm_read."concept_relationship" with (security_invoker = true) as
select
    "concept_id_1",
    "concept_id_2",
    "relationship_id",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason"
from vocabulary."concept_relationship";
create view cdm_read."relationship" with (security_invoker = true) as
select
    "relationship_id",
    "relationship_name",
    "is_hierarchical",
    "defines_ancestry",
    "reverse_relationship_id",
    "relationship_concept_id"
from vocabulary."relationship";
create view cdm_read."concept_synonym" with (security_invoker = true) as
select
    "concept_id",
    "concept_synonym_name",
    "language_concept_id"
from vocabulary."concept_synonym";
create view cdm_read."concept_ancestor" with (security_invoker = true) as
select
    "ancestor_concept_id",
    "descendant_concept_id",
    "min_levels_of_separation",
    "max_levels_of_separation"
from vocabulary."concept_ancestor";
create view cdm_read."source_to_concept_map" with (security_invoker = true) as
select
    "source_code",
    "source_concept_id",
    "source_vocabulary_id",
    "source_code_description",
    "target_concept_id",
    "target_vocabulary_id",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason"
from vocabulary."source_to_concept_map";
create view cdm_read."drug_strength" with (security_invoker = true) as
select
    "drug_concept_id",
    "ingredient_concept_id",
    "amount_value",
    "amount_unit_concept_id",
    "numerator_value",
    "numerator_unit_concept_id",
    "denominator_value",
    "denominator_unit_concept_id",
    "box_size",
    "valid_start_date",
    "valid_end_date",
    "invalid_reason"
from vocabulary."drug_strength";
create view cdm_read."cohort" with (security_invoker = true) as
select
    "cohort_definition_id",
    "subject_id",
    "cohort_start_date",
    "cohort_end_date"
from results."cohort";
create view cdm_read."cohort_definition" with (security_invoker = true) as
select
    "cohort_definition_id",
    "cohort_definition_name",
    "cohort_definition_description",
    "definition_type_concept_id",
    "cohort_definition_syntax",
    "subject_concept_id",
    "cohort_initiation_date"
from results."cohort_definition";
