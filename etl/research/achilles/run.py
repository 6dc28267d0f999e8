"""Brings the results of Achilles up to date: of what changed only, seen all at once, written down in the ledger."""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from duckdb import DuckDBPyConnection

from etl.engine import open_engine, scratch_folder
from etl.errors import ConfigError, TransientError
from etl.research.achilles import told
from etl.research.achilles.analyses import analyses, numbers
from etl.research.achilles.compute import STRATA, compute
from etl.research.achilles.kept import forget, is_kept, keep, kept_rows
from etl.research.achilles.snapshot import Source, attach, lock_of, published_sources, take
from etl.research.achilles.state import is_current, sources_of
from etl.research.concepts.usage import strictest_small_cell
from etl.settings import Settings
from etl.store.ledger.achilles import ACHILLES
from etl.store.ledger.ledger import Ledger, next_number, now
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Warehouse

Tell = Callable[[str, str], None]  # what is worked on, and how far it is
_TRIES = 3  # a night may be published while the rows are copied


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done: the hospitals that results are of, those computed anew, rows told of all sources, seconds."""

    sources: tuple[Source, ...]
    anew: tuple[str, ...]
    told: int
    seconds: float


def bring_up_to_date(settings: Settings, tell: Tell, *, again: bool = False) -> Outcome | None:
    """Compute what changed since the last time, or with `again` everything; None where nothing has changed.

    Raises ConfigError where nothing is published, TransientError where it may go well another time; readers then see
    what they saw before.
    """
    with _one_at_a_time(settings):
        began, ledger, warehouse = time.monotonic(), _ledger(settings), open_warehouse(settings)
        small_cell = strictest_small_cell(settings)
        found, sources = sources_of(warehouse)
        if not sources and not found:
            raise ConfigError("no hospital is published", hint="run a night first: etl run --help")
        if not again and is_current(found, sources, small_cell):
            return None
        with scratch_folder(settings) as folder:
            lock = lock_of(settings)
            sources = _take(warehouse, folder / "rows.duckdb", lock, tell)
            anew, rows = _work(settings, folder, lock, sources, small_cell, tell, again=again)
            tell("publishing", f"{rows:,} rows")
            warehouse.publish_results(folder / "results.duckdb")
        outcome = Outcome(tuple(sources), anew, rows, time.monotonic() - began)
        _record(ledger, outcome, small_cell)
        return outcome


def _ledger(settings: Settings) -> Ledger:
    ledger = Ledger(settings.ledger_url)
    if not ledger.is_writable:  # such a login would count only what it is cleared for
        raise ConfigError(
            "this login reads the warehouse; Achilles is computed by the pipeline's",
            hint='what there is: etl sql "from results.achilles_results limit 10"',
        )
    return ledger


def _work(
    settings: Settings, folder: Path, lock: str, sources: Sequence[Source], small_cell: int, tell: Tell, *, again: bool
) -> tuple[tuple[str, ...], int]:
    """From the copied rows to the file that readers get; returns the hospitals computed, and the rows told."""
    with open_engine(settings) as con:
        attach(con, folder / "rows.duckdb", lock, read_only=True)
        anew = _compute(con, settings, sources, tell, again=again)
        rows = _tell(con, settings, sources, small_cell)
        told.write(con, folder / "results.duckdb")
    return anew, rows


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    file = settings.home / "locks" / "achilles.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _take(warehouse: Warehouse, file: Path, lock: str, tell: Tell) -> list[Source]:
    """Copy the rows; returns what they are of, which was published before and after."""
    for _ in range(_TRIES):
        sources = published_sources(warehouse)
        file.unlink(missing_ok=True)
        take(warehouse, file, lock, lambda table: tell("copying", table))
        if published_sources(warehouse) == sources:
            return sources
    raise TransientError("nights are being published; Achilles waits for a quiet moment", hint="run again")


def _compute(
    con: DuckDBPyConnection, settings: Settings, sources: Sequence[Source], tell: Tell, *, again: bool
) -> tuple[str, ...]:
    """Compute hospitals that changed, and of the whole what is no sum of theirs; returns those hospitals."""
    due = [each for each in sources if again or not is_kept(settings, each)]
    every = [each.number for each in analyses()]
    for place, source in enumerate(due, 1):
        stage = f"{source.hospital} ({place} of {len(due)})"
        compute(con, source, every, "of_hospital", lambda text, stage=stage: tell(stage, text))  # type: ignore[misc]
        keep(con, settings, source, "of_hospital")
        con.execute("drop table of_hospital")
    compute(con, None, numbers("anew"), "whole", lambda text: tell("all hospitals", text))
    if sources:  # else the last hospital has left, and the results go with it
        con.execute(f"insert into whole by name {_sum(settings, sources)}")
    forget(settings, sources)
    return tuple(each.hospital for each in due)


def _sum(settings: Settings, sources: Sequence[Source]) -> str:
    """SQL of the counts that add up over hospitals, as a person is in one of them only."""
    listed = ", ".join(map(str, numbers("sum")))
    rows = " union all ".join(f"select * from {kept_rows(settings, each)}" for each in sources)
    return (
        f"select false as of_distribution, analysis_id, {', '.join(STRATA)}, sum(count_value)::bigint as count_value "
        f"from ({rows}) where not of_distribution and analysis_id in ({listed}) group by all"
    )


def _tell(con: DuckDBPyConnection, settings: Settings, sources: Sequence[Source], small_cell: int) -> int:
    told.prepare(con)
    told.add_hierarchy(con)
    moment = now()
    told.add(con, "whole", None, small_cell, moment)
    for source in sources:
        told.add(con, kept_rows(settings, source), source, small_cell, moment)
    return told.rows_told(con)


def _record(ledger: Ledger, outcome: Outcome, small_cell: int) -> None:
    nights = [
        {"hospital": s.hospital, "night": s.night and s.night.isoformat(), "run": s.run_id, "step": s.step}
        for s in outcome.sources
    ]
    said = {
        "computed_at": now(), "seconds": outcome.seconds, "nights": json.dumps(nights),
        "anew": json.dumps(outcome.anew), "analyses": len(analyses()), "told": outcome.told, "small_cell": small_cell,
    }  # fmt: skip
    with ledger.engine.begin() as con:
        con.execute(sa.insert(ACHILLES).values(number=next_number(ACHILLES), **said))
