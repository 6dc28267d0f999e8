"""The stage `derive`: observation periods and eras from the mapped tables."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.candidate import create_views
from etl.cdm.spec import hospital_tables, tables
from etl.engine import copy_to
from etl.ledger import Accounts
from etl.mapping.expression import quote
from etl.mapping.lookup import create_vocabulary_views
from etl.mapping.model import Hospital
from etl.vocabulary.release import Release

DERIVED = "derived"


def derivations() -> dict[str, str]:
    """SQL by derived table, read from the `.sql` files of this folder."""
    found = sorted(f.name for f in files("etl.derive").iterdir() if f.name.endswith(".sql"))
    return {n.removesuffix(".sql"): files("etl.derive").joinpath(n).read_text(encoding="utf-8") for n in found}


def derive(con: DuckDBPyConnection, hospital: Hospital, release: Release, mapped: Path, target: Path) -> Accounts:
    """Write `<table>.parquet` for every derivation into `target`, from the tables in the folder `mapped`."""
    create_vocabulary_views(con, release)
    create_views(con, [mapped], hospital_tables())
    con.execute(f"create or replace macro omop_live_since() as date '{hospital.live_since.isoformat()}'")
    accounts = []
    for name, sql in derivations().items():
        columns = ", ".join(f"{quote(f.name)}::{f.duckdb_type} as {quote(f.name)}" for f in tables()[name].fields)
        rows = copy_to(con, f"select {columns} from ({sql})", target / f"{name}.parquet")
        accounts.append({"cdm_table": name, "entry": DERIVED, "source": DERIVED, "source_rows": rows, "rows": rows})
    return Accounts(tables=accounts)
