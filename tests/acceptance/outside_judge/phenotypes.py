"""The cohorts of some definitions by Circe's own SQL, as circepy writes and translates it.

Run by the judge's own Python. The CDM is in the file, which takes the results: `results.cohort_circepy`, each cohort by
the number that its definition's file is called by. Standard output: by number the seconds that each took, as JSON.

    python phenotypes.py FILE.duckdb 21.json 1003.json …
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb
from circe.api import BuildExpressionQueryOptions, build_cohort_query, cohort_expression_from_json
from circe.sqlrender import render, split_sql, translate

COHORT = (
    "create or replace table results.cohort_circepy (cohort_definition_id bigint, subject_id bigint, "
    "cohort_start_date date, cohort_end_date date)"
)


def statements(number: int, expression: str) -> list[str]:
    """The SQL of one definition."""
    options = BuildExpressionQueryOptions()
    options.cdm_schema = options.vocabulary_schema = "main"
    options.result_schema, options.target_table, options.cohort_id = "results", "results.cohort_circepy", number
    query = build_cohort_query(cohort_expression_from_json(expression), options)
    return [each for each in split_sql(translate(render(query), "duckdb")) if each.strip()]


def main() -> None:
    """Find all cohorts, one after the other."""
    file, *definitions = map(Path, sys.argv[1:])
    took = {}
    with duckdb.connect(str(file)) as con:
        con.execute("create schema if not exists results")
        con.execute(COHORT)
        for definition in definitions:
            since = time.perf_counter()
            for statement in statements(int(definition.stem), definition.read_text(encoding="utf-8")):
                con.execute(statement)
            took[definition.stem] = time.perf_counter() - since
    print(json.dumps(took))


if __name__ == "__main__":
    main()
