"""Runs nights with a fault made on purpose beside the clean night of the same seed; says what the product saw."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from fault_catalogue import Fault
from fault_injection import MONTH, OTHER, Exports, inject
from pydantic import SecretStr

from etl.errors import EtlError
from etl.night.pipeline import run_delivery
from etl.quality.findings.read import Tracked, list_findings, show
from etl.quality.findings.share import compare, share_of
from etl.quality.morning import follow_up
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings
from etl.sql import literal
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING
from etl.vocabulary.release import load_bundle

NIGHT = date(2026, 11, 17)  # a Tuesday
BEFORE = 4  # nights of history
_SECRET = "0123456789abcdef0123456789abcdef"
_STAGES = {"source": "source gate", "cdm": "CDM gate"}


@dataclass(frozen=True)
class Told:
    """One thing that the product says of a night, and where it was seen."""

    stage: str
    severity: str  # blocked, held, warned
    text: str


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: where and how gravely it was seen first, how much new was told, and what leads to it."""

    fault: str
    share: float
    stage: str | None
    severity: str | None
    new: int
    says: str
    led: bool
    leads: str | None = None

    @property
    def seen(self) -> bool:
        """Whether anything new was told."""
        return self.stage is not None


@dataclass(frozen=True)
class Alarms:
    """What is told of a clean night: how its run ended, and what is new beside the nights before it."""

    state: str
    new: int
    told: tuple[str, ...]


class Nights:
    """A hospital with some clean nights behind it, to which the next night is delivered again and again.

    Its home always lies at the same place, as the warehouse's catalogue says where files are.
    """

    def __init__(self, folder: Path, hospital: str, *, patients: int = 250, seed: int = 1, night: date = NIGHT,
                 before: int = BEFORE) -> None:  # fmt: skip
        self.folder, self.hospital, self.patients, self.seed, self.night = folder, hospital, patients, seed, night
        self.before = before
        self.home = folder / hospital / "home"

    @property
    def settings(self) -> Settings:
        """Of a machine with one thread and its own copies of mappings."""
        return Settings(
            home=self.home, mappings=self.home / "mappings", key_secret=SecretStr(_SECRET), threads=1, memory="500MB",
            _env_file=None,
        )  # fmt: skip

    @cached_property
    def clean(self) -> Exports:
        """The clean deliveries, written once."""
        out = self.folder / "exports"
        for days in (MONTH, *range(self.before, -1, -1)):
            self._export(out, self.hospital, self.night - timedelta(days=days))
        return Exports(out, self.hospital, self.night)

    @cached_property
    def history(self) -> Path:
        """A copy of the home after the clean nights, before the newest."""
        kept = self.folder / self.hospital / "history"
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.rmtree(kept, ignore_errors=True)
        self.home.mkdir(parents=True)
        shutil.copytree(PROJECT / "mappings", self.home / "mappings")
        load_bundle(self.settings, PROJECT / "etl" / "sample" / "vocabulary")
        for days in range(self.before, 0, -1):
            run_delivery(self.settings, self.hospital, self.clean.of(days=days).delivery)
        follow_up(self.settings)
        shutil.copytree(self.home, kept, symlinks=True)
        return kept

    @cached_property
    def calm(self) -> _Outcome:
        """What is said of the clean night."""
        self._back()
        return self._run(self.clean.delivery)

    def judge(self, fault: Fault, share: float) -> Verdict:
        """Inject the fault into the newest night, run it and see what is said beyond the clean night."""
        calm = self.calm
        if any(change.take == "other_hospital" for change in fault.change):
            self._export(self.folder / "exports", OTHER[self.hospital], self.night)
        self._back()
        delivery = inject(fault, self.clean, self.folder / "struck", share)
        self._set_up(fault)
        return _verdict(fault, share, self._run(delivery, calm).beyond(calm))

    def alarms(self) -> Alarms:
        """What is told of the clean night that was not told of the nights before it."""
        return self._told(self.calm)

    def one_after_the_other(self, nights: int) -> Iterator[Alarms]:
        """Clean nights, as many as asked: each told beside those before it; the first ones are the history."""
        history = self.history
        assert history.exists()
        for days in range(nights):
            night = self.night + timedelta(days=days)
            self._export(self.folder / "exports", self.hospital, night)
            delivery = Exports(self.folder / "exports", self.hospital, night).delivery
            yield self._told(self._run(delivery, night=night))
            shutil.rmtree(delivery)

    def _told(self, calm: _Outcome) -> Alarms:
        state = "not opened" if calm.run is None else str(calm.run["state"])
        return Alarms(state, len(calm.news), tuple(f"{f.where}: {f.says}" for f, _ in calm.news))

    def _export(self, out: Path, hospital: str, night: date) -> None:
        if not (out / hospital / night.isoformat()).exists():
            write_exports(out, hospitals=[hospital], patients=self.patients, seed=self.seed, night=night)

    def _back(self) -> None:
        history = self.history
        shutil.rmtree(self.home)
        shutil.copytree(history, self.home, symlinks=True)

    def _set_up(self, fault: Fault) -> None:
        for said in fault.mappings:
            file = self.home / "mappings" / said.file
            text = file.read_text(encoding="utf-8")
            if said.old is not None and said.old not in text:
                raise ValueError(f"{fault.id}: {said.file} does not say {said.old}")
            file.write_text(said.new if said.old is None else text.replace(said.old, said.new), encoding="utf-8")
        if fault.vocabulary:
            bundle = self.folder / "vocabulary"
            shutil.rmtree(bundle, ignore_errors=True)
            shutil.copytree(PROJECT / "etl" / "sample" / "vocabulary", bundle)
            for name, sql in fault.vocabulary.items():
                _rewrite(bundle / name, sql)
            load_bundle(self.settings, bundle)

    def _run(self, delivery: Path, calm: _Outcome | None = None, night: date | None = None) -> _Outcome:
        night = night or self.night
        stopped: EtlError | None = None
        try:
            run_delivery(self.settings, self.hospital, delivery, night)
        except EtlError as error:
            stopped = error
        ledger = Ledger(self.settings.ledger_url)
        run = ledger.newest_run(self.hospital)
        if run is None or run["night"] != night:
            return _Outcome(stopped, None, [], [])
        failed = (FINDING.c.run_id == run["run_id"]) & FINDING.c.success.is_(False)
        findings = ledger.read(sa.select(FINDING).where(failed).order_by(FINDING.c.gate.desc(), FINDING.c.number))
        if calm is not None and _Outcome(stopped, run, findings, []).beyond(calm):
            return _Outcome(stopped, run, findings, [])
        told = follow_up(self.settings)  # what the gates let pass is what the battery is for
        assert not told, told
        news = [f for f in list_findings(ledger, self.hospital, news=True) if f.course_night == night]
        signs = {f.number: {s.kind for s in show(ledger, f.number).signs if s.night == night} for f in news}
        return _Outcome(stopped, run, findings, [(f, "battery" in signs[f.number]) for f in news])


