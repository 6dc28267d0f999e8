-- Whether a request is open today, by its newest step: what the rows of its project space are seen by. It tells whoever can
-- connect no more than that.
create function gate.request_is_open(asked integer) returns boolean
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
as $$
    select coalesce((
        select s.after in ('open', 'outputs_checked')
            and (s.until is null or s.until >= (now() at time zone 'Asia/Seoul')::date)
        from office.request_step s
        where s.request = asked
        order by s.number desc
        limit 1
    ), false)
$$;
