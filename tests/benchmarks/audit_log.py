"""What an entry of the audit log costs, written and verified: `python tests/benchmarks/audit_log.py`.

On a file and on a PostgreSQL server, through the function that alone may write; both wait for their disks. An entry
has a transaction of its own, as in the pipeline. It ends with 1 where the median entry costs more than `--limit` ms.
The processor's time is that of this process, without the server's: on a busy machine it says more than the clock.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[1]))

import postgres_server

from etl.settings import Settings
from etl.store.audit.entry import Said
from etl.store.audit.verify import verify
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.postgres.init import initialise

SAID = Said("queried", "kim", subject="SELECT * FROM person WHERE person_id = ?", reason="a question", details={"n": 7})


@contextmanager
def logs(folder: Path) -> Iterator[dict[str, sa.Engine]]:
    """An empty log of each kind, which waits for its disk; a server of ours as well as one in `$ETL_TEST_POSTGRES`."""
    postgres_server._OPTIONS.update(fsync="on", synchronous_commit="on")
    with postgres_server.server(folder / "server") as url, postgres_server.database(url) as database:
        initialise(database, database)
        shown = database.render_as_string(hide_password=False)
        homes = {"SQLite": None, "PostgreSQL": shown}
        yield {
            name: Ledger(Settings(home=folder / name, warehouse_url=to, _env_file=None).ledger_url).engine
            for name, to in homes.items()
        }


def written(engine: sa.Engine, entries: int) -> list[float]:
    """Milliseconds of each entry, commit and all."""
    found = []
    for _ in range(entries):
        began = time.perf_counter()
        with engine.begin() as con:
            write(con, SAID)
        found.append(1000 * (time.perf_counter() - began))
    return found


def verified(engine: sa.Engine, times: int = 5) -> float:
    """Milliseconds an entry of the whole log."""
    found = []
    for _ in range(times):
        with engine.connect() as con:
            began = time.perf_counter()
            verdict = verify(con)
            found.append(1000 * (time.perf_counter() - began) / verdict.entries)
        assert verdict.whole
    return median(found)


def main() -> int:
    """Measure, show, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=2_000, help="entries of each log")
    parser.add_argument(
        "--folder", type=Path, help="where the logs lie: on the disk to be measured (default: temporary)"
    )
    parser.add_argument("--limit", type=float, default=2.0, help="ms that the median entry may cost")
    asked = parser.parse_args()
    table = Table("ms an entry", "median", "95 of 100", "processor", "verified", box=None, header_style="bold")
    slow = []
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder, logs(Path(folder)) as engines:
        for name, engine in engines.items():
            written(engine, 50)  # the first ones open connections
            began = time.process_time()
            each = written(engine, asked.entries)
            busy = 1000 * (time.process_time() - began) / asked.entries
            usual, most = median(each), quantiles(each, n=20)[-1]
            table.add_row(name, f"{usual:.2f}", f"{most:.2f}", f"{busy:.2f}", f"{verified(engine):.3f}")
            slow += [name] if usual > asked.limit else []
            engine.dispose()
    Console().print(table)
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
