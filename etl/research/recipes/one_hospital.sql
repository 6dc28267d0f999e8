-- Question: How does one hospital differ from the others?
-- Note: The hospital's number is person_id >> 24 (the same shift for provider_id, care_site_id and location_id); an
--   event's id holds it too: measurement_id >> 47. Rates are per person-year of observation, so that a hospital with
--   longer records does not seem busier; visits outside of observation periods do not count, those of concept 0 count
--   as visits and not as stays. On a shared warehouse you see the hospitals you are cleared for: “others” are these.
-- Tables: person, observation_period, visit_occurrence, concept_ancestor
with ask (hospital) as (
  values (1)
),
watched as (
  select p.person_id, case when p.person_id >> 24 = ask.hospital then 'this hospital' else 'others' end as side,
    p.year_of_birth, p.gender_concept_id, o.observation_period_id, o.observation_period_start_date as begins,
    o.observation_period_end_date as ends
  from person p cross join ask join observation_period o on o.person_id = p.person_id
),
people as (
  select side, count(distinct person_id) as persons,
    count(distinct case when gender_concept_id = 8532 then person_id end) as women,
    sum(ends - begins + 1) / 365.25 as years,
    percentile_cont(0.5) within group (order by extract(year from begins) - year_of_birth) as median_age
  from watched
  group by side
),
visits as (
  select w.side, count(*) as visits,
    count(*) filter (where v.visit_concept_id in (
      select descendant_concept_id from concept_ancestor where ancestor_concept_id in (9201, 262))) as stays
  from watched w join visit_occurrence v on v.person_id = w.person_id and v.visit_start_date between w.begins and w.ends
  group by w.side
)
select p.side, case when p.persons >= 5 then p.persons end as persons,
  case when p.women >= 5 then cast(100.0 * p.women / p.persons as numeric(5, 1)) end as percent_women,
  case when p.persons >= 5 then cast(p.median_age as numeric(5, 1)) end as median_age_at_start,
  case when p.persons >= 5 then cast(p.years as numeric(14, 1)) end as person_years,
  case when v.visits >= 5 then cast(v.visits / p.years as numeric(10, 2)) end as visits_per_year,
  case when v.stays >= 5 then cast(v.stays / p.years as numeric(10, 2)) end as stays_per_year
from people p left join visits v on v.side = p.side
order by p.side desc;
