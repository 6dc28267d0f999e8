"""What stages and gates tell the ledger."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal

RunState = Literal["running", "waiting", "unpublished", "published", "left", "lost", "blocked", "failed"]
Outcome = Literal["rejected", "quarantined", "filtered", "mapped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One expectation's verdict on one table: counts, never values.

    On a night of changes the counts are of the whole hospital, and `carried` of its unexpected rows are not of that
    night. `definition` tells whether two nights asked the same.
    """

    suite: str
    table_name: str
    expectation: str
    description: str
    severity: Literal["block", "warn"]
    success: bool
    column_name: str | None = None
    unexpected: int | None = None
    total: int | None = None
    observed: str | None = None
    error: str | None = None
    approve_above: float | None = None
    rows_sql: str | None = None
    carried: int | None = None
    definition: str | None = None


@dataclass(frozen=True, slots=True)
class Accounts:
    """The rows of one stage: `source` per outcome and reason, `tables` per mapping entry; merged over stages."""

    files: list[dict[str, Any]] = field(default_factory=list)
    source: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    rates: list[dict[str, Any]] = field(default_factory=list)
    unmapped: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def rows_by_table(self) -> dict[str, int]:
        """Rows by table of the CDM, those of all its entries together."""
        rows: Counter[str] = Counter()
        for account in self.tables:
            rows[account["cdm_table"]] += account["rows"]
        return dict(rows)
