"""Publishing into PostgreSQL: beside a bare COPY, and eight hospitals at once while twenty readers query.

`load` publishes once more, into a PostgreSQL of its own, what a home has published; the bare COPY brings the same rows
from binary files into the same tables and makes the same indexes. `at-once` generates eight hospitals' exports,
publishes them, and then publishes another night of each at the same moment. See docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from measure import ETL, ROOT, environment
from pydantic import SecretStr
from sqlalchemy.engine import URL

sys.path.insert(0, str(ROOT / "tests"))
import postgres_server
from at_once import publish_all, publish_at_once, runs_of, without

from etl.cdm.spec import hospital_tables
from etl.settings import Settings
from etl.store.warehouse.postgres.ddl import indexes_of, primary_key
from etl.store.warehouse.postgres.init import initialise

_BLOCK = 1 << 20


def _settings(home: Path) -> Settings:
    secret = environment(home)["ETL_KEY_SECRET"]
    return Settings(home=home, key_secret=SecretStr(secret), _env_file=None)


def load(url: URL, home: Path, hospital: str, work: Path) -> None:
    """Print what publishing a hospital costs, and the bare COPY of the same rows after and before it."""
    runs = [run for run in runs_of(_settings(home)) if run.delivery.hospital == hospital]
    if not runs:
        sys.exit(f"{home} has no published night of {hospital}")
    points: list[tuple[str, float]] = []
    began = time.perf_counter()
    published = publish_all(url, runs, lambda text: points.append((text, time.perf_counter())))[hospital]
    started = points[0][1]
    at = dict(points)
    rows = sum((published.rows or {}).values())
    files = _binary_files(url, work)
    bare = [_bare_copy(url, files) for _ in range(2)]
    loaded = at["loaded and indexed"] - started
    checked = at["checked against keys"] - at["loaded and indexed"]
    copied = min(bare)
    print(f"{rows:,} rows; the vocabulary {started - began:.1f} s")
    print(f"bare COPY and indexes   {copied:6.1f} s  {rows / copied:>12,.0f} rows/s   1.00")
    print(f"publish: load and index {loaded:6.1f} s  {rows / loaded:>12,.0f} rows/s   {loaded / copied:.2f}")
    print(f"         foreign keys   {checked:6.1f} s")
    print(f"         {next(text for text, _ in points if text.startswith('swapped in'))}")


def _binary_files(url: URL, work: Path) -> dict[str, Path]:
    files = {}
    with psycopg.connect(postgres_server.libpq(url)) as con:
        for name in hospital_tables():
            files[name] = work / f"{name}.copy"
            query = f"copy (select * from cdm.{name}) to stdout (format binary)"
            with files[name].open("wb") as file, con.cursor().copy(query) as copy:
                for block in copy:
                    file.write(block)
    return files


def _bare_copy(url: URL, files: dict[str, Path]) -> float:
    with psycopg.connect(postgres_server.libpq(url), autocommit=True) as con:
        con.execute("drop schema if exists bare cascade")
        con.execute("create schema bare")
        con.execute("set maintenance_work_mem = '256MB'")
        began = time.perf_counter()
        for name, path in files.items():
            table = hospital_tables()[name]
            con.execute(f"create table bare.{name} (like cdm.{name} including defaults)")
            with path.open("rb") as file, con.cursor().copy(f"copy bare.{name} from stdin (format binary)") as copy:
                while block := file.read(_BLOCK):
                    copy.write(block)
            if key := primary_key(table):
                con.execute(f"alter table bare.{name} add primary key ({key})")
            for index in indexes_of(name):
                con.execute(index.create(f"bare.{name}"))
            con.execute(f"analyze bare.{name}")
        return time.perf_counter() - began


def at_once(url: URL, home: Path, patients: int) -> None:
    """Print what eight hospitals that publish at once, and twenty readers, feel of each other."""
    env = environment(home)
    for command in (
        ["sample", str(home / "exports"), "--patients", str(patients), "--seed", "1", "--night", "2026-11-20"],
        ["vocabulary", "load", str(ROOT / "etl" / "sample" / "vocabulary")],
        ["run", "--all", str(home / "exports")],
    ):
        subprocess.run([ETL, *command], env=env, check=True, stdout=subprocess.DEVNULL)
    runs = runs_of(_settings(home))
    published = publish_all(url, runs)
    nights = [without(p) for p in published.values()]
    for title, readers in (("nobody reads", 1), ("20 readers", 20)):
        print(f"{len(nights)} hospitals at once, {title}: {publish_at_once(url, runs, nights, readers).describe()}")


def main() -> None:
    """Start a server, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("load", "at-once"))
    parser.add_argument("--home", type=Path, help="of load: a home with a published night")
    parser.add_argument("--hospital", default="synthea")
    parser.add_argument("--patients", type=int, default=1000, help="of at-once: patients of each hospital")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="etl-bench-") as folder,
        postgres_server.server() as server,
        postgres_server.database(server) as url,
    ):
        initialise(url, url)
        if options.what == "load":
            load(url, options.home, options.hospital, Path(folder))
        else:
            at_once(url, Path(folder), options.patients)


if __name__ == "__main__":
    main()
