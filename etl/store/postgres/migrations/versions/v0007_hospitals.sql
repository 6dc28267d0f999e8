-- Which hospitals there are, and of which night what is published of each is: for who asks the tables of the CDM.

create table admin.hospital_name (
    hospital varchar(40) not null primary key,
    name_ko text,
    name_en text
);
comment on table admin.hospital_name is 'what hospitals are called, as their mappings say; the newest publication counts';

-- Its owner looks at `admin` for whoever may read it.
create view cdm_read.hospital as
select
    hospital.number as hospital_number,
    published.hospital,
    hospital_name.name_ko,
    hospital_name.name_en,
    published.night,
    max(published.night) over () - published.night as days_behind
from admin.published
left join admin.hospital on hospital.hospital = published.hospital
left join admin.hospital_name on hospital_name.hospital = published.hospital;
comment on view cdm_read.hospital is 'the hospitals of which something is published: a row''s person_id >> 24 is its number';
comment on column cdm_read.hospital.night is 'the night that the hospital''s rows are of';
comment on column cdm_read.hospital.days_behind is 'days before the newest night of all';

update cdm.cdm_source
set source_release_date = nights.oldest, cdm_release_date = nights.newest
from (select min(night) as oldest, max(night) as newest from admin.published) as nights
where nights.oldest is not null;
