"""Runs nights with a fault made on purpose beside the clean night of the same seed; says what the product saw."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa
from fault_catalogue import Fault
from fault_injection import MONTH, OTHER, Exports, inject
from night_changes import changes_only, deliver_changes
from pydantic import SecretStr

from etl.errors import EtlError
from etl.night.pipeline import run_delivery
from etl.quality.battery.checks import Check
from etl.quality.findings.kinds import rules
from etl.quality.findings.read import Tracked, list_findings
from etl.quality.findings.share import compare, share_of
from etl.quality.morning import follow_up
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings
from etl.sql import literal
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING
from etl.store.ledger.tracking import BATTERY, CHECK_NAME, FINDING_SIGN, LOOK, TRACKED_FINDING
from etl.vocabulary.release import load_bundle

NIGHT = date(2026, 11, 17)  # a Tuesday
BEFORE = 4  # nights of history
_SECRET = "0123456789abcdef0123456789abcdef"
_TOLD_BY = ("gate", "table_name", "column_name", "expectation", "description")
_STAGES = {"source": "source gate", "cdm": "CDM gate"}


@dataclass(frozen=True)
class Told:
    """One thing that the product says of a night, and where it was seen."""

    stage: str
    severity: str  # blocked, held, warned
    text: str
    sign: Mapping[str, Any]  # of which check: what tells a finding of a gate, or the battery's id of it


@dataclass(frozen=True)
class Verdict:
    """What became of a fault: where and how gravely it was seen first, which checks told of it, what leads to it."""

    fault: str
    share: float
    stage: str | None
    severity: str | None
    says: str
    led: bool
    leads: str | None = None
    signs: tuple[Mapping[str, Any], ...] = ()
    seconds: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether anything new was told."""
        return self.stage is not None


@dataclass(frozen=True)
class Alarms:
    """What is told of a clean night: how its run ended, and what is new beside the nights before it."""

    state: str
    told: tuple[str, ...]
    seconds: float = 0.0


