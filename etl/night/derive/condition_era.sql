-- Records of one condition with no more than omop_era_gap() (thirty) days between them; concept 0 makes no era. A record without an end
-- lasts to the next day, as in OHDSI's reference script.
with record as (
  select person_id, condition_concept_id as concept_id, condition_start_date as begins,
    coalesce(condition_end_date, condition_start_date + 1) as ends
  from condition_occurrence where condition_concept_id <> 0
),
marked as (
  select *, begins > omop_era_gap() + max(ends) over (
    partition by person_id, concept_id order by begins, ends rows between unbounded preceding and 1 preceding) as fresh
  from record
),
numbered as (
  select *, count(*) filter (where fresh) over (
    partition by person_id, concept_id order by begins, ends) as era
  from marked
)
select (person_id << 23) + row_number() over (partition by person_id order by min(begins), concept_id) - 1
    as condition_era_id,
  person_id, concept_id as condition_concept_id, min(begins) as condition_era_start_date,
  max(ends) as condition_era_end_date, count(*)::integer as condition_occurrence_count
from numbered
group by person_id, concept_id, era
