-- Requests for data: rows are added and never changed.

create table office.request_version (
    request integer not null,
    version integer not null,
    at timestamp not null,
    actor varchar(80) not null,
    title text not null,
    form text not null,
    primary key (request, version)
);

create table office.request_step (
    request integer not null,
    number integer not null,
    at timestamp not null,
    actor varchar(80) not null,
    entered_by varchar(120),
    role varchar(40),
    move varchar(20) not null,
    before varchar(20) not null,
    after varchar(20) not null,
    entered_at timestamp not null,
    version integer not null,
    until date,
    hospital varchar(40),
    reason text,
    said text not null,
    primary key (request, number)
);

create table office.request_file (
    request integer not null,
    digest varchar(64) not null,
    content bytea not null,
    primary key (request, digest)
);

create table office.request_role (
    number integer not null,
    at timestamp not null,
    actor varchar(80) not null,
    entered_by varchar(120),
    account varchar(80) not null,
    role varchar(40) not null,
    hospital varchar(40),
    given boolean not null,
    reason text,
    primary key (number)
);
