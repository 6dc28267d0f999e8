-- Two CDMs of the same export: ours (schema ours) and that of OHDSI's own ETL (theirs), beside the export (raw) and the
-- vocabulary bundle (vocab). Tables linked(record, ours, theirs) and entry(number, file) are there already.
--
-- compared(tbl, side, record, item, detail): the rows of both under the same key.
-- difference(tbl, side, record, item, detail, classes): the rows only one of them has; classes holds the name of every
-- rule that explains the row, so a row is explained when there is exactly one.

-- What their ETL reads for which table, and with which vocabularies it looks the codes up.
create table reads as from (values
  ('condition_occurrence', 'Condition', 'conditions', 'SNOMED'), ('condition_occurrence', 'Condition', 'conditions', 'ICD10CM'),
  ('drug_exposure', 'Drug', 'medications', 'RxNorm'), ('drug_exposure', 'Drug', 'immunizations', 'CVX'),
  ('device_exposure', 'Device', 'devices', 'SNOMED')) v(tbl, domain, file, vocabulary);

create table their_target as
  select distinct source_code as code, source_vocabulary_id as vocabulary, target_domain_id as domain,
    target_concept_id::bigint as concept
  from theirs.source_to_standard_vocab_map where target_standard_concept = 'S' and target_invalid_reason is null;

create table our_target as
  select distinct c.concept_code as code, c.vocabulary_id as vocabulary, t.concept_id as concept
  from vocab.concept c join vocab.concept_relationship r on r.concept_id_1 = c.concept_id
  join vocab.concept t on t.concept_id = r.concept_id_2
  where r.relationship_id = 'Maps to' and r.invalid_reason is null and t.standard_concept = 'S' and t.invalid_reason is null;

create table event as
  select 'condition_occurrence' as tbl, 'ours' as side, record, condition_source_value as code,
    condition_concept_id as concept, condition_start_date as day, file
  from ours.condition_occurrence e join linked l on l.ours = e.person_id join entry n on n.number = e._entry
  union all
  select 'drug_exposure', 'ours', record, drug_source_value, drug_concept_id, drug_exposure_start_date, file
  from ours.drug_exposure e join linked l on l.ours = e.person_id join entry n on n.number = e._entry
  union all
  select 'device_exposure', 'ours', record, device_source_value, device_concept_id, device_exposure_start_date, file
  from ours.device_exposure e join linked l on l.ours = e.person_id join entry n on n.number = e._entry
  union all
  select 'condition_occurrence', 'theirs', record, condition_source_value, condition_concept_id::bigint,
    strptime(condition_start_date, '%Y%m%d')::date, null
  from theirs.condition_occurrence e join linked l on l.theirs = e.person_id::bigint
  union all
  select 'drug_exposure', 'theirs', record, drug_source_value, drug_concept_id::bigint,
    strptime(drug_exposure_start_date, '%Y%m%d')::date, null
  from theirs.drug_exposure e join linked l on l.theirs = e.person_id::bigint
  union all
  select 'device_exposure', 'theirs', record, device_source_value, device_concept_id::bigint,
    strptime(device_exposure_start_date, '%Y%m%d')::date, null
  from theirs.device_exposure e join linked l on l.theirs = e.person_id::bigint;

-- Their ETL again, from the export and its map: an inner join by code and domain.
create table their_etl as
  with delivered as (
    select 'conditions' as file, "PATIENT" as record, "CODE" as code, left("START", 10)::date as day from raw.conditions
    union all select 'medications', "PATIENT", "CODE", left("START", 10)::date from raw.medications
    union all select 'immunizations', "PATIENT", "CODE", left("DATE", 10)::date from raw.immunizations
    union all select 'devices', "PATIENT", "CODE", left("START", 10)::date from raw.devices
  )
  select tbl, record, code, concept, day from delivered join reads using (file) join their_target using (code, vocabulary, domain);

-- The other tables under keys of their own.
create table person_row as
  select 'ours' as side, record, gender_concept_id as sex, birth_datetime::date as birth,
    race_concept_id as race, ethnicity_concept_id as ethnicity
  from ours.person join linked l on l.ours = person_id
  union all
  select 'theirs', record, gender_concept_id::bigint, birth_datetime::timestamp::date, race_concept_id::bigint,
    ethnicity_concept_id::bigint
  from theirs.person join linked l on l.theirs = person_id::bigint;

create table death_row as
  select 'ours' as side, record, death_date as day from ours.death join linked l on l.ours = person_id
  union all
  select 'theirs', record, strptime(death_date, '%Y%m%d')::date from theirs.death join linked l on l.theirs = person_id::bigint;

