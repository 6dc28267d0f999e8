"""Code masters as interval tables: `master.<name>(code, valid_from, valid_to, target, outside)`, one target per day.

Windows of validity overlap and leave gaps in real masters. Time is cut at every window's edges; a piece takes the
window that contains it (the one that began last), else the one that ended last before it, else the first to begin, and
says so in `outside`. A code that the master knows therefore stands for exactly one other code on every day: a look-up
neither drops nor doubles a row.
"""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from etl.mapping.compile.texts import moment, reading_of
from etl.mapping.expression import render
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.lookups import MasterStep
from etl.mapping.language.mapping import HospitalMapping
from etl.sql import quote

FIRST_DAY = "date '0001-01-01'"
LAST_DAY = "date '9999-12-31'"


def step_query(mapping: HospitalMapping, step: MasterStep) -> str:
    """SQL of one step: (code, valid_from, valid_to, target, outside), `valid_to` exclusive."""
    known = landed_columns_sql(mapping.sources[step.source])

    def text(sql: str) -> str:
        return f"{render(sql, known)}::varchar"

    def at(sql: str) -> str:
        return moment(text(sql), reading_of(mapping.sources[step.source], sql, known))

    begin = f"({at(step.valid_from)})::date" if step.valid_from else "null"
    end = f"omop_closed({at(step.valid_to)})::date + 1" if step.valid_to else "null"
    where = f"where {render(step.where, known)}" if step.where else ""
    return f"""
    with given as (
      select omop_blank({text(step.code)}) as code, omop_blank({text(step.to)}) as target,
        coalesce({begin}, {FIRST_DAY}) as opens, coalesce({end}, {LAST_DAY}) as closes
      from landed.{quote(step.source)} {where}
    ),
    span as (select distinct * from given where code is not null and target is not null and opens < closes),
    edge as (
      select code, opens as cut from span union select code, closes from span
      union select code, {FIRST_DAY} from span
    ),
    piece as (
      select code, cut as valid_from, coalesce(lead(cut) over (partition by code order by cut), {LAST_DAY}) as valid_to
      from edge where cut < {LAST_DAY}
    ),
    choice as (
      select p.*, s.* exclude (code), not (s.opens <= p.valid_from and s.closes >= p.valid_to) as outside,
        s.opens >= p.valid_to as later
      from piece p join span s using (code)
    )
    select code, valid_from, valid_to, target, outside from choice
    qualify row_number() over (partition by code, valid_from order by outside, later,
      case when later then opens end, case when outside then closes end desc, opens desc, target) = 1
    """


def create_masters(con: DuckDBPyConnection, mapping: HospitalMapping) -> None:
    """Make the table `master.<name>` for every master, its steps joined one after the other."""
    con.execute("create schema if not exists master")
    for name, steps in mapping.masters.items():
        query = f"select * from ({step_query(mapping, steps[0])})"
        for step in steps[1:]:
            query = f"""
            select a.code, greatest(a.valid_from, b.valid_from) as valid_from,
              least(a.valid_to, b.valid_to) as valid_to, b.target, a.outside or b.outside as outside
            from ({query}) a join ({step_query(mapping, step)}) b
              on b.code = a.target and a.valid_from < b.valid_to and b.valid_from < a.valid_to
            """
        con.execute(f"create or replace table master.{quote(name)} as {query}")
