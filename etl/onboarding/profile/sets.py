"""Distinct values of columns as sets of hashes in memory, thinned out alike, and how much of one lies in another.

A column keeps the hashes that its `step` (a power of two) divides, so that two columns thinned to the same step keep
the same values: what share of one lies in the other can be told from a bounded number of hashes.
"""

from __future__ import annotations

from dataclasses import dataclass

from duckdb import DuckDBPyConnection

from etl.onboarding.profile.columns import DISTINCT
from etl.onboarding.profile.model import Column

_KEPT = 50_000  # hashes kept of a column, about
_LEAST = 10  # fewer distinct values are contained in many columns by chance


@dataclass(frozen=True, slots=True)
class Contained:
    """Share of a column's distinct values that another column has; columns by their numbers."""

    column: int
    other: int
    share: float


def create_tables(con: DuckDBPyConnection) -> None:
    """Empty tables: `kept_hashes` of columns, `kept_columns` with their file, their step and whether they are keys."""
    con.execute("create temp table kept_hashes (col integer, h ubigint)")
    con.execute("create temp table kept_columns (col integer, file integer, step ubigint, keylike boolean)")


def comparable(column: Column) -> bool:
    """Whether a column's values could lead to another file: codes, record numbers, names of things."""
    return column.kind in ("code", "integer", "text") and column.distinct >= _LEAST and column.mean_length <= 40


def keep(con: DuckDBPyConnection, number: int, file: int, position: int, column: Column, *, keylike: bool) -> None:
    """Keep the hashes of a column whose values were gathered at a position of its file."""
    step = 1
    while column.distinct > _KEPT * step:
        step *= 2
    con.execute(f"insert into kept_columns values ({number}, {file}, {step}, {keylike})")
    con.execute(
        f"insert into kept_hashes select {number}, h from (select hash(value) as h from {DISTINCT} "
        f"where col = {position} and value is not null) where h % {step} = 0"
    )


def contained(con: DuckDBPyConnection, share: float) -> list[Contained]:
    """Pairs of columns of different files: at least `share` of the first one's values are in the key-like second."""
    rows = con.execute(
        f"""
        with pair as (
          select a.col as a, b.col as b, greatest(a.step, b.step) as step
          from kept_columns a join kept_columns b on a.file <> b.file and b.keylike),
        size as (
          select col, step, count(*) as n from kept_hashes join (select distinct a as col, step from pair) using (col)
          where h % step = 0 group by all),
        hit as (
          select a, b, count(*) as n from kept_hashes x join kept_hashes y using (h)
          join pair on a = x.col and b = y.col where h % step = 0 group by all)
        select a, b, hit.n / size.n as share from hit join pair using (a, b)
        join size on size.col = a and size.step = pair.step where share >= {share} order by a, share desc, b
        """
    ).fetchall()
    return [Contained(*row) for row in rows]