create table visit_row as
  select 'ours' as side, record, n."Id" as encounter, visit_concept_id as concept, visit_start_date as begins,
    visit_end_date as ends
  from ours.visit_occurrence v join linked l on l.ours = v.person_id join landed.encounters n on n._row = v._row
  union all
  select 'theirs', record, visit_source_value, visit_concept_id::bigint, strptime(visit_start_date, '%Y%m%d')::date,
    strptime(visit_end_date, '%Y%m%d')::date
  from theirs.visit_occurrence v join linked l on l.theirs = v.person_id::bigint;

create table their_classes as
  select distinct e."ENCOUNTERCLASS" from raw.encounters e join visit_row v on v.side = 'theirs' and v.encounter = e."Id";

create table period_row as
  select 'ours' as side, record, observation_period_start_date as begins, observation_period_end_date as ends
  from ours.observation_period join linked l on l.ours = person_id
  union all
  select 'theirs', record, strptime(observation_period_start_date, '%Y%m%d')::date,
    strptime(observation_period_end_date, '%Y%m%d')::date
  from theirs.observation_period join linked l on l.theirs = person_id::bigint;

create table era_row as
  select 'condition_era' as tbl, 'ours' as side, record, condition_concept_id as concept, condition_era_start_date as begins,
    condition_era_end_date as ends, condition_occurrence_count as records
  from ours.condition_era join linked l on l.ours = person_id
  union all
  select 'condition_era', 'theirs', record, condition_concept_id::bigint, strptime(condition_era_start_date, '%Y%m%d')::date,
    strptime(condition_era_end_date, '%Y%m%d')::date, condition_occurrence_count::integer
  from theirs.condition_era join linked l on l.theirs = person_id::bigint
  union all
  select 'drug_era', 'ours', record, drug_concept_id, drug_era_start_date, drug_era_end_date, drug_exposure_count
  from ours.drug_era join linked l on l.ours = person_id
  union all
  select 'drug_era', 'theirs', record, drug_concept_id::bigint, strptime(drug_era_start_date, '%Y%m%d')::date,
    strptime(drug_era_end_date, '%Y%m%d')::date, drug_exposure_count::integer
  from theirs.drug_era join linked l on l.theirs = person_id::bigint
  union all
  -- our derivation over their exposures and our bundle: only the ends of the exposures differ from ours
  select 'drug_era', 'theirs again', record, drug_concept_id, drug_era_start_date, drug_era_end_date, drug_exposure_count
  from their_drug_era join linked l on l.theirs = person_id;

-- Why the drug eras of one person and ingredient differ: the bundle ties fewer of the drugs to the ingredient; or our
-- derivation makes their very eras of their exposures, so that only the exposures' ends differ (see ends_of_exposures).
create table drug_era_class as
  with pair as (
    select record, concept, coalesce(sum(records) filter (side = 'theirs'), 0) as given_records,
      coalesce(sum(records) filter (side = 'theirs again'), 0) as again_records,
      list((begins, ends, records) order by begins, ends) filter (side = 'theirs') as given,
      list((begins, ends, records) order by begins, ends) filter (side = 'theirs again') as again
    from era_row where tbl = 'drug_era' group by record, concept
  )
  select record, concept, case when given = again then 'ends_of_exposures' else 'ancestor_not_in_bundle' end as class
  from pair where given = again or again_records < given_records;

create table compared as
  select tbl, side, record, code as item, concept || ' ' || day as detail, file from event
  union all select 'person', side, record, '', concat_ws(' ', sex, birth, race, ethnicity), null from person_row
  union all select 'death', side, record, '', day::varchar, null from death_row
  union all select 'visit_occurrence', side, record, encounter, concat_ws(' ', concept, begins, ends), null from visit_row
  union all select 'observation_period', side, record, '', concat_ws(' ', begins, ends), null from period_row
  union all select tbl, side, record, concept::varchar, concat_ws(' ', begins, ends), null from era_row
    where side in ('ours', 'theirs');

-- Equal rows are paired off one by one; of equal rows those from a file their ETL reads go first.
create table lonely as
  with numbered as (
    select *, row_number() over (
      partition by tbl, side, record, item, detail order by file in (select file from reads) desc) as k
    from compared
  )
  select n.tbl, n.side, n.record, n.item, n.detail, n.file from numbered n
  anti join numbered o on (o.tbl, o.record, o.item, o.detail, o.k) = (n.tbl, n.record, n.item, n.detail, n.k) and o.side <> n.side;

