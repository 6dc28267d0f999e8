"""How much of every hospital's newest night maps, by domain, and the codes that do not, most records first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from etl.quality.report.figures import DomainRate, RunSummary
from etl.quality.report.read import UNIT_DOMAIN, in_steps_told, last_deliveries, summaries
from etl.quality.report.tonight import newest_runs
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import MAPPING_RATE, UNMAPPED

CODES_OF_A_PAGE = 50
_NIGHTS = 10  # how far back a night that was mapped is looked for


@dataclass(frozen=True, slots=True)
class CodesAsked:
    """Which codes are asked for; an empty text asks for all."""

    hospital: str = ""
    domain: str = ""
    text: str = ""

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """As a link says it."""
        said = (("hospital", self.hospital), ("domain", self.domain), ("text", self.text))
        return tuple((name, value) for name, value in said if value)


@dataclass(frozen=True, slots=True)
class OpenCode:
    """A code of a hospital without a standard concept; of patients `fewer_than` that, records are in steps."""

    hospital: str
    domain: str
    vocabulary: str
    code: str
    description: str | None
    records: int
    patients: int | None
    fewer_than: int | None
    last_seen: date | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Rates by domain and hospital of the newest nights that were mapped, and a page of the codes asked for."""

    runs: tuple[RunSummary, ...]
    domains: tuple[str, ...]
    rates: Mapping[tuple[str, str], DomainRate]
    asked: CodesAsked
    codes: tuple[OpenCode, ...]
    number: int
    page: int
    pages: int


def coverage(ledger: Ledger, asked: CodesAsked, page: int = 1) -> Coverage:
    """Everything that the page shows; the domain with most records first, units last."""
    runs = _mapped(ledger)
    of = {run.run_id: run.hospital for run in runs}
    rows = ledger.read(sa.select(MAPPING_RATE).where(MAPPING_RATE.c.run_id.in_(of)))
    rates = {
        (row["domain"], of[row["run_id"]]): DomainRate(**{k: v for k, v in row.items() if k != "run_id"})
        for row in rows
    }
    records: dict[str, int] = {}
    for (domain, _), rate in rates.items():
        records[domain] = records.get(domain, 0) + rate.records
    domains = sorted(records, key=lambda domain: (domain == UNIT_DOMAIN, -records[domain]))
    codes, number, page, pages = _codes(ledger, of, asked, page)
    return Coverage(tuple(runs), tuple(domains), rates, asked, codes, number, page, pages)


def _mapped(ledger: Ledger) -> list[RunSummary]:
    """Of every hospital the newest night that came to the mapping and was not gone back from."""
    runs = last_deliveries(summaries(ledger, newest_runs(ledger, _NIGHTS)))
    came = [run for run in runs if run.records is not None and run.state not in ("left", "lost")]
    return list({run.hospital: run for run in came}.values())


def _codes(
    ledger: Ledger, of: Mapping[str, str], asked: CodesAsked, page: int
) -> tuple[tuple[OpenCode, ...], int, int, int]:  # fmt: skip
    code = UNMAPPED.c
    wanted = [run_id for run_id, hospital in of.items() if not asked.hospital or hospital == asked.hospital]
    where: list[Any] = [code.run_id.in_(wanted)]
    if asked.domain:
        where.append(code.domain == asked.domain)
    for word in asked.text.lower().split():
        text = (
            sa.func.lower(sa.func.coalesce(column, "")) for column in (code.code, code.description, code.vocabulary)
        )
        where.append(sa.or_(*(each.contains(word, autoescape=True) for each in text)))
    number = ledger.read(sa.select(sa.func.count().label("n")).select_from(UNMAPPED).where(*where))[0]["n"]
    pages = max(1, -(-number // CODES_OF_A_PAGE))
    page = min(max(page, 1), pages)
    told = in_steps_told(code)
    shown = (code.run_id, code.domain, code.vocabulary, code.code, code.description, code.patients, code.fewer_than,
             code.last_seen, told.label("records"))  # fmt: skip
    query = (
        sa.select(*shown).where(*where).order_by(sa.desc(told), code.domain, code.vocabulary, code.code, code.run_id)
    )
    rows = ledger.read(query.limit(CODES_OF_A_PAGE).offset((page - 1) * CODES_OF_A_PAGE))
    return tuple(_code(row, of) for row in rows), number, page, pages


def _code(row: Mapping[str, Any], of: Mapping[str, str]) -> OpenCode:
    return OpenCode(of[row["run_id"]], **{name: value for name, value in row.items() if name != "run_id"})
