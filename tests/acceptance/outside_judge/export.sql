-- The records of the raw export by the concepts they must become: codes followed through `Maps to` alone.
create view code_to_concept as
select c.vocabulary_id as vocabulary, c.concept_code as code, c.domain_id as own_domain,
  t.concept_id as concept, t.domain_id as domain
from cdm.concept c
left join (
  cdm.concept_relationship r
  join cdm.concept t on t.concept_id = r.concept_id_2 and t.standard_concept = 'S' and t.invalid_reason is null
) on r.concept_id_1 = c.concept_id and r.relationship_id = 'Maps to' and r.invalid_reason is null;

create view coded as
select CODE as code, if(regexp_matches(CODE, '^[A-Z]'), 'ICD10CM', 'SNOMED') as vocabulary, 'Condition' as kind
from raw.conditions
union all select CODE, 'SNOMED', 'Observation' from raw.allergies
union all select CODE, 'RxNorm', 'Drug' from raw.medications
union all select CODE, 'CVX', 'Drug' from raw.immunizations
union all select CODE, 'LOINC', 'Measurement' from raw.observations
union all select CODE, 'SNOMED', 'Procedure' from raw.procedures
union all select CODE, 'SNOMED', 'Device' from raw.devices
union all select CODE, 'SNOMED', 'Device' from raw.supplies
union all select CODE, 'SNOMED', 'Procedure' from raw.careplans;

-- A record without a concept goes by the domain of its code, or by what its file holds; a domain without a table of its
-- own goes to observation.
create view record as
select if(found in ('Condition', 'Device', 'Drug', 'Measurement', 'Procedure'), found, 'Observation') as domain,
  concept, count(*) as records
from (
  select coalesce(domain, own_domain, kind) as found, coalesce(concept, 0) as concept
  from coded left join code_to_concept using (vocabulary, code)
)
group by all;

create view encounter as
select PATIENT as patient, strptime(START[:10], '%Y-%m-%d')::date as day,
  case ENCOUNTERCLASS when 'inpatient' then 9201 when 'emergency' then 9203
    when 'ambulatory' then 9202 when 'outpatient' then 9202 when 'wellness' then 9202 when 'urgentcare' then 9202
  end as concept
from raw.encounters;