-- The rules. Each yields the rows it explains: (tbl, side, record, item, detail, file, class).
create table explained as
  -- a file their ETL does not read
  select *, 'file_not_read' as class from lonely
  where side = 'ours' and file is not null and file not in (select file from reads)
  union all
  -- a code without a standard target, in their map (in the domain of the table) as in our bundle: dropped there, concept 0 here
  select *, 'no_standard_target' from lonely l
  where side = 'ours' and split_part(detail, ' ', 1) = '0' and file in (select file from reads)
    and not exists (from reads r join their_target t using (vocabulary, domain)
                    where (r.tbl, r.file, t.code) = (l.tbl, l.file, l.item))
    and not exists (from reads r join our_target t using (vocabulary) where (r.tbl, r.file, t.code) = (l.tbl, l.file, l.item))
  union all
  -- a target that the bundle's release gives the code and theirs does not
  select *, 'target_of_other_release' from lonely l
  where side = 'ours'
    and exists (from reads r join our_target t using (vocabulary)
                where (r.tbl, r.file, t.code, t.concept::varchar) = (l.tbl, l.file, l.item, split_part(l.detail, ' ', 1)))
    and not exists (from their_target t where (t.code, t.concept::varchar) = (l.item, split_part(l.detail, ' ', 1)))
  union all
  -- the era of such a target
  select l.*, 'era_of_other_release' from lonely l
  where tbl = 'condition_era' and side = 'ours'
    and exists (from event e where (e.side, e.tbl, e.record, e.concept::varchar) = ('ours', 'condition_occurrence', l.record, l.item))
    and not exists (from event e where (e.side, e.tbl, e.record, e.concept::varchar) = ('theirs', 'condition_occurrence', l.record, l.item))
  union all
  -- deaths: they take the day of the encounter that certifies it, we the day of death
  select l.*, 'day_of_certificate' from lonely l
  where tbl = 'death' and side = 'theirs'
    and exists (from raw.encounters e where e."PATIENT" = l.record and e."CODE" = '308646001' and left(e."START", 10) = l.detail)
  union all
  select l.*, 'day_of_death' from lonely l
  where tbl = 'death' and side = 'ours'
    and exists (from raw.patients p where p."Id" = l.record and left(p."DEATHDATE", 10) = l.detail)
  union all
  -- encounter classes that their ETL makes no visits of
  select l.*, 'class_without_visits' from lonely l join raw.encounters e on e."Id" = l.item
  where tbl = 'visit_occurrence' and side = 'ours' and e."ENCOUNTERCLASS" not in (from their_classes)
  union all
  -- an encounter that lies in a visit of theirs, which carries the id of another encounter
  select l.*, 'rolled_up' from lonely l join raw.encounters e on e."Id" = l.item
  where tbl = 'visit_occurrence' and l.side = 'ours' and e."ENCOUNTERCLASS" in (from their_classes)
    and l.item not in (select encounter from visit_row where side = 'theirs')
    and exists (from visit_row v where v.side = 'theirs' and v.record = l.record
                  and left(e."START", 10)::date between v.begins and v.ends)
  union all
  -- the encounter whose id such a visit carries: the visit ends with the last one in it
  select l.*, 'end_of_roll_up' from lonely l
  join visit_row t on t.side = 'theirs' and t.encounter = l.item
  join visit_row m on m.side = 'ours' and m.encounter = l.item
  where tbl = 'visit_occurrence' and (t.concept, t.begins) = (m.concept, m.begins)
    and t.ends = (select max(x.ends) from visit_row x where x.side = 'ours' and x.record = l.record and x.concept = t.concept
                    and x.begins between t.begins and t.ends)
  union all
  -- observation periods: theirs is one, from the first to the last encounter, whatever the class
  select l.*, 'first_to_last_encounter' from lonely l
  where tbl = 'observation_period' and side = 'theirs'
    and detail = (select concat_ws(' ', min(left(e."START", 10)), max(left(e."STOP", 10))) from raw.encounters e
                  where e."PATIENT" = l.record)
  union all
  -- ours end sixty days after the last record and split where 548 days are silent; no visit is outside
  select l.*, 'periods_of_activity' from lonely l
  where tbl = 'observation_period' and side = 'ours'
    and not exists (from visit_row v where v.side = 'ours' and v.record = l.record
                    and not exists (from period_row p where p.side = 'ours' and p.record = l.record
                                    and v.begins between p.begins and p.ends))
  union all
  select l.*, c.class from lonely l join drug_era_class c on c.record = l.record and c.concept::varchar = l.item
  where l.tbl = 'drug_era';

create table difference as
  with numbered as (
    select *, row_number() over (partition by tbl, side, record, item, detail, file) as k from lonely
  ),
  answered as (
    select *, row_number() over (partition by tbl, side, record, item, detail, file, class) as k from explained
  )
  select n.tbl, n.side, n.record, n.item, n.detail, list(a.class order by a.class) filter (a.class is not null) as classes
  from numbered n left join answered a
    on (a.tbl, a.side, a.record, a.item, a.detail, a.k) = (n.tbl, n.side, n.record, n.item, n.detail, n.k)
    and a.file is not distinct from n.file
  group by n.tbl, n.side, n.record, n.item, n.detail, n.file, n.k;

create view measured as
  select tbl, side, coalesce(classes[1], 'unexplained') as class, count(*) as rows from difference group by all;