class Nights:
    """A hospital with some clean nights behind it, to which the next night is delivered again and again.

    Its home always lies at the same place, as the warehouse's catalogue says where files are.
    """

    def __init__(self, folder: Path, hospital: str, *, patients: int = 250, seed: int = 1, night: date = NIGHT,
                 before: int = BEFORE, month: bool = True, changes: bool = False) -> None:  # fmt: skip
        self.folder, self.hospital, self.patients, self.seed, self.night = folder, hospital, patients, seed, night
        self.before, self.month, self.changes = before, month, changes
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
        for days in (*([MONTH] if self.month else []), *range(self.before, -1, -1)):
            self._export(out, self.hospital, self.night - timedelta(days=days))
        return Exports(out, self.hospital, self.night)

    @cached_property
    def history(self) -> Path:
        """A copy of the home after the clean nights, before the newest."""
        kept, growing = self.folder / self.hospital / "history", self.folder / self.hospital / "growing"
        if not kept.exists():
            self.begin()
            shutil.rmtree(growing, ignore_errors=True)
            shutil.copytree(self.home, growing, symlinks=True)
            growing.rename(kept)
        return kept

    def begin(self) -> None:
        """Make the home anew and publish the clean nights before the newest."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        shutil.copytree(PROJECT / "mappings", self.home / "mappings")
        if self.changes:
            deliver_changes(self.home / "mappings", self.hospital)
        load_bundle(self.settings, PROJECT / "etl" / "sample" / "vocabulary")
        for days in range(self.before, 0, -1):
            run_delivery(self.settings, self.hospital, self.clean.of(days=days).delivery)
        follow_up(self.settings)

    @cached_property
    def calm(self) -> _Outcome:
        """What is said of the clean night."""
        self._back()
        return self._run(self.clean.delivery)

    def judge(self, fault: Fault, share: float, *, measured: bool = False) -> Verdict:
        """Inject the fault into the newest night, run it and see what is said beyond the clean night.

        With `measured` the battery is asked of every night that is published, not only where the gates told nothing.
        """
        calm, began = self.calm, time.perf_counter()
        if any(change.take == "other_hospital" for change in fault.change):
            self._export(self.folder / "exports", OTHER[self.hospital], self.night)
        self._back()
        delivery = inject(fault, self.clean, self.folder / "struck", share)
        self._set_up(fault)
        found = _verdict(fault, share, self._run(delivery, calm, measured=measured).beyond(calm))
        return replace(found, seconds=round(time.perf_counter() - began, 1))

    def alarms(self) -> Alarms:
        """What is told of the clean night that was not told of the nights before it."""
        return self._told(self.calm)

    def alarms_of(self, days: int) -> Alarms:
        """What is told of the clean night so many days later, beside those before it, which have to be published."""
        if not (self.home / "ledger.sqlite").exists():
            self.begin()
        night, began = self.night + timedelta(days=days), time.perf_counter()
        self._export(self.folder / "exports", self.hospital, night)
        delivery = Exports(self.folder / "exports", self.hospital, night).delivery
        told = self._told(self._run(delivery, night=night))
        shutil.rmtree(delivery)
        shutil.rmtree(
            self.folder / "whole" / self.hospital / (night - timedelta(days=1)).isoformat(), ignore_errors=True
        )
        return replace(told, seconds=round(time.perf_counter() - began, 1))

    def _told(self, calm: _Outcome) -> Alarms:
        state = "not opened" if calm.run is None else str(calm.run["state"])
        news = [f"{f.where}: {f.says} [{f.course}]" for f in calm.news]
        held = [t.text for t in map(_told, calm.findings) if t.severity != "warned"]
        return Alarms(state, tuple(news if state == "published" else [*held, *news]))

    def _export(self, out: Path, hospital: str, night: date) -> None:
        there = Exports(out, hospital, night)
        if there.delivery.exists():
            return
        if not self.changes or night == self.night - timedelta(days=self.before):
            write_exports(out, hospitals=[hospital], patients=self.patients, seed=self.seed, night=night)
            return
        whole = Exports(self.folder / "whole", hospital, night)
        for each in (whole, whole.of(days=1)):
            if not each.delivery.exists():
                write_exports(
                    whole.folder, hospitals=[hospital], patients=self.patients, seed=self.seed, night=each.night
                )
        shutil.copytree(whole.delivery, there.delivery)
        changes_only(self.home / "mappings", whole.of(days=1), there)

    def _back(self) -> None:
        history = self.history
        shutil.rmtree(self.home)
        shutil.copytree(history, self.home, symlinks=True, copy_function=_copied)

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

    def _run(self, delivery: Path, calm: _Outcome | None = None, night: date | None = None, *,
             measured: bool = False) -> _Outcome:  # fmt: skip
        night = night or self.night
        stopped: EtlError | None = None
        try:
            run_delivery(self.settings, self.hospital, delivery, night)
        except EtlError as error:
            stopped = error
        ledger = Ledger(self.settings.ledger_url)
        run = ledger.newest_run(self.hospital)
        if run is None or run["night"] != night:
            return _Outcome(stopped, None, [], [], {})
        failed = (FINDING.c.run_id == run["run_id"]) & FINDING.c.success.is_(False)
        findings = ledger.read(sa.select(FINDING).where(failed).order_by(FINDING.c.gate.desc(), FINDING.c.number))
        gates = _Outcome(stopped, run, findings, [], {})
        if calm is not None and not (measured and stopped is None) and gates.beyond(calm):
            return gates
        told = follow_up(self.settings)  # what the gates let pass is what the battery is for
        assert not told, told
        news = [f for f in list_findings(ledger, self.hospital, news=True) if f.course_night == night]
        return replace(gates, news=news, battery=_of_battery(ledger, run["run_id"]))


def _copied(file: str, target: str) -> None:
    """Parquet is written once and never changed: a second name will do. All else is copied."""
    if file.endswith(".parquet"):
        os.link(file, target)
    else:
        shutil.copy2(file, target)


def _rewrite(file: Path, sql: str) -> None:
    """Replace a file of a vocabulary bundle by what SQL over it as `t` gives."""
    how = "delim = '\t', quote = '', header = true, all_varchar = true"
    with duckdb.connect() as con:
        con.execute(f"create table t as from read_csv({literal(str(file))}, {how})")
        con.execute(f"copy ({sql}) to {literal(str(file))} (delimiter '\t', header, quote '')")


@dataclass(frozen=True)
class _Outcome:
    """A night as it ended: the error that stopped it, its run, what gates found, news, the battery's signs."""

    stopped: EtlError | None
    run: Mapping[str, Any] | None
    findings: Sequence[Mapping[str, Any]]
    news: Sequence[Tracked]
    battery: Mapping[str, Mapping[str, Any]]

    def beyond(self, calm: _Outcome) -> list[Told]:
        """What is told of this night and not of the calm one, in the order in which it was seen."""
        known = {_asked(f): f for f in calm.findings}
        told = [_told(f) for f in self.findings if _is_news(f, known.get(_asked(f)))]
        if self.stopped is not None and not told:
            stage = str(self.run["stage"]) if self.run and self.run["stage"] else "open"
            said = f"{self.stopped.message} {self.stopped.hint or ''}"
            return [Told({"land": "land", "open": "land"}.get(stage, stage), "blocked", said, {"stopped": stage})]
        told += [Told("battery", "warned", f"{f['where']}: {f['says']} [{f['kind']}]", {"battery": check})
                 for check, f in self.battery.items() if _is_more(f, calm.battery.get(check))]  # fmt: skip
        return told


