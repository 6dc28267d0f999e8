-- What came first is told by numbers, as clocks may be wrong; and the warehouse knows by itself what it holds.

-- The ledger's rows in their order ----------------------------------------------------------------------------------

alter table admin.run
add column number bigint,
add column reason text,
add column worker varchar(120);
alter table admin.publication add column number bigint;
alter table admin.approval add column number bigint;

-- Of a night of changes: what it found that is not its own, and whether the night before asked the same.
alter table quality.finding
add column carried bigint,
add column definition varchar(16);

update admin.run
set number = ranked.number
from (select run_id, row_number() over (order by started_at, run_id) as number from admin.run) as ranked
where ranked.run_id = run.run_id;

update admin.publication
set number = ranked.number
from (
    select hospital, published_at, row_number() over (order by published_at, hospital) as number
    from admin.publication
) as ranked
where ranked.hospital = publication.hospital and ranked.published_at = publication.published_at;

update admin.approval
set number = ranked.number
from (
    select run_id, gate, asked_at, row_number() over (order by asked_at, run_id, gate) as number
    from admin.approval
) as ranked
where ranked.run_id = approval.run_id and ranked.gate = approval.gate and ranked.asked_at = approval.asked_at;

-- What is published -------------------------------------------------------------------------------------------------

alter table admin.published add column mappings varchar(64);
alter table admin.publication_step add column mappings varchar(64);

update admin.published
set mappings = run.mappings
from admin.run
where run.run_id = published.run_id;

update admin.publication_step
set mappings = run.mappings
from admin.run
where run.run_id = publication_step.run_id;

-- How far the key store of a hospital's ids had come, by kind of number: `chain` tells it from a copy that went on
-- otherwise. It is a keyed hash and says nothing of anybody.
create table admin.key_mark (
    hospital varchar(40) not null,
    namespace varchar(20) not null,
    store varchar(40) not null,
    highest bigint not null,
    chain varchar(64) not null,
    primary key (hospital, namespace)
);
