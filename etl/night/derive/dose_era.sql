-- Exposure to one ingredient in one daily dose, with no more than omop_era_gap() (thirty) days between. The dose of a day is
-- the amount of the ingredient in what was given over the days it lasted; a patch or pump that is labelled by the hour gives
-- for all 24. Without a strength in the vocabulary, without a quantity, and for concept 0 there is none.
with strength as (
  select s.drug_concept_id, s.ingredient_concept_id,
    coalesce(s.amount_value, s.numerator_value) as amount,
    coalesce(s.amount_unit_concept_id, s.numerator_unit_concept_id) as unit,
    s.amount_value is null and s.denominator_unit_concept_id = 8505 as hourly
  from vocab.drug_strength s
  where s.invalid_reason is null and coalesce(s.amount_value, s.numerator_value) > 0
    and s.drug_concept_id in (select distinct drug_concept_id from drug_exposure where drug_concept_id <> 0)
),
record as (
  select e.person_id, s.ingredient_concept_id as concept_id, s.unit,
    round(case when s.hourly then s.amount * 24
          else e.quantity * s.amount / (e.drug_exposure_end_date - e.drug_exposure_start_date + 1) end, 6) as dose,
    e.drug_exposure_start_date as begins, e.drug_exposure_end_date as ends
  from drug_exposure e join strength s on s.drug_concept_id = e.drug_concept_id
  where s.hourly or e.quantity > 0
),
marked as (
  select *, begins > omop_era_gap() + max(ends) over (
    partition by person_id, concept_id, unit, dose order by begins, ends
    rows between unbounded preceding and 1 preceding) as fresh
  from record where dose > 0
),
numbered as (
  select *, count(*) filter (where fresh) over (
    partition by person_id, concept_id, unit, dose order by begins, ends) as era
  from marked
)
select (person_id << 23) + row_number() over (
    partition by person_id order by min(begins), concept_id, unit, dose) - 1 as dose_era_id,
  person_id, concept_id as drug_concept_id, coalesce(unit, 0) as unit_concept_id, dose as dose_value,
  min(begins) as dose_era_start_date, max(ends) as dose_era_end_date
from numbered
group by person_id, concept_id, unit, dose, era
