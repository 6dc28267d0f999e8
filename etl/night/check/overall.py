"""Figures of a whole hospital as tables of the CDM gate, tonight's beside those of nights published before.

`mapping_rate(domain, records, mapped, rate, at_most, previous_rate, change)` and `table_volume(cdm_table, rows,
previous_rows, change)`; `change` is the difference of two rates, or the share by which a table grew or, below zero,
shrank. Both are held against the median of the last nights published, so that a fall is not the rule after. `at_most`
is what a rate may be in truth (99 %); `change` of a rate is 0 where chance explains it: nine records say little.
`row_change(place, cdm_table, change, column_name, rows, total, share)`: what rows lost on their way, such as a field
that could not be read, of all rows of the table.
`identity_change(who, known, vanished, appeared, share)`: how many of the persons whom the warehouse knows the night
lacks, and how many it has instead whom the warehouse does not know. Record numbers that came in another form (leading
zeros lost) make new persons of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import rows_in
from etl.night.check.earlier import usual_rates, usual_rows
from etl.night.check.interval import at_most
from etl.night.run import Run
from etl.store.ledger.records import Finding
from etl.store.warehouse.protocol import in_range

RATES = "mapping_rate"
VOLUMES = "table_volume"
CHANGES = "row_change"
IDENTITY = "identity_change"
FIGURES = (RATES, VOLUMES, CHANGES, IDENTITY)

#: By figure: the column that names a row of it, and SQL that tells the row. None of it is a patient's.
_TOLD: Mapping[str, tuple[str, str]] = {
    RATES: (
        "domain",
        "format('{} {:.1f} %', domain, 100 * rate) || coalesce(format(' (usually {:.1f} %)', 100 * previous_rate), '')",
    ),
    VOLUMES: (
        "cdm_table",
        "format('{} {:,} rows (usually {:,}, {:+.1f} %)', cdm_table, rows, previous_rows, 100 * change)",
    ),
    IDENTITY: ("who", "format('{:,} of {:,} {} are gone, {:,} new ones came', vanished, known, who, appeared)"),
    CHANGES: ("place", "format('{} {:,} of {:,} rows', place, rows, total)"),
}


def create_empty_figures(con: DuckDBPyConnection) -> None:
    """Make the tables of figures without rows."""
    con.execute(f"create table {RATES} (domain varchar, records bigint, mapped bigint, rate double, "
                "at_most double, previous_rate double, change double)")  # fmt: skip
    con.execute(f"create table {VOLUMES} (cdm_table varchar, rows bigint, previous_rows bigint, change double)")
    con.execute(f"create table {CHANGES} (place varchar, cdm_table varchar, change varchar, column_name varchar, "
                "rows bigint, total bigint, share double)")  # fmt: skip
    con.execute(f"create table {IDENTITY} (who varchar, known bigint, vanished bigint, appeared bigint, share double)")


def create_figures(con: DuckDBPyConnection, run: Run, touched: Sequence[Path]) -> None:
    """Make the tables of figures of a candidate, which holds the persons in the files `touched` only (none: all)."""
    create_empty_figures(con)
    _create_identity(con, run, touched)
    _create_rates(con, run)
    _create_volumes(con, run)
    _create_changes(con, run)


def with_figures(con: DuckDBPyConnection, finding: Finding) -> Finding:
    """The finding; one about figures tells which of them it is about, and what they were."""
    if finding.table_name not in _TOLD or finding.rows_sql is None:
        return finding
    key, told = _TOLD[finding.table_name]
    query = (
        f"select string_agg({told}, ', ' order by {key}) from {finding.table_name} where {key} in ({finding.rows_sql})"
    )
    row = con.execute(query).fetchone()
    return replace(finding, observed=row[0]) if row else finding


def _create_identity(con: DuckDBPyConnection, run: Run, touched: Sequence[Path]) -> None:
    number = run.mapping.hospital.number
    if run.warehouse.published(run.delivery.hospital) is None:
        return
    with run.warehouse.reader() as readers:
        query = f"select person_id from person where {in_range(tables()['person'], number)}"
        known = readers.execute(query).to_arrow_table()  # noqa: F841 - read by name
    of_tonight = f"where person_id in (select person from {rows_in(*touched)})" if touched else ""
    con.execute(
        f"""
        insert into {IDENTITY}
        select 'persons', k, v, a, least(v, a) / nullif(k, 0) from (select
            (select count(*) from known) as k,
            (select count(*) from (select person_id from known {of_tonight} except select person_id from person)) as v,
            (select count(*) from (select person_id from person except select person_id from known)) as a)
        """
    )


def _create_rates(con: DuckDBPyConnection, run: Run) -> None:
    rates, usual = run.ledger.rate_rows(run.run_id), usual_rates(run)
    if rates:
        con.executemany(
            f"insert into {RATES} select d, r, m, m / r, a, p, "
            "case when p is not null then case when m / r < p and p <= a then 0 else m / r - p end end from "
            "(select ?::varchar d, ?::bigint r, ?::bigint m, ?::double a, ?::double p) where r > 0",
            [
                [x["domain"], x["records"], x["mapped"], at_most(x["mapped"], x["records"]), usual.get(x["domain"])]
                for x in rates
            ],
        )


def _create_volumes(con: DuckDBPyConnection, run: Run) -> None:
    now, before = run.ledger.accounts(run.run_id).rows_by_table(), usual_rows(run)
    if now or before:
        con.executemany(
            f"insert into {VOLUMES} select t, n, p, n / nullif(p, 0) - 1 from "
            "(select ?::varchar t, ?::bigint n, ?::bigint p)",
            [[table, now.get(table, 0), before.get(table)] for table in sorted({*now, *before})],
        )


def _create_changes(con: DuckDBPyConnection, run: Run) -> None:
    accounts = run.ledger.accounts(run.run_id)
    total = accounts.rows_by_table()
    if accounts.changes:
        con.executemany(
            f"insert into {CHANGES} select concat_ws('.', t, nullif(c, '')) || ' ' || k, t, k, c, n, a, "
            "n / nullif(a, 0) from (select ?::varchar t, ?::varchar k, ?::varchar c, ?::bigint n, ?::bigint a)",
            [
                [x["cdm_table"], x["change"], x["column_name"], x["rows"], total.get(x["cdm_table"], 0)]
                for x in accounts.changes
            ],
        )
