"""Nothing is lost: holds the ledger's accounts against each other and against the files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from etl.errors import ConfigError
from etl.store.ledger.records import Accounts


def differences(accounts: Accounts, rows: Mapping[str, int] | None) -> list[str]:
    """What does not add up, one sentence each.

    For every source: rows in its files = rejected + quarantined + filtered + mapped. For every CDM table: rows in the
    candidate = sum of what the entries (or a derivation) produced; `rows` are those of its files, None when it holds
    only some of the persons, and the warehouse counts.
    """
    came: Counter[str] = Counter()
    became: Counter[str] = Counter()
    produced: Counter[str] = Counter()
    for row in accounts.files:
        came[row["source"]] += row["rows"]
    for row in accounts.source:
        became[row["source"]] += row["rows"]
    for row in accounts.tables:
        produced[row["cdm_table"]] += row["rows"]
    wrong = [
        f"source {s}: {came[s]:,} rows came, {became[s]:,} are accounted for"
        for s in sorted(came | became)
        if came[s] != became[s]
    ]
    if rows is None:
        return wrong
    wrong += [
        f"table {t}: {rows.get(t, 0):,} rows are there, {produced[t]:,} were produced"
        for t in sorted({*rows, *produced})
        if rows.get(t, 0) != produced[t]
    ]
    return wrong


def reconcile(accounts: Accounts, rows: Mapping[str, int] | None) -> None:
    """Raise ConfigError naming every account that does not add up; such a night is never published."""
    wrong = differences(accounts, rows)
    if wrong:
        raise ConfigError(
            "the accounts do not add up:\n" + "\n".join(wrong), hint="report this with the run's id: it is a defect"
        )
