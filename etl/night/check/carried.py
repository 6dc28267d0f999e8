"""What the gates of a night of changes say of the whole hospital, and how much of it is not the night's own.

First the night's own rows are looked at. Then an expectation is held against all rows of the hospital, unless it is
known that none breaks it: it found nothing tonight and had found nothing on the nights that this one builds on. Figures
of these nights are never taken over, as a row that was found then may have been mended or deleted since.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace

import sqlalchemy as sa

from etl.night.check.suites import Expectation, Suite
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Finding
from etl.store.ledger.tables import FINDING

#: Suite and definition of an expectation.
Asked = tuple[str, str]


def findings_of(ledger: Ledger, run_id: str, gate: str) -> list[Finding]:
    """What a run found at a gate, in its order."""
    columns = [FINDING.c[field.name] for field in fields(Finding)]
    mine = (FINDING.c.run_id == run_id) & (FINDING.c.gate == gate)
    return [Finding(**row) for row in ledger.read(sa.select(*columns).where(mine).order_by(FINDING.c.number))]


def of_its_own(finding: Finding) -> Finding:
    """What was found of the night's own rows, where a first try at the gate has added the others already."""
    if finding.unexpected is None or finding.carried is None:
        return finding
    return replace(finding, unexpected=finding.unexpected - finding.carried, carried=None)


def of_everybody(
    suites: Sequence[Suite], tonight: Iterable[Finding], before: Iterable[Iterable[Finding]]
) -> list[Suite]:
    """The suites with the expectations that have to be held against all rows.

    `tonight` is what was found of the night's own rows; `before` what was found of all rows on each of the nights that
    this one builds on (empty: none is known).
    """
    own, earlier = by_asked(tonight), [by_asked(findings) for findings in before]

    def needed(suite: Suite, expectation: Expectation) -> bool:
        asked = (suite.name, expectation.definition)
        if not earlier or "row_condition" in expectation.kwargs:  # how many rows it is about is not known
            return True
        return not all(asked in known and known[asked].unexpected == 0 for known in (own, *earlier))

    asked = (replace(s, expectations=tuple(e for e in s.expectations if needed(s, e))) for s in suites)
    return [suite for suite in asked if suite.expectations]


def together(
    suites: Iterable[Suite], tonight: Iterable[Finding], everybody: Iterable[Finding], rows: Mapping[str, int],
    carried: Mapping[Asked, int] | None = None,
) -> list[Finding]:  # fmt: skip
    """A finding an expectation, of all rows: what was found of `everybody`, or that still nothing breaks it.

    `rows` are all rows by table, of the tables of which the night has a share; of others it has all. `carried` says how
    many rows that break an expectation are not the night's own, where that is not the difference.
    """
    own, whole, known = by_asked(tonight), by_asked(everybody), carried or {}
    return [
        _told(own.get(asked), whole.get(asked), rows.get(suite.table), known.get(asked))
        for suite in suites
        for asked in ((suite.name, e.definition) for e in suite.expectations)
        if asked in own or asked in whole
    ]


def by_asked(findings: Iterable[Finding]) -> dict[Asked, Finding]:
    """Findings by what was asked; those of the program's own, which no suite asks for, are left out."""
    return {(f.suite, f.definition): f for f in findings if f.definition}


def _told(own: Finding | None, whole: Finding | None, rows: int | None, carried: int | None) -> Finding:
    if whole is None:
        assert own is not None  # else it would have been held against all rows
        return own if rows is None or own.unexpected is None else replace(own, total=rows, carried=0)
    if whole.unexpected is None:
        return whole
    if carried is None:
        carried = max(0, whole.unexpected - ((own.unexpected if own else None) or 0))
    return replace(whole, carried=carried)
