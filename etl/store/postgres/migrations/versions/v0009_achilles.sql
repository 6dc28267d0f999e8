-- What OHDSI's tools read of Achilles, by source, and when it was computed.

create table quality.achilles (
    number bigint not null primary key,
    computed_at timestamp not null,
    seconds double precision not null,
    nights text not null,
    anew text not null,
    analyses integer not null,
    told bigint not null,
    small_cell integer not null
);

create table results.achilles_source (
    source integer not null primary key,
    hospital varchar(40),
    night date,
    run_id varchar(64),
    step bigint,
    computed_at timestamp not null,
    made_with varchar(64) not null
);
comment on table results.achilles_source is
'what Achilles was computed of, and when (UTC): 0 is the whole warehouse, others are hospitals'' numbers';

create table results.achilles_count (
    source integer not null,
    analysis_id integer not null,
    stratum_1 varchar(255),
    stratum_2 varchar(255),
    stratum_3 varchar(255),
    stratum_4 varchar(255),
    stratum_5 varchar(255),
    count_value bigint not null
);
comment on table results.achilles_count is
'counts of Achilles by source; those of few persons are left out or told in steps';
create index idx_achilles_count on results.achilles_count (source, analysis_id, stratum_1);

create table results.achilles_distribution (
    source integer not null,
    analysis_id integer not null,
    stratum_1 varchar(255),
    stratum_2 varchar(255),
    stratum_3 varchar(255),
    stratum_4 varchar(255),
    stratum_5 varchar(255),
    count_value bigint not null,
    min_value double precision,
    max_value double precision,
    avg_value double precision,
    stdev_value double precision,
    median_value double precision,
    p10_value double precision,
    p25_value double precision,
    p75_value double precision,
    p90_value double precision
);
comment on table results.achilles_distribution is 'distributions of Achilles by source; those of few persons are left out';
create index idx_achilles_distribution on results.achilles_distribution (source, analysis_id, stratum_1);

create table results.achilles_concept (
    source integer not null,
    concept_id integer not null,
    record_count bigint not null,
    descendant_record_count bigint not null,
    person_count bigint not null,
    descendant_person_count bigint not null
);
comment on table results.achilles_concept is
'records and persons of a concept and of all below it, by source, added up from counts that are told';
create index idx_achilles_concept on results.achilles_concept (source, concept_id);

create table results.achilles_analysis (
    analysis_id integer not null primary key,
    analysis_name varchar(255),
    stratum_1_name varchar(255),
    stratum_2_name varchar(255),
    stratum_3_name varchar(255),
    stratum_4_name varchar(255),
    stratum_5_name varchar(255),
    is_default integer,
    category varchar(255)
);
comment on table results.achilles_analysis is 'what the analyses of Achilles are called';

create table results.concept_hierarchy (
    concept_id integer not null,
    concept_name varchar(400),
    treemap varchar(20),
    concept_hierarchy_type varchar(20),
    level1_concept_name varchar(255),
    level2_concept_name varchar(255),
    level3_concept_name varchar(255),
    level4_concept_name varchar(255)
);
comment on table results.concept_hierarchy is 'where concepts stand in the treemaps of ATLAS; those that the warehouse has';
create index idx_concept_hierarchy on results.concept_hierarchy (concept_id);

-- Who sees which source. The whole is for who is cleared for every hospital in it: with one hospital's rows at hand, it
-- tells of the others.
create function admin.seen_sources() returns integer[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    cleared integer[] := admin.cleared_hospitals();
begin
    if exists (select from results.achilles_source s where s.source <> 0 and s.source <> all(cleared)) then
        return cleared;
    end if;
    return cleared || 0;
end
$$;
comment on function admin.seen_sources() is
'sources of Achilles that the reader may see: hospitals that the reader is cleared for, and 0 with all of them';
revoke all on function admin.seen_sources() from public;

alter table results.achilles_source enable row level security;
alter table results.achilles_count enable row level security;
alter table results.achilles_distribution enable row level security;
alter table results.achilles_concept enable row level security;
create policy quality on results.achilles_source for select to etl_quality using (true);
create policy quality on results.achilles_count for select to etl_quality using (true);
create policy quality on results.achilles_distribution for select to etl_quality using (true);
create policy quality on results.achilles_concept for select to etl_quality using (true);
create policy cleared on results.achilles_source for select to etl_analyst
using (source = any((select admin.seen_sources())::integer[]));
create policy cleared on results.achilles_count for select to etl_analyst
using (source = any((select admin.seen_sources())::integer[]));
create policy cleared on results.achilles_distribution for select to etl_analyst
using (source = any((select admin.seen_sources())::integer[]));
create policy cleared on results.achilles_concept for select to etl_analyst
using (source = any((select admin.seen_sources())::integer[]));

-- The whole under the names that OHDSI's tools know.
create view results.achilles_results with (security_invoker = true) as
select analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value
from results.achilles_count
where source = 0;
comment on view results.achilles_results is 'counts of the whole warehouse, as OHDSI''s tools read them';

create view results.achilles_results_dist with (security_invoker = true) as
select
    analysis_id, stratum_1, stratum_2, stratum_3, stratum_4, stratum_5, count_value, min_value, max_value, avg_value,
    stdev_value, median_value, p10_value, p25_value, p75_value, p90_value
from results.achilles_distribution
where source = 0;
comment on view results.achilles_results_dist is 'distributions of the whole warehouse, as OHDSI''s tools read them';

create view results.achilles_result_concept_count with (security_invoker = true) as
select concept_id, record_count, descendant_record_count, person_count, descendant_person_count
from results.achilles_concept
where source = 0;
comment on view results.achilles_result_concept_count is
'records and persons by concept of the whole warehouse, as OHDSI''s tools read them';
