"""The stage `derive`: observation periods and eras from the mapped tables, and what was left out of them."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.candidate import create_views
from etl.cdm.spec import hospital_tables, tables
from etl.engine import copy_to
from etl.ledger import Accounts
from etl.mapping.choices import define_choices
from etl.mapping.expression import quote
from etl.mapping.lookup import create_vocabulary_views
from etl.mapping.model import Hospital
from etl.vocabulary.release import Release

DERIVED = "derived"


def derivations() -> dict[str, str]:
    """SQL by derived table, read from the `.sql` files of this folder."""
    found = sorted(f.name for f in files("etl.derive").iterdir() if f.name.endswith(".sql"))
    return {n.removesuffix(".sql"): files("etl.derive").joinpath(n).read_text(encoding="utf-8") for n in found}


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
    con: DuckDBPyConnection, hospital: Hospital, release: Release, mapped: Path, target: Path, before: Accounts
) -> Accounts:
    """Write `<table>.parquet` for every derivation into `target`, from the tables in the folder `mapped`.

    `before`: the accounts of landing and mapping, of which `metadata` tells what was left out.
    """
    create_vocabulary_views(con, release)
    create_views(con, [mapped], hospital_tables())
    define_choices(con, hospital)
    create_accounts(con, before)
    accounts = []
    for name, sql in derivations().items():
        columns = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in tables()[name].fields)
        rows = copy_to(con, f"select {columns} from ({sql})", target / f"{name}.parquet")
        accounts.append({"cdm_table": name, "entry": DERIVED, "source": DERIVED, "source_rows": rows, "rows": rows})
    return Accounts(tables=accounts)
