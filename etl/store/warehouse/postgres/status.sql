-- Hospitals of the warehouse: what is published of each, and how much room its partitions and its kept nights take.
select
    coalesce(published.hospital, hospital.hospital) as hospital,
    hospital.number,
    published.night,
    published.run_id,
    steps.published_at,
    coalesce(sizes.attached, 0)::bigint as bytes,
    coalesce(sizes.kept, 0)::bigint as kept_bytes
from admin.published
full join admin.hospital on hospital.hospital = published.hospital
left join admin.publication_step as steps
    on steps.hospital = published.hospital and steps.step = published.step
left join (
    select
        (regexp_match(relname, '_h([0-9]+)_s[0-9]+'))[1]::integer as number,
        sum(pg_total_relation_size(oid)) filter (where relispartition) as attached,
        sum(pg_total_relation_size(oid)) filter (where not relispartition) as kept
    from pg_class
    where relnamespace = 'cdm_part'::regnamespace and relkind = 'r'
    group by 1
) as sizes on sizes.number = hospital.number
order by hospital.number, 1
