#!/bin/sh
# Runs once, when the PostgreSQL of compose.yaml has made its cluster: two databases, each with a user of its own.
# The passwords go from files to psql's variables; no command line and no log holds them.
set -eu
# the quoted heredoc is psql's: \set with backquotes reads the file, :'x' quotes it
psql --set ON_ERROR_STOP=1 --quiet --username postgres --dbname postgres <<'SQL'
-- the statements hold passwords: they are not logged, whatever log_statement says
set log_statement = 'none';
set log_min_error_statement = 'panic';
\set warehouse_password `cat /run/secrets/warehouse_password`
\set office_password `cat /run/secrets/office_password`
\set airflow_password `cat /run/secrets/airflow_password`
-- `etl warehouse init` makes it a member of etl_loader; it owns nothing itself
create role etl login password :'warehouse_password';
-- `etl warehouse user` makes it a member of etl_office
create role omop_office login password :'office_password';
create role airflow login password :'airflow_password';
create database warehouse encoding 'UTF8' template template0;
create database airflow owner airflow encoding 'UTF8' template template0;
-- `etl warehouse init` says who may enter the warehouse
revoke all on database airflow, postgres from public;
SQL
