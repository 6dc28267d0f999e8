"""`python tests/benchmarks/battery_on_postgres.py HOME [--every K]`: the battery of a warehouse on PostgreSQL beside a
plain query a check, put to the server itself, in one run.

What HOME has published is published into a server of its own. Of the queries every K-th is put, and their time taken
K-fold; both must agree.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import postgres_server
import psycopg
from at_once import publish_all, runs_of
from battery import timed
from pydantic import SecretStr
from quality_definitions import CONTROL, definitions
from rich.console import Console
from rich.table import Table

from etl.night.run import Run
from etl.quality.battery.battery import load_battery
from etl.quality.battery.judge import judge
from etl.quality.battery.lake import read_from_lake
from etl.quality.battery.measure import Measured, measure
from etl.quality.battery.statement import WHOLE
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.postgres.init import initialise

NIGHT = date(2026, 1, 1)
_SECRET = SecretStr("of a benchmark that opens no key store")
#: What the definitions call by DuckDB's names.
_FUNCTIONS = (
    "create function public.regexp_full_match(varchar, text) returns boolean immutable language sql "
    "as $$ select $1 ~ ('^(' || $2 || ')$') $$",
    "create function public.strptime(text, text) returns timestamp immutable language sql as $$ select "
    "to_timestamp($1, replace(replace(replace($2, '%Y', 'YYYY'), '%m', 'MM'), '%d', 'DD'))::timestamp $$",
)


@contextmanager
def published(home: Path) -> Iterator[tuple[Settings, str]]:
    """Settings of a server that holds what the home has published, and how psycopg reaches it."""
    settings = Settings(home=home, key_secret=_SECRET, _env_file=None)
    runs = runs_of(settings)
    with postgres_server.server() as root, postgres_server.database(root) as url:
        initialise(url, url)
        publish_all(url, runs)
        text = url.render_as_string(hide_password=False)
        there = Settings(home=home, key_secret=_SECRET, warehouse_url=text, _env_file=None)
        for run in runs:
            _record(Ledger(there.ledger_url), run)
        yield there, postgres_server.libpq(url)


def _record(ledger: Ledger, run: Run) -> None:
    hospital, night = run.delivery.hospital, run.delivery.night
    ledger.open_run(run.run_id, hospital, night, run.delivery.sha256, vocabulary=run.release.version)
    ledger.record_publication(run.run_id)


def in_the_server(at: str, every: int) -> dict[str, tuple[int, int]]:
    """What every K-th check's own query finds; those whose table or field is missing are left out."""
    found = {}
    asked = [check for check in definitions(CONTROL, NIGHT.isoformat()) if check.violated]
    with psycopg.connect(at, autocommit=True) as con:
        for function in _FUNCTIONS:
            con.execute(function)
        con.execute("set search_path = cdm_read, public")
        for check in asked[::every]:
            try:
                row = con.execute(f"select ({check.violated}), ({check.of})").fetchone() or (0, 0)
            except psycopg.Error as error:
                if error.sqlstate not in ("42P01", "42703"):
                    raise
                continue
            found[check.id] = (int(row[0]), int(row[1]))
    return found


def main() -> int:
    """Measure, and print; 1 where the battery and the plain queries differ."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("home", type=Path)
    asked.add_argument("--every", type=int, default=1)
    given = asked.parse_args()
    checks = [check for check in load_battery(PROJECT / "expectations") if not check.own]
    found: dict[str, Measured] = {}

    def battery(settings: Settings) -> None:
        warehouse = open_warehouse(settings)
        with warehouse.reader() as con:
            if not read_from_lake(settings, warehouse, con):
                raise SystemExit("what is published does not lie in the lake")
            found["all"] = measure(con, checks, NIGHT)

    singles: dict[str, tuple[int, int]] = {}
    with published(given.home) as (settings, at):
        together = min(timed(lambda: battery(settings)).seconds for _ in range(3))
        began = time.perf_counter()
        singles.update(in_the_server(at, given.every))
        apart = (time.perf_counter() - began) * given.every
    table = Table("", "seconds", box=None, header_style="bold")
    table.add_row("the battery, all hospitals apart", f"{together:.2f}")
    table.add_row(f"a query a check{f', every {given.every}th put' if given.every > 1 else ''}", f"{apart:.1f}")
    table.add_row("", f"{apart / together:.0f} ×")
    Console().print(table)
    results = {r.check.id: (r.violated, r.of, r.status) for r in judge(checks, found["all"], WHOLE)}
    unlike = [i for i, said in singles.items() if results[i][2] in ("passed", "failed") and results[i][:2] != said]
    print(f"{len(unlike)} of {len(singles):,} checks differ")
    return bool(unlike)


if __name__ == "__main__":
    sys.exit(main())
