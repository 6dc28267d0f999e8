-- Question: How many visits begin in a month, by kind?
-- Note: An emergency visit that led to a stay is one visit of kind 262 (emergency room and inpatient), not two; the
--   encounters it was rolled up from are in visit_detail. The last month is not over, and a hospital whose newest
--   night is older ends before the others: compare months that all hospitals have. A kind that is not mapped is
--   concept 0, “No matching concept”. Visits count wherever they lie, also outside of observation periods. Months of
--   fewer than five persons: empty.
-- Tables: visit_occurrence, concept
with ask (first_day, last_day) as (
  values (date '2025-01-01', date '2025-12-31')
),
counted as (
  select cast(date_trunc('month', v.visit_start_date) as date) as month, v.visit_concept_id,
    count(*) as visits, count(distinct v.person_id) as persons
  from visit_occurrence v join ask on v.visit_start_date between ask.first_day and ask.last_day
  group by 1, 2
)
select n.month, c.concept_name as kind, case when n.persons >= 5 then n.visits end as visits,
  case when n.persons >= 5 then n.persons end as persons
from counted n join concept c on c.concept_id = n.visit_concept_id
order by n.month, n.visit_concept_id;
