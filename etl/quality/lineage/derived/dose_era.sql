-- The exposures of an era: those of the same person, to the same ingredient in the same daily dose, that begin inside it.
with given as (
  select r.drug_exposure_id as id, r.person_id, r.drug_exposure_start_date as begins, s.ingredient_concept_id,
    coalesce(s.amount_unit_concept_id, s.numerator_unit_concept_id, 0) as unit,
    round(case when s.amount_value is null and s.denominator_unit_concept_id = 8505 then s.numerator_value * 24
          else r.quantity * coalesce(s.amount_value, s.numerator_value)
            / (r.drug_exposure_end_date - r.drug_exposure_start_date + 1) end, 6) as dose
  from dose_era e
  join drug_exposure r on r.person_id = e.person_id
  join vocab.drug_strength s on s.drug_concept_id = r.drug_concept_id and s.invalid_reason is null
  where e.dose_era_id = $id
)
select distinct 'drug_exposure' as cdm_table, g.id, g.begins
from dose_era e
join given g on g.ingredient_concept_id = e.drug_concept_id and g.unit = e.unit_concept_id and g.dose = e.dose_value
  and g.begins between e.dose_era_start_date and e.dose_era_end_date
where e.dose_era_id = $id
order by g.begins, g.id
