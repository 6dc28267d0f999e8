"""The stage `derive`: observation periods and eras from the mapped tables, and what was left out of them."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables, tables
from etl.engine import copy_to, one_number, rows_in
from etl.files import packaged
from etl.mapping.compile.choices import define_choices
from etl.mapping.compile.lookup import create_vocabulary_views
from etl.mapping.language.hospital import Hospital
from etl.night.lake.candidate import create_views
from etl.night.lake.mapped import EXTENDED, PERIOD, Mapped, current
from etl.night.lake.numbers import check_numbers
from etl.sql import quote
from etl.store.ledger.records import Accounts
from etl.vocabulary.release import Release

DERIVED = "derived"


def derivations() -> dict[str, str]:
    """SQL by derived table, read from the `.sql` files of this folder."""
    found = sorted(f.name for f in files("etl.night.derive").iterdir() if f.name.endswith(".sql"))
    return {n.removesuffix(".sql"): packaged(__name__, n) for n in found}


def create_accounts(con: DuckDBPyConnection, accounts: Accounts) -> None:
    """The table `account(source, outcome, reason, rows)`: what became of the rows of every source."""
    columns = {"source": pa.string(), "outcome": pa.string(), "reason": pa.string(), "rows": pa.int64()}
    con.register(
        "account_rows",
        pa.table({name: pa.array([row[name] for row in accounts.source], kind) for name, kind in columns.items()}),
    )
    con.execute("create or replace temp table account as from account_rows")
    con.unregister("account_rows")


def derive(
    con: DuckDBPyConnection, hospital: Hospital, release: Release, mapped: Path, target: Path, before: Accounts,
    earlier: Sequence[Mapped] = (), touched: tuple[Path, ...] = (),
) -> Accounts:  # fmt: skip
    """Write `<table>.parquet` for every derivation into `target`, from the tables in the folder `mapped`.

    `before`: the accounts of landing and mapping, of which `metadata` tells what was left out. `earlier` are the
    derived layers that this one comes on top of, `touched` the files of the persons it holds then.
    Returns the accounts of all layers together.
    """
    create_vocabulary_views(con, release)
    create_views(con, [mapped], hospital_tables())
    define_choices(con, hospital)
    create_accounts(con, before)
    for name, sql in derivations().items():
        columns = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in tables()[name].fields)
        query = f"select {columns}, _open_end from ({sql})" if name == PERIOD else f"select {columns} from ({sql})"
        if name == PERIOD and earlier:
            query = _with_extended(con, query, earlier, touched, target)
        count = copy_to(con, query, target / f"{name}.parquet")
        if tables()[name].personal:
            check_numbers(con, name, f"from {rows_in(target / f'{name}.parquet')}", "person_id", count)
    layers = [*earlier, Mapped(target, touched, (target / EXTENDED,) if earlier else ())]
    return Accounts(tables=[_account(con, name, layers) for name in derivations()])


def _account(con: DuckDBPyConnection, table: str, layers: Sequence[Mapped]) -> dict[str, object]:
    held = tables()[table]
    layers = layers if held.personal else layers[-1:]  # what belongs to no person is there as a whole every night
    rows = one_number(con, f"select count(*) from ({current(layers, table, held.owner or 'null')})")
    return {"cdm_table": table, "entry": DERIVED, "source": DERIVED, "source_rows": rows, "rows": rows}


def _with_extended(
    con: DuckDBPyConnection, query: str, earlier: Sequence[Mapped], touched: tuple[Path, ...], target: Path
) -> str:
    """SQL of the periods of the persons touched, and of all others that a day more of observation lengthens.

    Writes who these are into `extended.parquet`.
    """
    end = "observation_period_end_date"
    con.execute(f"""
      create or replace temp table period as select * from ({current(earlier, PERIOD, "person_id")})
      where person_id not in (select person from {rows_in(*touched)})
    """)
    longer = f"select distinct person_id as person from period where least(_open_end, omop_night()) <> {end}"
    copy_to(con, longer, target / EXTENDED)
    return f"""
      {query} union all by name
      select * replace (least(_open_end, omop_night()) as {end}) from period
      where person_id in (select person from ({longer}))
    """
