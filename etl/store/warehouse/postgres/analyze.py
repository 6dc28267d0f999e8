"""Statistics of the partitioned tables: the server gathers them for partitions by itself, for their parents never.

They are gathered after a publication, one table at a time. That takes no lock that a reader or a night of changes waits
for; what it would hold up is another publisher's swap, behind which readers queue. So it is done in the swappers' turn,
and left to the next publication while somebody else has that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from psycopg import Connection

from etl.cdm.spec import tables
from etl.errors import TransientError
from etl.store.warehouse.postgres.ddl import qualified
from etl.store.warehouse.postgres.turns import SWAPPING, take

_ALONE = 180000  # from this version on the server can leave out the partitions, which were analysed when they were made


def analyze_parents(con: Connection, changed: Iterable[str], patience: float, tell: Callable[[str], None]) -> None:
    """Gather the statistics of the parents of `changed` partitions, and of those that have none yet."""
    only = "only " if con.info.server_version >= _ALONE else ""
    for name in sorted({*changed, *_without(con)}):
        try:
            with con.transaction():
                take(con, SWAPPING, patience, "other publishers are in their last transaction")
                con.execute(f"analyze {only}{qualified(tables()[name])}")
        except TransientError:
            tell(f"statistics of {name} and others are left to the next publication")
            return
    tell("statistics gathered")


def _without(con: Connection) -> list[str]:
    """Partitioned tables of the CDM of which no statistics were ever gathered."""
    query = (
        "select relname from pg_class where relnamespace = 'cdm'::regnamespace and relkind = 'p' and reltuples < 0 "
        "and pg_has_role(relowner, 'usage')"
    )
    return [name for (name,) in con.execute(query).fetchall() if name in tables()]
