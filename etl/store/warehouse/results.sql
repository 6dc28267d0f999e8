-- What OHDSI's tools read of Achilles, of all sources; 0 is the whole warehouse, others are hospitals' numbers.

create table achilles_source (
  source integer not null,
  hospital varchar,
  night date,
  run_id varchar,
  step bigint,
  computed_at timestamp not null,
  made_with varchar not null
);

create table achilles_count (
  source integer not null,
  analysis_id integer not null,
  stratum_1 varchar,
  stratum_2 varchar,
  stratum_3 varchar,
  stratum_4 varchar,
  stratum_5 varchar,
  count_value bigint not null
);

create table achilles_distribution (
  source integer not null,
  analysis_id integer not null,
  stratum_1 varchar,
  stratum_2 varchar,
  stratum_3 varchar,
  stratum_4 varchar,
  stratum_5 varchar,
  count_value bigint not null,
  min_value double,
  max_value double,
  avg_value double,
  stdev_value double,
  median_value double,
  p10_value double,
  p25_value double,
  p75_value double,
  p90_value double
);

create table achilles_concept (
  source integer not null,
  concept_id integer not null,
  record_count bigint not null,
  descendant_record_count bigint not null,
  person_count bigint not null,
  descendant_person_count bigint not null
);

create table achilles_analysis (
  analysis_id integer not null,
  analysis_name varchar,
  stratum_1_name varchar,
  stratum_2_name varchar,
  stratum_3_name varchar,
  stratum_4_name varchar,
  stratum_5_name varchar,
  is_default integer,
  category varchar
);

create table concept_hierarchy (
  concept_id integer not null,
  concept_name varchar,
  treemap varchar,
  concept_hierarchy_type varchar,
  level1_concept_name varchar,
  level2_concept_name varchar,
  level3_concept_name varchar,
  level4_concept_name varchar
);

create view achilles_results as
select analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value
from achilles_count
where source = 0;

create view achilles_results_dist as
select
  analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value, min_value, max_value, avg_value,
  stdev_value, median_value, p10_value, p25_value, p75_value, p90_value
from achilles_distribution
where source = 0;

create view achilles_result_concept_count as
select concept_id, record_count, descendant_record_count, person_count, descendant_person_count
from achilles_concept
where source = 0;
