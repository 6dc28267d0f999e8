-- The records of an era: an era ends more than thirty days before the next one begins, so that those of the same person
-- and concept that begin inside it are its own.
select 'condition_occurrence' as cdm_table, r.condition_occurrence_id as id
from condition_era e
join condition_occurrence r on r.person_id = e.person_id and r.condition_concept_id = e.condition_concept_id
  and r.condition_start_date between e.condition_era_start_date and e.condition_era_end_date
where e.condition_era_id = $id
order by r.condition_start_date, id
