"""Makes the file that readers get, by the one rule of what is told of few persons (`etl/pages/disclosure.py`).

A count below `small_cell`, and a distribution of so few, is not there at all. Records of fewer persons than that are
told in steps of that size; a distribution of their values is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from duckcdm import achilles, sqlrender
from duckdb import DuckDBPyConnection

from etl.engine import one_number
from etl.pages.disclosure import in_steps_sql
from etl.research.achilles.analyses import analyses, details, made_with
from etl.research.achilles.compute import STATISTICS, STRATA
from etl.research.achilles.snapshot import VOCABULARY, Source
from etl.sql import literal, quote
from etl.store.warehouse.results import TABLES, create_results

WHOLE = 0
_NAMES = (
    "analysis_id", "analysis_name", *(f"{stratum}_name" for stratum in STRATA), "is_default", "category",
)  # fmt: skip


def prepare(con: DuckDBPyConnection) -> None:
    """Make the empty tables in the current schema, and what analyses are called."""
    create_results(con)
    con.execute("create temp table partner (analysis_id integer, persons integer)")
    partners = [[each.number, each.persons] for each in analyses() if each.persons]
    con.executemany("insert into partner values (?, ?)", partners)
    computed = {each.number for each in analyses()}
    rows = [[row[name] or None for name in _NAMES] for number, row in details().items() if number in computed]
    con.executemany(f"insert into achilles_analysis values ({', '.join('?' * len(_NAMES))})", rows)


def add_hierarchy(con: DuckDBPyConnection) -> None:
    """Tell where concepts stand in treemaps, by OHDSI's own script; of those that rows have, and those above them."""
    script = files("duckcdm").joinpath("webapi", "sql", "results", "init_concept_hierarchy.sql")
    rendered = sqlrender.render(script.read_text(encoding="utf-8"), results_schema="main", vocab_schema=VOCABULARY)
    for statement in filter(str.strip, sqlrender.split_sql(sqlrender.translate(rendered, "duckdb"))):
        con.execute(statement)


def add(con: DuckDBPyConnection, found: str, source: Source | None, small_cell: int, moment: datetime) -> None:
    """Tell what was found (SQL of rows) of a source; None: of the whole."""
    number = source.number if source else WHOLE
    con.execute(f"create or replace temp table of_source as from {found}")
    _counts(con, number, small_cell)
    _distributions(con, number, small_cell)
    _concepts(con, number)
    said: Sequence[Any] = (source.hospital, source.night, source.run_id, source.step) if source else (None,) * 4
    con.execute(
        "insert into achilles_source values (?, ?, ?, ?, ?, ?, ?)", [number, *said, moment, made_with(small_cell)]
    )


#: The persons of a row's `stratum_1`, where an analysis counts them: none there are few.
_WITH_PERSONS = """
select f.*, case when p.persons is null then null else coalesce(c.count_value, 0) end as persons
from of_source f left join partner p using (analysis_id)
left join of_source c on c.analysis_id = p.persons and not c.of_distribution and c.stratum_1 = f.stratum_1
"""


def _counts(con: DuckDBPyConnection, number: int, small_cell: int) -> None:
    told = in_steps_sql("count_value", f"coalesce(persons, {small_cell})", small_cell)
    con.execute(
        f"insert into achilles_count select {number}, analysis_id, {', '.join(STRATA)}, {told} from ({_WITH_PERSONS}) "
        f"where not of_distribution and count_value >= {small_cell}"
    )


def _distributions(con: DuckDBPyConnection, number: int, small_cell: int) -> None:
    con.execute(
        f"insert into achilles_distribution select {number}, analysis_id, {', '.join(STRATA)}, count_value, "
        f"{', '.join(STATISTICS)} from ({_WITH_PERSONS}) "
        f"where of_distribution and least(count_value, coalesce(persons, count_value)) >= {small_cell}"
    )


def _concepts(con: DuckDBPyConnection, number: int) -> None:
    """Records and persons by concept, added up from what is told alone; concepts without any are left out."""
    con.execute("create or replace schema told")
    con.execute(
        f"create view told.achilles_results as select * exclude source from main.achilles_count where source = {number}"
    )
    achilles.build_concept_counts(con, "told", VOCABULARY)
    con.execute(
        f"insert into achilles_concept select {number}, concept_id::integer, record_count, descendant_record_count, "
        "person_count, descendant_person_count from told.achilles_result_concept_count "
        "where record_count + descendant_record_count + person_count + descendant_person_count > 0"
    )
    con.execute("drop schema told cascade")


def write(con: DuckDBPyConnection, file: Path) -> None:
    """Write what is told into a new file of its own."""
    (here,) = con.execute("select current_database()").fetchone() or ("",)
    con.execute(f"attach {literal(str(file))} as made")
    con.execute("use made.main")
    create_results(con)
    for table in TABLES:
        con.execute(f"insert into {quote(table)} from {quote(here)}.main.{quote(table)}")
    con.execute(f"use {quote(here)}.main")
    con.execute("checkpoint made")  # nothing of it in a log beside it, which nobody takes along
    con.execute("detach made")


def rows_told(con: DuckDBPyConnection) -> int:
    """How many rows readers get, of all sources."""
    return one_number(
        con, "select (select count(*) from achilles_count) + (select count(*) from achilles_distribution)"
    )
