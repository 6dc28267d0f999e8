"""A run that is not to be published ends before, says what would be, and changes nothing for anybody."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_missed_nights import drop, results, run
from tiny import Tiny

from etl.cli.due import Due
from etl.cli.publishing import publish
from etl.cli.run import How, run_nights
from etl.cli.status import show_status
from etl.errors import UsageError
from etl.night.pipeline import run_delivery
from etl.quality.report.pages import write_reports
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import STAGE


def trial(hospital: Tiny, folder: Path, until: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    capsys.readouterr()
    assert run_nights(hospital.settings, [Due("tiny", folder)], How(until, as_json=True)) == 0
    [said] = json.loads(capsys.readouterr().out)["runs"]
    return dict(said)


def test_the_stages_until_one_are_run_and_the_ledger_says_so(
    delta: Tiny,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = trial(delta, drop(delta, 1), "merge", capsys)
    ledger = Ledger(delta.settings.ledger_url)
    row = ledger.run(str(said["run_id"]))
    assert row and (said["state"], row["state"], row["stage"], row["worker"]) == (
        "unpublished", "unpublished", "merge", None,
    )  # fmt: skip
    assert [r["stage"] for r in ledger.rows(STAGE, row["run_id"], STAGE.c.started_at)] == [
        "land", "check_source", "merge",
    ]  # fmt: skip
    assert "would_change" not in said
    page = write_reports(ledger, tmp_path / "pages", {}, run_ids=[row["run_id"]])
    assert any("The run was to end with stage “merge”" in p.read_text("utf-8") for p in page.parent.rglob("*.html"))
    show_status(delta.settings, as_json=False)
    assert "unpublished" in capsys.readouterr().out


def test_what_publishing_would_change_is_shown_and_can_be_published(
    delta: Tiny,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = trial(delta, drop(delta, 1), "check_cdm", capsys)
    changes = {c["table"]: (c["before"], c["after"]) for c in first["would_change"]}  # type: ignore[attr-defined]
    assert changes["person"] == (0, 1) and changes["measurement"] == (0, 1)
    run(delta, delta.drops / "tiny" / "2026-07-01")
    second = trial(delta, drop(delta, 2), "check_cdm", capsys)
    changes = {c["table"]: c["changed"] for c in second["would_change"]}  # type: ignore[attr-defined]
    assert changes["measurement"] == 1
    assert results(delta) == [11]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("etl.cli.publishing.load_settings", lambda: delta.settings)
        publish(str(second["run_id"]), dry_run=False, as_json=True)
    assert results(delta) == [12]


def test_a_trial_is_no_part_of_the_nights_after_it(
    delta: Tiny,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(delta, drop(delta, 1))
    tried = drop(delta, 3)
    trial(delta, tried, "check_cdm", capsys)
    run(delta, drop(delta, 2))
    assert results(delta) == [12]
    run(delta, tried)
    assert results(delta) == [13]


def test_what_was_published_is_not_tried_again(delta: Tiny) -> None:
    folder = drop(delta, 1)
    run(delta, folder)
    assert run_delivery(delta.settings, "tiny", folder, until="map")[1] is False
    with pytest.raises(UsageError, match="was published"):
        run_delivery(delta.settings, "tiny", folder, until="map", force=True)
    assert Ledger(delta.settings.ledger_url).newest_run("tiny")["state"] == "published"  # type: ignore[index]
