create table admin.publisher_turn (turn varchar(40) primary key);
comment on table admin.publisher_turn is 'a row is locked by who publishes a hospital, swaps, loads the vocabulary, upgrades';
insert into admin.publisher_turn (turn) values ('swap'), ('vocabulary'), ('schema');

-- Columns that say whose a row is, in the parents and so in every partition that is attached: no value of theirs is kept,
-- of primary keys, which have none twice, the lowest and the highest.
alter table cdm."person"
alter column "person_id" set statistics 1;
alter table cdm."observation_period"
alter column "observation_period_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."visit_occurrence"
alter column "visit_occurrence_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "preceding_visit_occurrence_id" set statistics 0;
alter table cdm."visit_detail"
alter column "visit_detail_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "preceding_visit_detail_id" set statistics 0,
alter column "parent_visit_detail_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0;
alter table cdm."condition_occurrence"
alter column "condition_occurrence_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0;
alter table cdm."drug_exposure"
alter column "drug_exposure_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0;
alter table cdm."procedure_occurrence"
alter column "procedure_occurrence_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0;
alter table cdm."device_exposure"
alter column "device_exposure_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0;
alter table cdm."measurement"
alter column "measurement_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0,
alter column "measurement_event_id" set statistics 0;
alter table cdm."observation"
alter column "observation_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0,
alter column "observation_event_id" set statistics 0;
alter table cdm."death"
alter column "person_id" set statistics 0;
alter table cdm."note"
alter column "note_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "visit_occurrence_id" set statistics 0,
alter column "visit_detail_id" set statistics 0,
alter column "note_event_id" set statistics 0;
alter table cdm."note_nlp"
alter column "note_nlp_id" set statistics 1,
alter column "note_id" set statistics 0;
alter table cdm."specimen"
alter column "specimen_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."fact_relationship"
alter column "fact_id_1" set statistics 0,
alter column "fact_id_2" set statistics 0;
alter table cdm."payer_plan_period"
alter column "payer_plan_period_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."cost"
alter column "cost_id" set statistics 1,
alter column "cost_event_id" set statistics 0,
alter column "payer_plan_period_id" set statistics 0;
alter table cdm."drug_era"
alter column "drug_era_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."dose_era"
alter column "dose_era_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."condition_era"
alter column "condition_era_id" set statistics 1,
alter column "person_id" set statistics 0;
alter table cdm."episode"
alter column "episode_id" set statistics 1,
alter column "person_id" set statistics 0,
alter column "episode_parent_id" set statistics 0;
alter table cdm."episode_event"
alter column "episode_id" set statistics 0,
alter column "event_id" set statistics 0;
alter table results."cohort"
alter column "subject_id" set statistics 0;

-- Partitions of kept nights, which may come back, and expressions that give the person's id: each index on one has
-- statistics of its own. What was gathered of primary keys is gathered anew.
do $$
declare
    kept record;
begin
    for kept in
        select
            c.oid::regclass as part,
            a.attname as name,
            case when exists (
                select from pg_index as i where i.indrelid = c.oid and i.indisprimary and a.attnum = any(i.indkey)
            ) then 1 else 0 end as target
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'cdm_part'::regnamespace and c.relkind = 'r' and not c.relispartition
        and c.relname ~ '_h[0-9]+_s[0-9]+$' and a.attnum > 0 and not a.attisdropped
        and (a.attname = 'person_id' or a.atttypid = 'bigint'::regtype)
    loop
        execute format('alter table %s alter column %I set statistics %s', kept.part, kept.name, kept.target);
    end loop;
    for kept in
        select i.indexrelid::regclass as part
        from pg_index as i
        join pg_class as c on c.oid = i.indexrelid
        where c.relnamespace in ('cdm'::regnamespace, 'cdm_part'::regnamespace) and i.indexprs is not null
    loop
        execute format('alter index %s alter column 1 set statistics 0', kept.part);
    end loop;
    for kept in
        select c.oid::regclass as part, a.attname as name
        from pg_class as c
        join pg_attribute as a on a.attrelid = c.oid
        where c.relnamespace = 'cdm_part'::regnamespace and c.relkind = 'r' and a.attstattarget = 1
    loop
        execute format('analyze %s (%I)', kept.part, kept.name);
    end loop;
end
$$;
