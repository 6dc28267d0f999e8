"""Many hospitals publishing into one PostgreSQL at once while many readers query it, and what each of them saw."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from statistics import median, quantiles

import postgres_server
import psycopg
import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url

from etl.mapping.consortium import cdm_source_row, read_consortium
from etl.night.publish.stage import publication_of
from etl.night.remember import resume
from etl.night.run import Run
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN
from etl.store.warehouse.postgres.warehouse import Postgres
from etl.store.warehouse.protocol import Publication

#: What the second night of each hospital lacks, so that a reader can tell the two apart, and would see a mixture.
LEFT_OUT = ("measurement", "procedure_occurrence")
#: Per hospital: rows of the tables that come and go, and of one that stays.
_LOOK = "select h, sum(m), sum(p), sum(v) from ({}) t group by h order by h".format(
    " union all ".join(
        [
            "select (person_id >> 24) as h, count(*) as m, 0 as p, 0 as v from cdm_read.measurement group by 1",
            "select (person_id >> 24), 0, count(*), 0 from cdm_read.procedure_occurrence group by 1",
            "select (person_id >> 24), 0, 0, count(*) from cdm_read.visit_occurrence group by 1",
        ]
    )
)
#: What analysts ask besides: a join with the vocabulary, one patient, an aggregate over a table.
_QUERIES = (
    "select concept_name, count(*) from cdm_read.condition_occurrence join cdm_read.concept on concept_id = "
    "condition_concept_id group by 1 order by 2 desc limit 10",
    "select count(*) from cdm_read.drug_exposure where person_id = (select min(person_id) from cdm_read.person)",
    "select extract(year from visit_start_date), count(*) from cdm_read.visit_occurrence group by 1",
)
Sight = tuple[int, int, int]


@dataclass
class Seen:
    """What one reader saw: seconds of each query, and per hospital the different states in order."""

    seconds: list[float] = field(default_factory=list)
    states: dict[int, list[Sight]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """What publishing at once led to: seconds until all were done, rows that were published, and what readers saw."""

    seconds: float
    rows: int
    readers: Sequence[Seen]
    errors: Sequence[str]
    blocked: float  # the longest that a reader waited for a lock, in seconds

    @property
    def queries(self) -> list[float]:
        """Seconds of every query of every reader, in order."""
        return sorted(s for reader in self.readers for s in reader.seconds)

    def describe(self) -> str:
        """One line for a person."""
        took = self.queries
        within = quantiles(took, n=100)[-1]
        return (
            f"{self.rows:,} rows in {self.seconds:.1f} s ({self.rows / self.seconds:,.0f} rows/s); "
            f"{len(took):,} queries, median {median(took) * 1000:.0f} ms, 99 % within {within * 1000:.0f} ms, "
            f"the slowest {took[-1] * 1000:.0f} ms, the longest wait for a lock {self.blocked * 1000:.0f} ms"
        )


def runs_of(settings: Settings) -> list[Run]:
    """The runs of a home that were published, one of each hospital."""
    rows = Ledger(settings.ledger_url).read(sa.select(RUN.c.run_id).where(RUN.c.state == "published"))
    return [resume(settings, row["run_id"]) for row in rows]


def publish_all(url: URL, runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> dict[str, Publication]:
    """Publish runs one after the other; returns their publications by hospital."""
    found = {run.delivery.hospital: publication_of(run) for run in runs}
    warehouse = _warehouse(url)
    warehouse.publish_vocabulary(runs[0].release)
    for run in runs:
        warehouse.publish(found[run.delivery.hospital], _source(run), progress)
    return found


def _warehouse(url: URL) -> Postgres:
    return Postgres(url, keep=2, patience=120)


def _source(run: Run) -> dict[str, object]:
    return cdm_source_row(read_consortium(run.settings.mappings), run.release, run.delivery.night)


def without(publication: Publication) -> Publication:
    """A night that lacks some tables."""
    left = {t: f for t, f in publication.files.items() if t not in LEFT_OUT}
    rows = {t: 0 if t in LEFT_OUT else n for t, n in (publication.rows or {}).items()}
    return replace(publication, run_id=f"{publication.run_id}-2", files=left, rows=rows)


def publish_at_once(url: URL, runs: Sequence[Run], publications: Sequence[Publication], readers: int) -> Outcome:
    """Publish one night of each hospital at the same moment while readers query without a pause."""
    stop, errors, rows = threading.Event(), [], 0
    seen, blocked = [Seen() for _ in range(readers)], [0.0]
    watching = [threading.Thread(target=_read, args=(url, one, n, stop)) for n, one in enumerate(seen)]
    watching.append(threading.Thread(target=_watch, args=(url, stop, blocked)))
    source, text = _source(runs[0]), url.render_as_string(hide_password=False)
    # processes, as they are in reality: threads of one would wait for each other in the middle of a swap
    with ProcessPoolExecutor(len(publications), get_context("forkserver")) as publishers:
        list(publishers.map(time.sleep, [0.5] * len(publications)))  # all of them are there
        for thread in watching:
            thread.start()
        time.sleep(1)
        began = time.perf_counter()
        for done in [publishers.submit(_publish, text, one, source) for one in publications]:
            try:
                rows += done.result()
            except Exception as error:
                errors.append(repr(error))
        seconds = time.perf_counter() - began
        time.sleep(0.5)
        stop.set()
        for thread in watching:
            thread.join()
    return Outcome(seconds, rows, seen, errors, blocked[0])


def _publish(url: str, publication: Publication, source: dict[str, object]) -> int:
    return sum(_warehouse(make_url(url)).publish(publication, source).values())


def _watch(url: URL, stop: threading.Event, blocked: list[float]) -> None:
    """Keep the longest time that a reader has waited for a lock; a query that is slow for itself does not count."""
    query = (
        "select coalesce(max(extract(epoch from clock_timestamp() - waitstart)), 0)::float8 "
        "from pg_locks join pg_stat_activity using (pid) where not granted and application_name = 'reader'"
    )
    with psycopg.connect(postgres_server.libpq(url), autocommit=True) as con:
        while not stop.wait(0.01):
            row = con.execute(query).fetchone()
            blocked[0] = max(blocked[0], row[0] if row else 0.0)


def _read(url: URL, seen: Seen, number: int, stop: threading.Event) -> None:
    draw = random.Random(number)
    try:
        with psycopg.connect(postgres_server.libpq(url), autocommit=True, application_name="reader") as con:
            while not stop.is_set():
                query = _LOOK if draw.random() < 0.3 else draw.choice(_QUERIES)
                began = time.perf_counter()
                found = con.execute(query).fetchall()
                seen.seconds.append(time.perf_counter() - began)
                for hospital, *counts in found if query is _LOOK else ():
                    states, now = seen.states.setdefault(int(hospital), []), tuple(int(n) for n in counts)
                    if not states or states[-1] != now:
                        states.append(now)
                stop.wait(draw.uniform(0, 0.05))
    except Exception as error:
        seen.errors.append(repr(error))