def _rewrite(file: Path, sql: str) -> None:
    """Replace a file of a vocabulary bundle by what SQL over it as `t` gives."""
    how = "delim = '\t', quote = '', header = true, all_varchar = true"
    with duckdb.connect() as con:
        con.execute(f"create table t as from read_csv({literal(str(file))}, {how})")
        con.execute(f"copy ({sql}) to {literal(str(file))} (delimiter '\t', header, quote '')")


@dataclass(frozen=True)
class _Outcome:
    """A night as it ended: the error that stopped it, its run, what gates found, and the news of tracked findings."""

    stopped: EtlError | None
    run: Mapping[str, Any] | None
    findings: Sequence[Mapping[str, Any]]
    news: Sequence[tuple[Tracked, bool]]

    def beyond(self, calm: _Outcome) -> list[Told]:
        """What is told of this night and not of the calm one, in the order in which it was seen."""
        known = {_asked(f): f for f in calm.findings}
        told = [_told(f) for f in self.findings if _is_news(f, known.get(_asked(f)))]
        if self.stopped is not None and not told:
            stage = str(self.run["stage"]) if self.run and self.run["stage"] else "open"
            said = f"{self.stopped.message} {self.stopped.hint or ''}"
            return [Told({"land": "land", "open": "land"}.get(stage, stage), "blocked", said)]
        before = {(f.place, f.table, f.column, f.kind, f.says) for f, _ in calm.news}
        for found, of_battery in self.news:
            where = (found.place, found.table, found.column, found.kind, found.says)
            if of_battery and where not in before:
                told.append(Told("battery", "warned", f"{found.where}: {found.says} [{found.title.en}]"))
        return told


def _asked(finding: Mapping[str, Any]) -> tuple[Any, ...]:
    names = ("gate", "suite", "table_name", "column_name", "expectation", "description")
    return tuple(finding[n] for n in names)


def _is_news(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    if before is None:
        return True
    if now["total"] is None or now["table_name"] in ("mapping_rate", "row_change", "table_volume"):
        return bool((now["unexpected"] or 0) > (before["unexpected"] or 0))
    return compare(share_of(before["unexpected"], before["total"]), share_of(now["unexpected"], now["total"])) > 0


def _told(finding: Mapping[str, Any]) -> Told:
    limit, unexpected, total = finding["approve_above"], finding["unexpected"], finding["total"]
    held = limit is not None and (unexpected is None or not total or unexpected / total > limit)
    severity = "blocked" if finding["severity"] == "block" else "held" if held else "warned"
    where = ".".join(filter(None, (finding["table_name"], finding["column_name"])))
    figures = f" ({finding['unexpected']:,} of {finding['total']:,})" if unexpected is not None and total else ""
    said = f"{where}: {finding['description']}{figures}"
    return Told(_STAGES[finding["gate"]], severity, f"{said}: {finding['observed']}" if finding["observed"] else said)


def _verdict(fault: Fault, share: float, told: Sequence[Told]) -> Verdict:
    if not told:
        return Verdict(fault.id, share, None, None, 0, "", False)
    first = told[0]
    gravest = min((t.severity for t in told), key=("blocked", "held", "warned").index)
    found = Verdict(fault.id, share, first.stage, gravest, len(told), first.text, False)
    for each in told:
        if all(re.search(pattern, each.text, re.IGNORECASE) for pattern in fault.leads):
            return replace(found, led=True, leads=each.text)
    return found


def realistic(found: Sequence[Verdict]) -> Verdict:
    """Of the verdicts of one fault that of its realistic size, which is tried first."""
    return found[0]


def judge_all(folder: Path, faults: Sequence[Fault], *, every_share: bool = False, tell: Any = None) -> list[Verdict]:
    """The verdicts of faults at their realistic size, or down to the smallest at which each is seen."""
    hospitals: dict[str, Nights] = {}
    found = []
    for fault in sorted(faults, key=lambda f: f.hospital):
        nights = hospitals.setdefault(fault.hospital, Nights(folder, fault.hospital))
        for share in fault.shares if every_share else fault.shares[:1]:
            found.append(nights.judge(fault, share))
            if tell:
                tell(fault, found[-1])
            if not found[-1].seen:
                break
    return found
