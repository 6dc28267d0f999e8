-- What the battery measured, and findings that are tracked over nights.

create table quality.look (
    number bigint not null,
    hospital varchar(40) not null,
    hospital_number integer not null,
    night date not null,
    run_id varchar(64) not null,
    kind varchar(8) not null,
    opening bigint not null,
    looked_at timestamp not null,
    withdrawn boolean not null,
    tracked boolean not null,
    seconds double precision,
    layout integer,
    failed text,
    error text,
    primary key (number),
    unique (run_id, kind)
);
create index ix_look_hospital on quality.look (hospital);
create table quality.check_name (
    number integer not null,
    name varchar(200) not null,
    says text,
    primary key (number),
    unique (name)
);
create table quality.battery_layout (
    number integer not null,
    fields text not null,
    primary key (number)
);
create table quality.battery_figure (
    hospital_number integer not null,
    asked integer not null,
    look bigint not null,
    violated bigint,
    total bigint,
    primary key (hospital_number, asked, look)
);
create table quality.tracked_finding (
    number integer not null,
    hospital varchar(40) not null,
    key varchar(32) not null,
    place varchar(8) not null,
    table_name varchar(80),
    column_name varchar(80),
    kind varchar(40) not null,
    says text not null,
    severity varchar(20) not null,
    course varchar(12),
    course_night date,
    first_night date,
    seen_night date,
    nights integer not null,
    violated bigint,
    total bigint,
    primary key (number),
    unique (hospital, key)
);
create table quality.finding_sign (
    look bigint not null,
    finding integer not null,
    asked integer not null,
    failed boolean not null,
    violated bigint,
    total bigint,
    primary key (look, finding, asked)
);
create index ix_finding_sign_finding on quality.finding_sign (finding);
create table quality.finding_action (
    finding integer not null,
    number integer not null,
    at timestamp not null,
    actor varchar(120) not null,
    action varchar(20) not null,
    reason text,
    before varchar(20) not null,
    after varchar(20) not null,
    entered bigint not null,
    owner varchar(120),
    due date,
    until date,
    primary key (finding, number)
);

-- A quality officer does something about a finding by a row that says so; nothing that was said is ever changed.
grant insert on quality.finding_action to etl_quality;
