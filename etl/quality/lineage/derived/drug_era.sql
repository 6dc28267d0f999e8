-- The exposures of an era: those of the same person to a drug with the era's ingredient that begin inside it.
select 'drug_exposure' as cdm_table, r.drug_exposure_id as id
from drug_era e
join vocab.concept_ancestor a on a.ancestor_concept_id = e.drug_concept_id
join drug_exposure r on r.person_id = e.person_id and r.drug_concept_id = a.descendant_concept_id
  and r.drug_exposure_start_date between e.drug_era_start_date and e.drug_era_end_date
where e.drug_era_id = $id
order by r.drug_exposure_start_date, id