def _of_battery(ledger: Ledger, run_id: str) -> dict[str, Mapping[str, Any]]:
    """What the battery's checks that failed say of a published night, by their ids."""
    sign, tracked = FINDING_SIGN.c, TRACKED_FINDING.c
    query = (
        sa.select(CHECK_NAME.c.name, sign.violated, sign.total, tracked.table_name, tracked.column_name, tracked.kind,
                  tracked.says)
        .join(LOOK, LOOK.c.number == sign.look).join(TRACKED_FINDING, tracked.number == sign.finding)
        .join(CHECK_NAME, CHECK_NAME.c.number == sign.asked)
        .where(LOOK.c.run_id == run_id, LOOK.c.kind == BATTERY, sign.failed)
    )  # fmt: skip
    return {
        row["name"]: {
            "where": ".".join(filter(None, (row["table_name"], row["column_name"]))), "says": row["says"],
            "kind": rules().title(row["kind"]).en, "violated": row["violated"], "total": row["total"],
        }
        for row in ledger.read(query)
    }  # fmt: skip


def _is_more(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    shares = [share_of(f["violated"], f["total"]) for f in (before, now) if f is not None]
    return before is None or compare(shares[0], shares[1]) > 0


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
    text = f"{said}: {finding['observed']}" if finding["observed"] else said
    return Told(_STAGES[finding["gate"]], severity, text, {name: finding[name] for name in _TOLD_BY})


def findings_of(signs: Sequence[Mapping[str, Any]], checks: Mapping[str, Check]) -> int:
    """How many findings the signs of a night make; `checks` are the battery's by their ids."""
    if any("stopped" in sign for sign in signs):
        return 1
    gates = {rules().fault_of_finding(sign) for sign in signs if "battery" not in sign}
    battery = {rules().fault_of_check(checks[sign["battery"]]) for sign in signs if "battery" in sign}
    return len({fault for looked in (gates, battery) for fault in rules().together(looked).values()})


def _verdict(fault: Fault, share: float, told: Sequence[Told]) -> Verdict:
    if not told:
        return Verdict(fault.id, share, None, None, "", False)
    first = told[0]
    gravest = min((t.severity for t in told), key=("blocked", "held", "warned").index)
    signs = tuple(t.sign for t in told)
    found = Verdict(fault.id, share, first.stage, gravest, first.text, False, signs=signs)
    for each in told:
        if all(re.search(pattern, each.text, re.IGNORECASE) for pattern in fault.leads):
            return replace(found, led=True, leads=each.text)
    return found
