"""A field that was given and cannot be read is told by the gate, by its name and in counts; so is whatever it cost."""

from __future__ import annotations

from datetime import date

import pytest
from tiny import Tiny, warehouse_rows

from etl.errors import GateClosed
from etl.night.pipeline import run_delivery
from etl.settings import PROJECT
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import FINDING


def test_an_unreadable_end_is_a_warning_that_names_its_field(hospital: Tiny) -> None:
    expectations = hospital.settings.home / "expectations"
    (expectations / "cdm").mkdir(parents=True)
    suite = PROJECT / "expectations" / "cdm" / "row_change.json"
    (expectations / "cdm" / suite.name).write_bytes(suite.read_bytes())
    header, *rows = hospital.tables["ADM.csv"]
    for row in rows[:2]:
        row[header.index("OUT_DTM")] = "in a while"
    settings = hospital.settings.model_copy(update={"expectations": expectations})
    run_id, _ = run_delivery(settings, "tiny", hospital.deliver())
    ledger = Ledger(settings.ledger_url)
    changes = {(c["cdm_table"], c["change"], c["column_name"]): c["rows"] for c in ledger.accounts(run_id).changes}
    assert changes["visit_occurrence", "unreadable", "end"] == 2
    [found] = [f for f in ledger.rows(FINDING, run_id) if "unreadable" in f["description"]]
    assert (found["severity"], found["success"]) == ("warn", False)
    assert found["observed"] == "visit_occurrence.end unreadable 2 of 8 rows"
    stays = {v[3]: v[5] for v in warehouse_rows(settings, ["visit_occurrence"])["visit_occurrence"] if v[2] == 9201}
    assert stays == {date(2026, 6, 1): date(2026, 6, 1), date(2026, 6, 10): date(2026, 6, 14)}


def test_a_comma_that_stands_for_two_things_is_not_guessed(hospital: Tiny) -> None:
    results = hospital.tables["LAB.csv"]
    results[1][4], results[2][4] = "7,3", "1,234"
    with pytest.raises(GateClosed, match="comma stands for one thing"):
        hospital.publish()
    hospital.rewrite("sources.yaml", "RESULT: {scrub: true}", "RESULT: {scrub: true, reads: {decimal: ','}}")
    hospital.publish()
    values = [row[8] for row in warehouse_rows(hospital.settings, ["measurement"])["measurement"]]
    assert 7.3 in values
    assert 1.234 in values


def test_commas_between_thousands_alone_are_read(hospital: Tiny) -> None:
    hospital.tables["LAB.csv"][1][4] = "1,234"
    hospital.publish()
    assert 1234 in [row[8] for row in warehouse_rows(hospital.settings, ["measurement"])["measurement"]]
