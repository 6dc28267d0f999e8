"""The ledger remembers what the warehouse holds, whatever happens to later runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import InputError
from etl.night.opening import begin_recorded
from etl.settings import PROJECT, Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.records import Accounts
from etl.store.ledger.tables import RUN

NIGHT = date(2026, 11, 1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def test_a_forced_rerun_that_fails_does_not_forget_what_is_published(ledger):
    ledger.open_run("r1", "snuh", NIGHT, "sha", mappings="m")
    ledger.record_publication("r1")
    ledger.open_run("r1", "snuh", NIGHT, "sha", mappings="m")
    ledger.close_run("r1", "failed", "map", "the disk was full")
    last = ledger.last_published("snuh")
    assert last is not None
    assert (last["run_id"], last["night"]) == ("r1", NIGHT)
    assert ledger.run("r1")["state"] == "failed"


def test_a_run_that_is_opened_again_is_told_from_what_it_was(ledger):
    numbers = []
    for _ in range(3):
        ledger.open_run("r1", "snuh", NIGHT, "sha")
        numbers.append(ledger.run("r1")["number"])
    assert numbers == sorted(set(numbers))


def test_the_newest_publication_is_the_last_one_made(ledger):
    for run_id, night in (("r1", NIGHT), ("r2", date(2026, 11, 2))):
        ledger.open_run(run_id, "snuh", night, "sha")
        ledger.record_publication(run_id)
    assert ledger.last_published("snuh")["run_id"] == "r2"
    assert ledger.last_published("snuh", before="r2")["run_id"] == "r1"
    assert ledger.last_published("cnuh") is None


def test_accounts_recorded_twice_are_there_once(ledger):
    ledger.open_run("r1", "snuh", NIGHT, "sha")
    accounts = Accounts(source=[{"source": "s", "outcome": "mapped", "reason": "", "rows": 3}])
    ledger.record_accounts("r1", accounts)
    ledger.record_accounts("r1", accounts)
    assert [r["rows"] for r in ledger.accounts("r1").source] == [3]


def test_a_delivery_that_cannot_be_opened_is_in_the_ledger(tmp_path, vocabulary):
    settings = Settings(home=vocabulary.parent, mappings=PROJECT / "mappings", _env_file=None)
    folder = tmp_path / "2026-11-01"
    folder.mkdir()
    (folder / "manifest.csv").write_text("file,bytes\npatients.csv,10\n", encoding="utf-8")
    with pytest.raises(InputError, match="the delivery lacks it"):
        begin_recorded(settings, "snuh", folder, None)
    [run] = Ledger(settings.ledger_url).read(sa.select(RUN).where(RUN.c.hospital == "snuh"))
    assert (run["state"], run["stage"], run["night"]) == ("failed", "open", NIGHT)
    assert "the delivery lacks it" in run["message"]


def test_a_mistyped_path_leaves_no_trace(tmp_path, vocabulary):
    settings = Settings(home=vocabulary.parent, mappings=PROJECT / "mappings", _env_file=None)
    before = Ledger(settings.ledger_url).read(sa.select(RUN))
    (tmp_path / "2026-11-01" / "2026-11-02").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    for place in ("nowhere", "file", "2026-11-01"):
        with pytest.raises(InputError):
            begin_recorded(settings, "snuh", tmp_path / place, None)
    assert Ledger(settings.ledger_url).read(sa.select(RUN)) == before
