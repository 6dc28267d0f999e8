-- Question: How long do people stay on a drug, and how long are the gaps?
-- Note: An era joins exposures with no more than thirty days between; such short gaps are its gap_days, longer ones
--   part eras. Nothing is stockpiled. An era of a person still under the drug is cut by the newest night: the lengths
--   are of what was seen, not of what will be; a gap in which nobody observed the person (between two observation
--   periods) looks like one without the drug. Drugs at concept 0 make no era. Drugs of fewer than five persons: left
--   out.
-- Tables: drug_era, concept
with ask (minimum_persons) as (
  values (5)
),
era as (
  select e.person_id, e.drug_concept_id, e.gap_days, e.drug_era_end_date - e.drug_era_start_date + 1 as days,
    e.drug_era_start_date - lag(e.drug_era_end_date) over (
      partition by e.person_id, e.drug_concept_id order by e.drug_era_start_date) - 1 as days_without
  from drug_era e
),
counted as (
  select drug_concept_id, count(distinct person_id) as persons, count(*) as eras,
    percentile_cont(0.5) within group (order by days) as median_days,
    cast(100.0 * sum(gap_days) / sum(days) as numeric(5, 1)) as percent_gap,
    count(distinct case when days_without is not null then person_id end) as persons_back,
    percentile_cont(0.5) within group (order by days_without) as median_without
  from era
  group by drug_concept_id
)
select c.concept_name as drug, n.persons, n.eras, cast(n.median_days as numeric(10, 1)) as median_days, n.percent_gap,
  case when n.persons_back >= ask.minimum_persons then n.persons_back end as persons_with_a_second_era,
  case when n.persons_back >= ask.minimum_persons
    then cast(n.median_without as numeric(10, 1)) end as median_days_between_eras
from counted n cross join ask join concept c on c.concept_id = n.drug_concept_id
where n.persons >= ask.minimum_persons
order by n.persons desc, n.drug_concept_id
limit 20;
