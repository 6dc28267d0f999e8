"""The codes without a standard concept, by what mapping them would win, and files of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from etl.errors import InputError, TransientError, UsageError
from etl.pages.disclosure import in_steps, told_persons
from etl.pages.formats import percent
from etl.spreadsheets import cells
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import UNMAPPED

Order = Literal["records", "patients"]
_COLUMNS = (
    "domain", "vocabulary", "code", "description", "records", "patients", "fewer_than", "first_seen", "last_seen",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Worklist:
    """Unmapped codes in the order in which to map them, and the mapping rates they hold down.

    Every code carries `together`, the records that it and the codes before it would win, and `share`, those of all
    unmapped records.
    """

    hospital: str
    run_id: str
    codes: tuple[Mapping[str, Any], ...]
    rates: tuple[Mapping[str, Any], ...]

    @property
    def unmapped(self) -> int:
        """Records without a standard concept, those of codes too rare to be listed included."""
        return sum(r["records"] - r["mapped"] for r in self.rates)


def read_worklist(ledger: Ledger, hospital: str, domain: str | None = None, by: Order = "records") -> Worklist:
    """The worklist of the published night, else of the newest run; InputError when nothing has been mapped yet."""
    run_id = _run_id(ledger, hospital)
    rates = ledger.rate_rows(run_id)
    if not rates:
        raise InputError(f"the run {run_id} stopped before the mapping", hint="etl status shows why; run it again")
    domains = sorted(r["domain"] for r in rates)
    if domain is not None:
        known = {d.lower(): d for d in domains}
        if domain.lower() not in known:
            raise UsageError(f"{hospital} has no records of the domain '{domain}'; it has {', '.join(domains)}")
        rates = [r for r in rates if r["domain"] == known[domain.lower()]]
    wanted = {r["domain"] for r in rates}
    order = [UNMAPPED.c.records.desc(), *(UNMAPPED.c[k] for k in ("domain", "vocabulary", "code"))]
    if by == "patients":
        order.insert(0, UNMAPPED.c.patients.desc().nulls_last())
    query = sa.select(*(UNMAPPED.c[k] for k in _COLUMNS)).where(UNMAPPED.c.run_id == run_id).order_by(*order)
    # of a ledger that earlier versions wrote, the numbers of records are exact
    rows = [
        {**row, "records": in_steps(row["records"], row["fewer_than"])}
        for row in ledger.read(query)
        if row["domain"] in wanted
    ]
    total = max(sum(r["records"] - r["mapped"] for r in rates), sum(row["records"] for row in rows))
    together = accumulate(row["records"] for row in rows)
    codes = [{**row, "together": n, "share": n / total} for row, n in zip(rows, together, strict=True)]
    return Worklist(hospital, run_id, tuple(codes), tuple(rates))


def _run_id(ledger: Ledger, hospital: str) -> str:
    published = ledger.last_published(hospital)
    if published:
        return str(published["run_id"])
    newest = ledger.newest_run(hospital)
    if newest is None:
        raise InputError(f"no night of {hospital} has been run yet", hint=f"etl run {hospital} DELIVERY")
    return str(newest["run_id"])


def write_csv(codes: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write codes with all that is known of them; the mark at its beginning lets spreadsheets read the Korean."""
    header = [*_COLUMNS, "together", "share"]
    _write(file, "utf-8-sig", header, ([row[c] for c in header] for row in codes))


def write_usagi(codes: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write codes as Usagi imports them: code, name and frequency, the rest as additional information.

    Usagi searches by the name, so a code that no source describes stands for itself.
    """
    header = [
        "sourceCode", "sourceName", "sourceFrequency", "domain", "vocabulary", "patients", "firstSeen", "lastSeen",
    ]  # fmt: skip
    rows = (
        [
            row["code"], row["description"] or row["code"], row["records"], row["domain"], row["vocabulary"],
            told_persons(row["patients"], row["fewer_than"]).replace(",", ""), row["first_seen"], row["last_seen"],
        ]
        for row in codes
    )  # fmt: skip
    _write(file, "utf-8", header, rows)


def _write(file: Path, encoding: str, header: Sequence[str], rows: Any) -> None:
    try:
        with file.open("w", encoding=encoding, newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(header)
            writer.writerows(map(cells, rows))
    except OSError as error:
        raise TransientError(f"{file} cannot be written: {error.strerror}", hint="choose another place") from error


def gains(worklist: Worklist, codes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Per domain, the records that mapping `codes` would win and what the mapping rate would become."""
    won = {r["domain"]: 0 for r in worklist.rates}
    for row in codes:
        won[row["domain"]] += row["records"]
    for r in worklist.rates:  # records in steps may be more than there are
        won[r["domain"]] = min(won[r["domain"]], r["records"] - r["mapped"])
    return [
        f"{r['domain']:<12}{won[r['domain']]:>12,} records  {percent(r['mapped'], r['records'])} → "
        f"{percent(r['mapped'] + won[r['domain']], r['records'])}"
        for r in sorted(worklist.rates, key=lambda r: -won[r["domain"]])
        if won[r["domain"]]
    ]
