-- What the tables of a night are like, for the nights after it.

create table quality.drift_figures (
    run_id varchar(64) not null,
    gate varchar(20) not null,
    is_whole boolean not null,
    figures text not null,
    primary key (run_id, gate)
);

-- What was observed of several tables or domains is longer than one figure.
alter table quality.finding alter column observed type text;
