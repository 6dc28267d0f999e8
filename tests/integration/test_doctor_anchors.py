"""The doctor on the audit log's second place: is it set, can it be written, does it lie apart, is it up to the day?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl.operations.doctor.anchors import check_anchors
from etl.operations.doctor.finding import Finding, Look
from etl.operations.plan import load_scheduling
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import anchor, tell


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A home with an entry in its log, and a folder beside it."""
    (tmp_path / "elsewhere").mkdir()
    made = Settings(home=tmp_path / "home", audit_anchors=tmp_path / "elsewhere", _env_file=None)
    tell(made, "signed in", actor="kim")
    return made


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etl.operations.doctor.anchors._beside_ledger", lambda *_: False)


def found(settings: Settings, days: int = 0) -> list[Finding]:
    now = datetime.now(UTC) + timedelta(days=days, minutes=1)
    return list(check_anchors(Look(settings, load_scheduling(), (), {}, now)))


def test_what_is_not_set_is_told(settings: Settings) -> None:
    [told] = found(settings.model_copy(update={"audit_anchors": None}))
    assert (told.state, "not set" in told.text, bool(told.step)) == ("warn", True, True)


def test_a_place_that_cannot_be_written_fails(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = settings.model_copy(update={"audit_anchors": settings.home / "no" / "anchors.jsonl"})
    assert [(f.state, f.code) for f in found(missing)] == [("fail", 4)]
    monkeypatch.setattr("os.access", lambda *_: False)
    assert [f.state for f in found(settings)] == ["fail"]


def test_a_place_with_the_ledger_or_on_its_disk_is_told(settings: Settings) -> None:
    inside = settings.home / "anchors"
    inside.mkdir()
    for place in (settings.audit_anchors, inside):
        [told] = found(settings.model_copy(update={"audit_anchors": place}))
        assert (told.state, "lies with the ledger" in told.text) == ("warn", True), place


@pytest.mark.usefixtures("apart")
def test_what_was_not_noted_for_a_day_is_told(settings: Settings) -> None:
    assert found(settings) == []
    assert [f.text.partition(":")[0] for f in found(settings, days=2)] == ["there is no anchor"]
    anchor(settings)
    assert [(f.state, "up to entry 1" in f.text) for f in found(settings, days=2)] == [("ok", True)]
    tell(settings, "signed out", actor="kim")
    assert [f.state for f in found(settings)] == ["ok"]
    [told] = found(settings, days=2)
    assert (told.state, "1 entries older than a day are not noted" in told.text) == ("warn", True)


@pytest.mark.usefixtures("apart")
def test_anchors_of_another_log_are_told(settings: Settings, tmp_path: Path) -> None:
    anchor(settings)
    other = Settings(home=tmp_path / "other", audit_anchors=settings.audit_anchors, _env_file=None)
    Ledger(other.ledger_url)
    tell(other, "signed in", actor="kim")
    assert [("another log" in f.text, f.state) for f in found(other)] == [(True, "warn")]
