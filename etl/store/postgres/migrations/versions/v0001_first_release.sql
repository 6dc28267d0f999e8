-- The warehouse as it was first released: what it has been since is said by the revisions that follow.

create table cdm."person" (
    "person_id" integer not null,
    "gender_concept_id" integer not null,
    "year_of_birth" integer not null,
    "month_of_birth" integer,
    "day_of_birth" integer,
    "birth_datetime" timestamp,
    "race_concept_id" integer not null,
    "ethnicity_concept_id" integer not null,
    "location_id" integer,
    "provider_id" integer,
    "care_site_id" integer,
    "person_source_value" varchar(50),
    "gender_source_value" varchar(50),
    "gender_source_concept_id" integer,
    "race_source_value" varchar(50),
    "race_source_concept_id" integer,
    "ethnicity_source_value" varchar(50),
    "ethnicity_source_concept_id" integer,
    constraint "xpk_person" primary key (person_id)
) partition by range (person_id);
create index "idx_person_gender_concept_id" on cdm."person" (gender_concept_id);
create table cdm."observation_period" (
    "observation_period_id" bigint not null,
    "person_id" integer not null,
    "observation_period_start_date" date not null,
    "observation_period_end_date" date not null,
    "period_type_concept_id" integer not null,
    constraint "xpk_observation_period" primary key (observation_period_id)
) partition by range (observation_period_id);
create index "idx_observation_period_person_id" on cdm."observation_period" (person_id);
create table cdm."visit_occurrence" (
    "visit_occurrence_id" bigint not null,
    "person_id" integer not null,
    "visit_concept_id" integer not null,
    "visit_start_date" date not null,
    "visit_start_datetime" timestamp,
    "visit_end_date" date not null,
    "visit_end_datetime" timestamp,
    "visit_type_concept_id" integer not null,
    "provider_id" integer,
    "care_site_id" integer,
    "visit_source_value" varchar(50),
    "visit_source_concept_id" integer,
    "admitted_from_concept_id" integer,
    "admitted_from_source_value" varchar(50),
    "discharged_to_concept_id" integer,
    "discharged_to_source_value" varchar(50),
    "preceding_visit_occurrence_id" bigint,
    constraint "xpk_visit_occurrence" primary key (visit_occurrence_id)
) partition by range (visit_occurrence_id);
create index "idx_visit_occurrence_person_id" on cdm."visit_occurrence" (person_id);
create index "idx_visit_occurrence_visit_concept_id" on cdm."visit_occurrence" (visit_concept_id);
create index "idx_visit_occurrence_preceding_visit_occurrence_id" on cdm."visit_occurrence" (preceding_visit_occurrence_id) where preceding_visit_occurrence_id is not null;
create table cdm."visit_detail" (
    "visit_detail_id" bigint not null,
    "person_id" integer not null,
    "visit_detail_concept_id" integer not null,
    "visit_detail_start_date" date not null,
    "visit_detail_start_datetime" timestamp,
    "visit_detail_end_date" date not null,
    "visit_detail_end_datetime" timestamp,
    "visit_detail_type_concept_id" integer not null,
    "provider_id" integer,
    "care_site_id" integer,
    "visit_detail_source_value" varchar(50),
    "visit_detail_source_concept_id" integer,
    "admitted_from_concept_id" integer,
    "admitted_from_source_value" varchar(50),
    "discharged_to_source_value" varchar(50),
    "discharged_to_concept_id" integer,
    "preceding_visit_detail_id" bigint,
    "parent_visit_detail_id" bigint,
    "visit_occurrence_id" bigint not null,
    constraint "xpk_visit_detail" primary key (visit_detail_id)
) partition by range (visit_detail_id);
create index "idx_visit_detail_person_id" on cdm."visit_detail" (person_id);
create index "idx_visit_detail_visit_detail_concept_id" on cdm."visit_detail" (visit_detail_concept_id);
create index "idx_visit_detail_visit_occurrence_id" on cdm."visit_detail" (visit_occurrence_id);
create index "idx_visit_detail_preceding_visit_detail_id" on cdm."visit_detail" (preceding_visit_detail_id) where preceding_visit_detail_id is not null;
create index "idx_visit_detail_parent_visit_detail_id" on cdm."visit_detail" (parent_visit_detail_id) where parent_visit_detail_id is not null;
create table cdm."condition_occurrence" (
    "condition_occurrence_id" bigint not null,
    "person_id" integer not null,
    "condition_concept_id" integer not null,
    "condition_start_date" date not null,
    "condition_start_datetime" timestamp,
    "condition_end_date" date,
    "condition_end_datetime" timestamp,
    "condition_type_concept_id" integer not null,
    "condition_status_concept_id" integer,
    "stop_reason" varchar(20),
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "condition_source_value" varchar(50),
    "condition_source_concept_id" integer,
    "condition_status_source_value" varchar(50),
    constraint "xpk_condition_occurrence" primary key (condition_occurrence_id)
) partition by range (condition_occurrence_id);
create index "idx_condition_occurrence_person_id" on cdm."condition_occurrence" (person_id);
create index "idx_condition_occurrence_condition_concept_id" on cdm."condition_occurrence" (condition_concept_id);
create index "idx_condition_occurrence_visit_occurrence_id" on cdm."condition_occurrence" (visit_occurrence_id);
create index "idx_condition_occurrence_visit_detail_id" on cdm."condition_occurrence" (visit_detail_id) where visit_detail_id is not null;
create table cdm."drug_exposure" (
    "drug_exposure_id" bigint not null,
    "person_id" integer not null,
    "drug_concept_id" integer not null,
    "drug_exposure_start_date" date not null,
    "drug_exposure_start_datetime" timestamp,
    "drug_exposure_end_date" date not null,
    "drug_exposure_end_datetime" timestamp,
    "verbatim_end_date" date,
    "drug_type_concept_id" integer not null,
    "stop_reason" varchar(20),
    "refills" integer,
    "quantity" double precision,
    "days_supply" integer,
    "sig" text,
    "route_concept_id" integer,
    "lot_number" varchar(50),
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "drug_source_value" varchar(50),
    "drug_source_concept_id" integer,
    "route_source_value" varchar(50),
    "dose_unit_source_value" varchar(50),
    constraint "xpk_drug_exposure" primary key (drug_exposure_id)
) partition by range (drug_exposure_id);
create index "idx_drug_exposure_person_id" on cdm."drug_exposure" (person_id);
create index "idx_drug_exposure_drug_concept_id" on cdm."drug_exposure" (drug_concept_id);
create index "idx_drug_exposure_visit_occurrence_id" on cdm."drug_exposure" (visit_occurrence_id);
create index "idx_drug_exposure_visit_detail_id" on cdm."drug_exposure" (visit_detail_id) where visit_detail_id is not null;
create table cdm."procedure_occurrence" (
    "procedure_occurrence_id" bigint not null,
    "person_id" integer not null,
    "procedure_concept_id" integer not null,
    "procedure_date" date not null,
    "procedure_datetime" timestamp,
    "procedure_end_date" date,
    "procedure_end_datetime" timestamp,
    "procedure_type_concept_id" integer not null,
    "modifier_concept_id" integer,
    "quantity" integer,
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "procedure_source_value" varchar(50),
    "procedure_source_concept_id" integer,
    "modifier_source_value" varchar(50),
    constraint "xpk_procedure_occurrence" primary key (procedure_occurrence_id)
) partition by range (procedure_occurrence_id);
create index "idx_procedure_occurrence_person_id" on cdm."procedure_occurrence" (person_id);
create index "idx_procedure_occurrence_procedure_concept_id" on cdm."procedure_occurrence" (procedure_concept_id);
create index "idx_procedure_occurrence_visit_occurrence_id" on cdm."procedure_occurrence" (visit_occurrence_id);
create index "idx_procedure_occurrence_visit_detail_id" on cdm."procedure_occurrence" (visit_detail_id) where visit_detail_id is not null;
create table cdm."device_exposure" (
    "device_exposure_id" bigint not null,
    "person_id" integer not null,
    "device_concept_id" integer not null,
    "device_exposure_start_date" date not null,
    "device_exposure_start_datetime" timestamp,
    "device_exposure_end_date" date,
    "device_exposure_end_datetime" timestamp,
    "device_type_concept_id" integer not null,
    "unique_device_id" varchar(255),
    "production_id" varchar(255),
    "quantity" integer,
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "device_source_value" varchar(50),
    "device_source_concept_id" integer,
    "unit_concept_id" integer,
    "unit_source_value" varchar(50),
    "unit_source_concept_id" integer,
    constraint "xpk_device_exposure" primary key (device_exposure_id)
) partition by range (device_exposure_id);
create index "idx_device_exposure_person_id" on cdm."device_exposure" (person_id);
create index "idx_device_exposure_device_concept_id" on cdm."device_exposure" (device_concept_id);
create index "idx_device_exposure_visit_occurrence_id" on cdm."device_exposure" (visit_occurrence_id);
create index "idx_device_exposure_visit_detail_id" on cdm."device_exposure" (visit_detail_id) where visit_detail_id is not null;
create table cdm."measurement" (
    "measurement_id" bigint not null,
    "person_id" integer not null,
    "measurement_concept_id" integer not null,
    "measurement_date" date not null,
    "measurement_datetime" timestamp,
    "measurement_time" varchar(10),
    "measurement_type_concept_id" integer not null,
    "operator_concept_id" integer,
    "value_as_number" double precision,
    "value_as_concept_id" integer,
    "unit_concept_id" integer,
    "range_low" double precision,
    "range_high" double precision,
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "measurement_source_value" varchar(50),
    "measurement_source_concept_id" integer,
    "unit_source_value" varchar(50),
    "unit_source_concept_id" integer,
    "value_source_value" varchar(50),
    "measurement_event_id" bigint,
    "meas_event_field_concept_id" integer,
    constraint "xpk_measurement" primary key (measurement_id)
) partition by range (measurement_id);
create index "idx_measurement_person_id" on cdm."measurement" (person_id);
create index "idx_measurement_measurement_concept_id" on cdm."measurement" (measurement_concept_id);
create index "idx_measurement_visit_occurrence_id" on cdm."measurement" (visit_occurrence_id);
create index "idx_measurement_visit_detail_id" on cdm."measurement" (visit_detail_id) where visit_detail_id is not null;
create table cdm."observation" (
    "observation_id" bigint not null,
    "person_id" integer not null,
    "observation_concept_id" integer not null,
    "observation_date" date not null,
    "observation_datetime" timestamp,
    "observation_type_concept_id" integer not null,
    "value_as_number" double precision,
    "value_as_string" varchar(60),
    "value_as_concept_id" integer,
    "qualifier_concept_id" integer,
    "unit_concept_id" integer,
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "observation_source_value" varchar(50),
    "observation_source_concept_id" integer,
    "unit_source_value" varchar(50),
    "qualifier_source_value" varchar(50),
    "value_source_value" varchar(50),
    "observation_event_id" bigint,
    "obs_event_field_concept_id" integer,
    constraint "xpk_observation" primary key (observation_id)
) partition by range (observation_id);
create index "idx_observation_person_id" on cdm."observation" (person_id);
create index "idx_observation_observation_concept_id" on cdm."observation" (observation_concept_id);
create index "idx_observation_visit_occurrence_id" on cdm."observation" (visit_occurrence_id);
create index "idx_observation_visit_detail_id" on cdm."observation" (visit_detail_id) where visit_detail_id is not null;
create table cdm."death" (
    "person_id" integer not null,
    "death_date" date not null,
    "death_datetime" timestamp,
    "death_type_concept_id" integer,
    "cause_concept_id" integer,
    "cause_source_value" varchar(50),
    "cause_source_concept_id" integer
) partition by range (person_id);
create table cdm."note" (
    "note_id" bigint not null,
    "person_id" integer not null,
    "note_date" date not null,
    "note_datetime" timestamp,
    "note_type_concept_id" integer not null,
    "note_class_concept_id" integer not null,
    "note_title" varchar(250),
    "note_text" text not null,
    "encoding_concept_id" integer not null,
    "language_concept_id" integer not null,
    "provider_id" integer,
    "visit_occurrence_id" bigint,
    "visit_detail_id" bigint,
    "note_source_value" varchar(50),
    "note_event_id" bigint,
    "note_event_field_concept_id" integer,
    constraint "xpk_note" primary key (note_id)
) partition by range (note_id);
create index "idx_note_person_id" on cdm."note" (person_id);
create index "idx_note_note_type_concept_id" on cdm."note" (note_type_concept_id);
create index "idx_note_visit_occurrence_id" on cdm."note" (visit_occurrence_id);
create index "idx_note_visit_detail_id" on cdm."note" (visit_detail_id) where visit_detail_id is not null;
create table cdm."note_nlp" (
    "note_nlp_id" bigint not null,
    "note_id" bigint not null,
    "section_concept_id" integer,
    "snippet" varchar(250),
    "offset" varchar(50),
    "lexical_variant" varchar(250) not null,
    "note_nlp_concept_id" integer,
    "note_nlp_source_concept_id" integer,
    "nlp_system" varchar(250),
    "nlp_date" date not null,
    "nlp_datetime" timestamp,
    "term_exists" varchar(1),
    "term_temporal" varchar(50),
    "term_modifiers" varchar(2000),
    constraint "xpk_note_nlp" primary key (note_nlp_id)
) partition by range (note_nlp_id);
create index "idx_note_nlp_note_id" on cdm."note_nlp" (note_id);
create index "idx_note_nlp_note_nlp_concept_id" on cdm."note_nlp" (note_nlp_concept_id);
create index "idx_note_nlp_owner" on cdm."note_nlp" ((note_nlp_id >> 23));
create table cdm."specimen" (
    "specimen_id" bigint not null,
    "person_id" integer not null,
    "specimen_concept_id" integer not null,
    "specimen_type_concept_id" integer not null,
    "specimen_date" date not null,
    "specimen_datetime" timestamp,
    "quantity" double precision,
    "unit_concept_id" integer,
    "anatomic_site_concept_id" integer,
    "disease_status_concept_id" integer,
    "specimen_source_id" varchar(50),
    "specimen_source_value" varchar(50),
    "unit_source_value" varchar(50),
    "anatomic_site_source_value" varchar(50),
    "disease_status_source_value" varchar(50),
    constraint "xpk_specimen" primary key (specimen_id)
) partition by range (specimen_id);
create index "idx_specimen_person_id" on cdm."specimen" (person_id);
create index "idx_specimen_specimen_concept_id" on cdm."specimen" (specimen_concept_id);
create table cdm."fact_relationship" (
    "domain_concept_id_1" integer not null,
    "fact_id_1" bigint not null,
    "domain_concept_id_2" integer not null,
    "fact_id_2" bigint not null,
    "relationship_concept_id" integer not null
) partition by range ((case when fact_id_1 < 1073741824 then fact_id_1 else fact_id_1 >> 23 end));
create index "idx_fact_relationship_domain_concept_id_1" on cdm."fact_relationship" (domain_concept_id_1);
create index "idx_fact_relationship_domain_concept_id_2" on cdm."fact_relationship" (domain_concept_id_2);
create index "idx_fact_relationship_relationship_concept_id" on cdm."fact_relationship" (relationship_concept_id);
create index "idx_fact_relationship_owner" on cdm."fact_relationship" ((case when fact_id_1 < 1073741824 then fact_id_1 else fact_id_1 >> 23 end));
create table cdm."location" (
    "location_id" integer not null,
    "address_1" varchar(50),
    "address_2" varchar(50),
    "city" varchar(50),
    "state" varchar(2),
    "zip" varchar(9),
    "county" varchar(20),
    "location_source_value" varchar(50),
    "country_concept_id" integer,
    "country_source_value" varchar(80),
    "latitude" double precision,
    "longitude" double precision,
    constraint "xpk_location" primary key (location_id)
) partition by range (location_id);
create table cdm."care_site" (
    "care_site_id" integer not null,
    "care_site_name" varchar(255),
    "place_of_service_concept_id" integer,
    "location_id" integer,
    "care_site_source_value" varchar(50),
    "place_of_service_source_value" varchar(50),
    constraint "xpk_care_site" primary key (care_site_id)
) partition by range (care_site_id);
create table cdm."provider" (
    "provider_id" integer not null,
    "provider_name" varchar(255),
    "npi" varchar(20),
    "dea" varchar(20),
    "specialty_concept_id" integer,
    "care_site_id" integer,
    "year_of_birth" integer,
    "gender_concept_id" integer,
    "provider_source_value" varchar(50),
    "specialty_source_value" varchar(50),
    "specialty_source_concept_id" integer,
    "gender_source_value" varchar(50),
    "gender_source_concept_id" integer,
    constraint "xpk_provider" primary key (provider_id)
) partition by range (provider_id);
create table cdm."payer_plan_period" (
    "payer_plan_period_id" bigint not null,
    "person_id" integer not null,
    "payer_plan_period_start_date" date not null,
    "payer_plan_period_end_date" date not null,
    "payer_concept_id" integer,
    "payer_source_value" varchar(50),
    "payer_source_concept_id" integer,
    "plan_concept_id" integer,
    "plan_source_value" varchar(50),
    "plan_source_concept_id" integer,
    "sponsor_concept_id" integer,
    "sponsor_source_value" varchar(50),
    "sponsor_source_concept_id" integer,
    "family_source_value" varchar(50),
    "stop_reason_concept_id" integer,
    "stop_reason_source_value" varchar(50),
    "stop_reason_source_concept_id" integer,
    constraint "xpk_payer_plan_period" primary key (payer_plan_period_id)
) partition by range (payer_plan_period_id);
create index "idx_payer_plan_period_person_id" on cdm."payer_plan_period" (person_id);
create table cdm."cost" (
    "cost_id" bigint not null,
    "cost_event_id" bigint not null,
    "cost_domain_id" varchar(20) not null,
    "cost_type_concept_id" integer not null,
    "currency_concept_id" integer,
    "total_charge" double precision,
    "total_cost" double precision,
    "total_paid" double precision,
    "paid_by_payer" double precision,
    "paid_by_patient" double precision,
    "paid_patient_copay" double precision,
    "paid_patient_coinsurance" double precision,
    "paid_patient_deductible" double precision,
    "paid_by_primary" double precision,
    "paid_ingredient_cost" double precision,
    "paid_dispensing_fee" double precision,
    "payer_plan_period_id" bigint,
    "amount_allowed" double precision,
    "revenue_code_concept_id" integer,
    "revenue_code_source_value" varchar(50),
    "drg_concept_id" integer,
    "drg_source_value" varchar(3),
    constraint "xpk_cost" primary key (cost_id)
) partition by range (cost_id);
create index "idx_cost_cost_event_id" on cdm."cost" (cost_event_id);
create index "idx_cost_owner" on cdm."cost" ((cost_id >> 23));
create table cdm."drug_era" (
    "drug_era_id" bigint not null,
    "person_id" integer not null,
    "drug_concept_id" integer not null,
    "drug_era_start_date" date not null,
    "drug_era_end_date" date not null,
    "drug_exposure_count" integer,
    "gap_days" integer,
    constraint "xpk_drug_era" primary key (drug_era_id)
) partition by range (drug_era_id);
create index "idx_drug_era_person_id" on cdm."drug_era" (person_id);
create index "idx_drug_era_drug_concept_id" on cdm."drug_era" (drug_concept_id);
create table cdm."dose_era" (
    "dose_era_id" bigint not null,
    "person_id" integer not null,
    "drug_concept_id" integer not null,
    "unit_concept_id" integer not null,
    "dose_value" double precision not null,
    "dose_era_start_date" date not null,
    "dose_era_end_date" date not null,
    constraint "xpk_dose_era" primary key (dose_era_id)
) partition by range (dose_era_id);
create index "idx_dose_era_person_id" on cdm."dose_era" (person_id);
create index "idx_dose_era_drug_concept_id" on cdm."dose_era" (drug_concept_id);
create table cdm."condition_era" (
    "condition_era_id" bigint not null,
    "person_id" integer not null,
    "condition_concept_id" integer not null,
    "condition_era_start_date" date not null,
    "condition_era_end_date" date not null,
    "condition_occurrence_count" integer,
    constraint "xpk_condition_era" primary key (condition_era_id)
) partition by range (condition_era_id);
create index "idx_condition_era_person_id" on cdm."condition_era" (person_id);
create index "idx_condition_era_condition_concept_id" on cdm."condition_era" (condition_concept_id);
create table cdm."episode" (
    "episode_id" bigint not null,
    "person_id" integer not null,
    "episode_concept_id" integer not null,
    "episode_start_date" date not null,
    "episode_start_datetime" timestamp,
    "episode_end_date" date,
    "episode_end_datetime" timestamp,
    "episode_parent_id" bigint,
    "episode_number" integer,
    "episode_object_concept_id" integer not null,
    "episode_type_concept_id" integer not null,
    "episode_source_value" varchar(50),
    "episode_source_concept_id" integer,
    constraint "xpk_episode" primary key (episode_id)
) partition by range (episode_id);
create index "idx_episode_person_id" on cdm."episode" (person_id);
create index "idx_episode_episode_concept_id" on cdm."episode" (episode_concept_id);
create index "idx_episode_episode_parent_id" on cdm."episode" (episode_parent_id) where episode_parent_id is not null;
create table cdm."episode_event" (
    "episode_id" bigint not null,
    "event_id" bigint not null,
    "episode_event_field_concept_id" integer not null
) partition by range ((episode_id >> 23));
create index "idx_episode_event_owner" on cdm."episode_event" ((episode_id >> 23));
create table cdm."metadata" (
    "metadata_id" integer not null,
    "metadata_concept_id" integer not null,
    "metadata_type_concept_id" integer not null,
    "name" varchar(250) not null,
    "value_as_string" varchar(250),
    "value_as_concept_id" integer,
    "value_as_number" double precision,
    "metadata_date" date,
    "metadata_datetime" timestamp,
    constraint "xpk_metadata" primary key (metadata_id)
) partition by range (metadata_id);
create index "idx_metadata_metadata_concept_id" on cdm."metadata" (metadata_concept_id);
create table cdm."cdm_source" (
    "cdm_source_name" varchar(255) not null,
    "cdm_source_abbreviation" varchar(25) not null,
    "cdm_holder" varchar(255) not null,
    "source_description" text,
    "source_documentation_reference" varchar(255),
    "cdm_etl_reference" varchar(255),
    "source_release_date" date not null,
    "cdm_release_date" date not null,
    "cdm_version" varchar(10),
    "cdm_version_concept_id" integer not null,
    "vocabulary_version" varchar(20) not null
);
create table vocabulary."concept" (
    "concept_id" integer not null,
    "concept_name" varchar(255) not null,
    "domain_id" varchar(20) not null,
    "vocabulary_id" varchar(20) not null,
    "concept_class_id" varchar(20) not null,
    "standard_concept" varchar(1),
    "concept_code" varchar(50) not null,
    "valid_start_date" date not null,
    "valid_end_date" date not null,
    "invalid_reason" varchar(1),
    constraint "xpk_concept" primary key (concept_id)
);
create index "idx_concept_concept_code" on vocabulary."concept" (concept_code);
create index "idx_concept_vocabulary_id" on vocabulary."concept" (vocabulary_id);
create index "idx_concept_domain_id" on vocabulary."concept" (domain_id);
create index "idx_concept_concept_class_id" on vocabulary."concept" (concept_class_id);
create table vocabulary."vocabulary" (
    "vocabulary_id" varchar(20) not null,
    "vocabulary_name" varchar(255) not null,
    "vocabulary_reference" varchar(255),
    "vocabulary_version" varchar(255),
    "vocabulary_concept_id" integer not null,
    constraint "xpk_vocabulary" primary key (vocabulary_id)
);
create table vocabulary."domain" (
    "domain_id" varchar(20) not null,
    "domain_name" varchar(255) not null,
    "domain_concept_id" integer not null,
    constraint "xpk_domain" primary key (domain_id)
);
create table vocabulary."concept_class" (
    "concept_class_id" varchar(20) not null,
    "concept_class_name" varchar(255) not null,
    "concept_class_concept_id" integer not null,
    constraint "xpk_concept_class" primary key (concept_class_id)
);
create table vocabulary."concept_relationship" (
    "concept_id_1" integer not null,
    "concept_id_2" integer not null,
    "relationship_id" varchar(20) not null,
    "valid_start_date" date not null,
    "valid_end_date" date not null,
    "invalid_reason" varchar(1)
) partition by list ("concept_id_1");
create index "idx_concept_relationship_concept_id_1" on vocabulary."concept_relationship" (concept_id_1);
create index "idx_concept_relationship_concept_id_2" on vocabulary."concept_relationship" (concept_id_2);
create index "idx_concept_relationship_relationship_id" on vocabulary."concept_relationship" (relationship_id);
create table vocabulary."relationship" (
    "relationship_id" varchar(20) not null,
    "relationship_name" varchar(255) not null,
    "is_hierarchical" varchar(1) not null,
    "defines_ancestry" varchar(1) not null,
    "reverse_relationship_id" varchar(20) not null,
    "relationship_concept_id" integer not null,
    constraint "xpk_relationship" primary key (relationship_id)
);
create table vocabulary."concept_synonym" (
    "concept_id" integer not null,
    "concept_synonym_name" varchar(1000) not null,
    "language_concept_id" integer not null
) partition by list ("concept_id");
create index "idx_concept_synonym_concept_id" on vocabulary."concept_synonym" (concept_id);
create table vocabulary."concept_ancestor" (
    "ancestor_concept_id" integer not null,
    "descendant_concept_id" integer not null,
    "min_levels_of_separation" integer not null,
    "max_levels_of_separation" integer not null
) partition by list ("ancestor_concept_id");
create index "idx_concept_ancestor_ancestor_concept_id" on vocabulary."concept_ancestor" (ancestor_concept_id);
create index "idx_concept_ancestor_descendant_concept_id" on vocabulary."concept_ancestor" (descendant_concept_id);
create table vocabulary."source_to_concept_map" (
    "source_code" varchar(50) not null,
    "source_concept_id" integer not null,
    "source_vocabulary_id" varchar(20) not null,
    "source_code_description" varchar(255),
    "target_concept_id" integer not null,
    "target_vocabulary_id" varchar(20) not null,
    "valid_start_date" date not null,
    "valid_end_date" date not null,
    "invalid_reason" varchar(1)
) partition by list ("source_code");
create index "idx_source_to_concept_map_target_concept_id" on vocabulary."source_to_concept_map" (target_concept_id);
create index "idx_source_to_concept_map_source_vocabulary_id_source_code" on vocabulary."source_to_concept_map" (source_vocabulary_id, source_code);
create table vocabulary."drug_strength" (
    "drug_concept_id" integer not null,
    "ingredient_concept_id" integer not null,
    "amount_value" double precision,
    "amount_unit_concept_id" integer,
    "numerator_value" double precision,
    "numerator_unit_concept_id" integer,
    "denominator_value" double precision,
    "denominator_unit_concept_id" integer,
    "box_size" integer,
    "valid_start_date" date not null,
    "valid_end_date" date not null,
    "invalid_reason" varchar(1)
) partition by list ("drug_concept_id");
create index "idx_drug_strength_drug_concept_id" on vocabulary."drug_strength" (drug_concept_id);
create index "idx_drug_strength_ingredient_concept_id" on vocabulary."drug_strength" (ingredient_concept_id);
create table results."cohort" (
    "cohort_definition_id" integer not null,
    "subject_id" bigint not null,
    "cohort_start_date" date not null,
    "cohort_end_date" date not null
);
create table results."cohort_definition" (
    "cohort_definition_id" integer not null,
    "cohort_definition_name" varchar(255) not null,
    "cohort_definition_description" text,
    "definition_type_concept_id" integer not null,
    "cohort_definition_syntax" text,
    "subject_concept_id" integer not null,
    "cohort_initiation_date" date
);

