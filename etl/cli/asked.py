"""Tells the audit log what is asked of the warehouse, before anything is shown, and how many rows were seen."""

from __future__ import annotations

from collections.abc import Callable

from etl.settings import Settings
from etl.store.audit.masking import masked
from etl.store.recorded import tell

#: Takes a query; what it returns takes the number of rows that were seen.
Teller = Callable[[str], Callable[[int], None]]


def teller(settings: Settings, of: str | None = None, actor: str | None = None) -> Teller:
    """Tells the log of queries on the warehouse, on a run's landed rows or on a project space, by whom."""

    def asked(query: str) -> Callable[[int], None]:
        number = tell(settings, "queried", of or "the warehouse", actor=actor, details={"query": masked(query)})

        def seen(rows: int) -> None:
            tell(settings, "rows shown", f"entry {number}", actor=actor, returned=rows)

        return seen

    return asked


def untold(_query: str) -> Callable[[int], None]:
    """Tells nobody: for what shows no rows of persons."""
    return lambda _rows: None
