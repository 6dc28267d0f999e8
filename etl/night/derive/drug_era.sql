-- Exposure to one ingredient with no more than omop_era_gap() (thirty) days between; days without drug inside an era are its gap days.
-- Nothing is stockpiled: an early refill does not lengthen the era.
with ingredient as (
  select a.descendant_concept_id, a.ancestor_concept_id
  from vocab.concept_ancestor a join vocab.concept c on c.concept_id = a.ancestor_concept_id
  where c.concept_class_id = 'Ingredient' and c.standard_concept = 'S' and c.vocabulary_id in ('RxNorm', 'RxNorm Extension')
    and a.descendant_concept_id in (select distinct drug_concept_id from drug_exposure)
),
record as (
  select e.person_id, i.ancestor_concept_id as concept_id, e.drug_exposure_start_date as begins,
    e.drug_exposure_end_date as ends
  from drug_exposure e join ingredient i on i.descendant_concept_id = e.drug_concept_id
  where e.drug_concept_id <> 0
),
reached as (
  select *, max(ends) over (
    partition by person_id, concept_id order by begins, ends rows between unbounded preceding and 1 preceding) as covered
  from record
),
numbered as (
  select *, count(*) filter (where begins > covered + omop_era_gap()) over (
    partition by person_id, concept_id order by begins, ends) as era
  from reached
)
select (person_id << 23) + row_number() over (partition by person_id order by min(begins), concept_id) - 1 as drug_era_id,
  person_id, concept_id as drug_concept_id, min(begins) as drug_era_start_date, max(ends) as drug_era_end_date,
  count(*)::integer as drug_exposure_count,
  coalesce(sum(begins - covered - 1) filter (where begins > covered + 1 and begins <= covered + omop_era_gap()), 0)::integer as gap_days
from numbered
group by person_id, concept_id, era
