"""What the results that readers see are of, and whether the warehouse has gone on since."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from duckdb import DuckDBPyConnection

from etl.research.achilles.analyses import made_with
from etl.research.achilles.snapshot import Source, published_sources
from etl.research.achilles.told import WHOLE
from etl.research.concepts.usage import strictest_small_cell
from etl.settings import Settings
from etl.store.ledger.achilles import ACHILLES
from etl.store.ledger.ledger import Ledger
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Warehouse
from etl.store.warehouse.results import has_results

Seen = dict[int, tuple[str | None, str | None, int | None, str]]


def seen(con: DuckDBPyConnection) -> Seen:
    """By source: hospital, run, step and what it was made with; empty where Achilles was never computed."""
    if not has_results(con):
        return {}
    rows = con.execute("select source, hospital, run_id, step, made_with from results.achilles_source").fetchall()
    return {source: said for source, *rest in rows for said in [tuple(rest)]}


def is_current(found: Seen, sources: Sequence[Source], small_cell: int) -> bool:
    """Whether results are of exactly what is published, and made as they would be today."""
    made = made_with(small_cell)
    wanted: Seen = {each.number: (each.hospital, each.run_id, each.step, made) for each in sources}
    return found == wanted | {WHOLE: (None, None, None, made)}


def behind(settings: Settings) -> str | None:
    """In a sentence how results are older than the warehouse; None: they are not, or nobody ever computed them."""
    if not Ledger(settings.ledger_url).read(sa.select(ACHILLES.c.number).limit(1)):
        return None  # without opening the warehouse
    warehouse = open_warehouse(settings)
    with warehouse.reader() as con:
        found = seen(con)
    if not found:
        return None
    sources = published_sources(warehouse)
    if is_current(found, sources, strictest_small_cell(settings)):
        return None
    return _told(found, sources)


def _told(found: Seen, sources: Sequence[Source]) -> str:
    held = {hospital: (run, step) for hospital, run, step, _ in found.values() if hospital}
    published = {each.hospital: (each.run_id, each.step) for each in sources}
    changed = sorted(h for h in held | published if held.get(h) != published.get(h))
    what = f"of other nights than the warehouse: {', '.join(changed)}" if changed else "made as they would not be today"
    return f"the results of Achilles, which ATLAS shows, are {what}"


def sources_of(warehouse: Warehouse) -> tuple[Seen, list[Source]]:
    """What readers see of Achilles, and what is published."""
    with warehouse.reader() as con:
        found = seen(con)
    return found, published_sources(warehouse)