create table admin.run (
    run_id varchar(64) not null,
    hospital varchar(40) not null,
    night date not null,
    delivery varchar(64) not null,
    state varchar(12) not null,
    stage varchar(20),
    message text,
    started_at timestamp not null,
    ended_at timestamp,
    vocabulary varchar(80),
    mappings varchar(64),
    bytes_in bigint,
    touched bigint,
    primary key (run_id)
);
create index ix_run_hospital on admin.run (hospital);
create table admin.publication (
    hospital varchar(40) not null,
    published_at timestamp not null,
    run_id varchar(64) not null,
    night date not null,
    mappings varchar(64),
    primary key (hospital, published_at)
);
create table admin.stage (
    run_id varchar(64) not null,
    stage varchar(20) not null,
    started_at timestamp not null,
    seconds double precision,
    rows bigint,
    state varchar(12) not null,
    primary key (run_id, stage)
);
create table quality.source_account (
    run_id varchar(64) not null,
    source varchar(80) not null,
    outcome varchar(12) not null,
    reason varchar(80) not null,
    rows bigint not null,
    primary key (run_id, source, outcome, reason)
);
create table quality.source_file (
    run_id varchar(64) not null,
    source varchar(80) not null,
    file varchar(200) not null,
    bytes bigint not null,
    rows bigint not null,
    primary key (run_id, source, file)
);
create table quality.table_account (
    run_id varchar(64) not null,
    cdm_table varchar(40) not null,
    entry varchar(120) not null,
    source varchar(80) not null,
    source_rows bigint not null,
    rows bigint not null,
    primary key (run_id, cdm_table, entry)
);
create table quality.row_change (
    run_id varchar(64) not null,
    cdm_table varchar(40) not null,
    change varchar(40) not null,
    column_name varchar(80) not null,
    rows bigint not null,
    primary key (run_id, cdm_table, change, column_name)
);
create table quality.mapping_rate (
    run_id varchar(64) not null,
    domain varchar(20) not null,
    records bigint not null,
    mapped bigint not null,
    previous_rate double precision,
    primary key (run_id, domain)
);
create table quality.unmapped (
    run_id varchar(64) not null,
    domain varchar(20) not null,
    vocabulary varchar(40) not null,
    code varchar(80) not null,
    description varchar(200),
    records bigint not null,
    patients bigint,
    fewer_than integer,
    first_seen date,
    last_seen date,
    primary key (run_id, domain, vocabulary, code)
);
create table quality.finding (
    run_id varchar(64) not null,
    gate varchar(20) not null,
    number integer not null,
    suite varchar(80) not null,
    table_name varchar(80) not null,
    column_name varchar(80),
    expectation varchar(80) not null,
    description text not null,
    severity varchar(8) not null,
    success boolean not null,
    unexpected bigint,
    total bigint,
    observed varchar(80),
    error text,
    rows_sql text,
    primary key (run_id, gate, number)
);

create table admin.published (
    hospital varchar(40) not null primary key,
    run_id varchar(64) not null
);
create table admin.vocabulary_release (
    name varchar(80) not null primary key,
    version text,
    published_at timestamp not null
);
