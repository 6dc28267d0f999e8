-- Outputs of project spaces: rows are added and never changed.

create table office.output_batch (
    number integer not null,
    request integer not null,
    at timestamp not null,
    actor varchar(80) not null,
    entered_by varchar(120),
    note text not null,
    digest varchar(64) not null,
    files integer not null,
    bytes bigint not null,
    beside integer not null,
    threshold integer not null,
    findings text not null,
    primary key (number)
);
create index output_batch_request on office.output_batch (request);

create table office.output_file (
    batch integer not null,
    number integer not null,
    name varchar(200) not null,
    digest varchar(64) not null,
    bytes bigint not null,
    primary key (batch, number)
);

create table office.output_content (
    request integer not null,
    digest varchar(64) not null,
    content bytea not null,
    primary key (request, digest)
);

create table office.output_step (
    batch integer not null,
    number integer not null,
    at timestamp not null,
    actor varchar(80) not null,
    entered_by varchar(120),
    role varchar(40) not null,
    move varchar(20) not null,
    round integer not null,
    verdict varchar(20),
    comment text,
    comments text not null,
    after varchar(20) not null,
    entered_at timestamp not null,
    primary key (batch, number)
);
