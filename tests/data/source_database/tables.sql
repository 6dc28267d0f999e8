-- The tiny hospital's records as its own system keeps them.
create schema emr;

create table emr.patient (
  pt_no varchar(10) primary key, nm varchar(40) not null, rrn char(14), tel varchar(20), sex char(1), birth date,
  death date
);
create table emr.admission (
  adm_no varchar(10) primary key, pt_no varchar(10) not null, kind char(1), in_dtm timestamp, out_dtm timestamp,
  dept varchar(10), memo text, upd_dtm timestamp not null default '2026-06-30 12:00'
);
create table emr.diagnosis (
  pt_no varchar(10) not null, adm_no varchar(10) not null, diag_cd varchar(10) not null, diag_nm varchar(200),
  diag_dd char(8), rule_out char(1), upd_dtm timestamp not null default '2026-06-30 12:00', primary key (adm_no, diag_cd)
);
create table emr.result (
  pt_no varchar(10) not null, adm_no varchar(10), exm_cd varchar(10), exm_dtm timestamp, result varchar(40),
  unit varchar(10), upd_dtm timestamp not null default '2026-06-30 12:00', primary key (adm_no, exm_cd, exm_dtm)
);
create table emr.exam_code (exm_cd varchar(10), edi_cd varchar(10), from_dd date, to_dd date);
create table emr.deletion (adm_no varchar(10), exm_cd varchar(10), exm_dtm timestamp, upd_dtm timestamp not null);
