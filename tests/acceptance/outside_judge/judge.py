"""OHDSI's analyses and cohorts on a CDM, made by tools that know nothing of this project.

Run by the judge's own Python, which holds duckcdm (OHDSI's Achilles, Circe and SqlRender, ported) and circepy (OHDSI's
own Circe in Python). The CDM is in the file itself, or in the DuckLake whose catalog is named. What is found lies in
the file: `results.achilles_…`, and per cohort engine `results.cohort_<engine>`; circepy's cohorts also fill `cohort`
and `cohort_definition`. Standard output: the analyses done, and those that failed with their errors, as JSON.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import duckdb
import ibis
from circe.api import BuildExpressionQueryOptions, build_cohort, build_cohort_query, cohort_expression_from_json
from circe.sqlrender import render, split_sql, translate
from duckcdm import achilles, circe, sqlrender
from duckdb import DuckDBPyConnection

COHORT = (
    "create table {} (cohort_definition_id bigint not null, subject_id bigint not null, "
    "cohort_start_date date not null, cohort_end_date date not null)"
)
DEFINITION = (
    "insert into cohort_definition (cohort_definition_id, cohort_definition_name, definition_type_concept_id, "
    "cohort_definition_syntax, subject_concept_id) values (?, ?, 0, ?, 0)"
)


def run(con: DuckDBPyConnection, statements: list[str]) -> None:
    """Run the statements an engine has split its script into; its last one may be blank."""
    for statement in filter(str.strip, statements):
        con.execute(statement)


def by_circepy(con: DuckDBPyConnection, cdm: str, number: int, expression: str) -> None:
    """Circe's SQL, written and translated by circepy."""
    options = BuildExpressionQueryOptions()
    options.cdm_schema = options.vocabulary_schema = cdm
    options.result_schema, options.target_table, options.cohort_id = "results", "results.cohort_circepy", number
    query = build_cohort_query(cohort_expression_from_json(expression), options)
    run(con, split_sql(translate(render(query), "duckdb")))


def by_duckcdm(con: DuckDBPyConnection, cdm: str, number: int, expression: str) -> None:
    """Circe's SQL, written and translated by duckcdm."""
    query = circe.build_cohort_query(
        expression,
        cdm_schema=cdm,
        vocabulary_schema=cdm,
        result_schema="results",
        target_table="results.cohort_duckcdm",
        cohort_id=number,
    )
    run(con, sqlrender.split_sql(sqlrender.translate(sqlrender.render(query), "duckdb")))


def by_ibis(con: DuckDBPyConnection, cdm: str, number: int, expression: str) -> None:
    """The relational expressions of circepy's second engine, which uses none of Circe's SQL."""
    found = build_cohort(
        cohort_expression_from_json(expression),
        backend=ibis.duckdb.from_connection(con),
        cdm_schema=cdm,
        results_schema="results",
    ).to_pyarrow()
    con.register("found", found)
    con.execute("insert into results.cohort_ibis select ?, person_id, start_date, end_date from found", [number])


def make_cohorts(con: DuckDBPyConnection, cdm: str, folder: Path, engines: list[str]) -> None:
    """Every cohort of the folder by every engine; their numbers are their places in the order of names."""
    makers = {"circepy": by_circepy, "duckcdm": by_duckcdm, "ibis": by_ibis}
    for engine in engines:
        con.execute(COHORT.format(f"results.cohort_{engine}"))
    for number, file in enumerate(sorted(folder.glob("*.json")), 1):
        expression = file.read_text(encoding="utf-8")
        for engine in engines:
            makers[engine](con, cdm, number, expression)


def fill_tables(con: DuckDBPyConnection, folder: Path) -> None:
    """The CDM's own tables of cohorts, from circepy's."""
    for number, file in enumerate(sorted(folder.glob("*.json")), 1):
        con.execute(DEFINITION, [number, file.stem, file.read_text(encoding="utf-8")])
    con.execute("insert into cohort by name from results.cohort_circepy")


def main() -> None:
    """Judge one CDM."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("file", metavar="FILE.duckdb")
    arguments.add_argument("cohorts", type=Path, help="folder of cohort expressions, one JSON file each")
    arguments.add_argument("--lake", metavar="CATALOG.sqlite", help="judge this DuckLake; FILE takes the results")
    arguments.add_argument("--load", action="append", default=[], help="file of a DuckDB extension the lake needs")
    given = arguments.parse_args()
    with duckdb.connect(given.file) as con:
        for extension in given.load:
            con.load_extension(extension)
        cdm, analyses = "main", sorted(int(f.stem) for f in (Path(achilles.__file__).parent / "sql").glob("[0-9]*.sql"))
        if given.lake:  # read in place they take four times as long: only the counts of persons and records
            con.execute(f"attach 'ducklake:sqlite:{given.lake}' as judged_lake (read_only)")
            cdm, analyses = "judged_lake.main", [a for a in analyses if a % 100 < 2]
        done, failed = achilles.run_achilles(
            con, cdm_schema=cdm, cdm_version="5.4", analysis_ids=analyses, small_cell_count=0, log=None
        )
        make_cohorts(con, cdm, given.cohorts, ["circepy", "duckcdm"] if given.lake else ["circepy", "duckcdm", "ibis"])
        if not given.lake:
            fill_tables(con, given.cohorts)
    print(json.dumps({"analyses": len(analyses), "done": done, "failed": failed}))


if __name__ == "__main__":
    main()
