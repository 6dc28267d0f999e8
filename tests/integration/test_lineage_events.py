"""What a night's tasks tell OpenLineage: every stage with its datasets, counts, columns and assertions; no values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import tiny
from tiny import Tiny

from etl.store.ledger.ledger import Ledger

pytest.importorskip("airflow")

SECRETS = ("가나다라", "450101-1000017", "010-0000-7001", "70001", "three months", "1,240", "본태성")
STAGES = ("land", "check_source", "merge", "map", "derive", "check_cdm", "publish")
Night = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def night(hospital: Tiny, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Night:
    """Runs stages as Airflow's tasks do; returns the events that OpenLineage's file transport wrote."""
    log = tmp_path / "events.ndjson"
    for name in ("home", "mappings", "expectations", "memory"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    monkeypatch.setenv("ETL_KEY_SECRET", tiny.SECRET)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(log))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")

    def run(stages: tuple[str, ...] = STAGES) -> list[dict[str, Any]]:
        from etl.operations.airflow.tasks import begin_night, do_stage

        run_id = begin_night("tiny", hospital.deliver(), tiny.NIGHT, force=False, last_try=True)
        for stage in stages:
            do_stage(run_id, stage, last_try=True)
        return events()

    def events() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []

    run.events = events
    return run


def fields_of(event: dict[str, Any], output: str) -> dict[str, set[tuple[str, str]]]:
    """Columns of an output by the columns of the inputs they are made of."""
    [dataset] = [d for d in event["outputs"] if d["name"] == output]
    lineage = dataset["facets"]["columnLineage"]["fields"]
    return {c: {(i["name"], i["field"]) for i in made["inputFields"]} for c, made in lineage.items()}


def facets_in(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every facet of an event by its name."""
    if isinstance(node, list):
        for item in node:
            yield from facets_in(item)
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("facets", "inputFacets", "outputFacets"):
                yield from value.items()
            yield from facets_in(value)


def assert_as_the_specification_asks(events: list[dict[str, Any]]) -> None:
    """What OpenLineage's JSON Schema requires of every event, dataset, facet and column."""
    for event in events:
        assert {"eventTime", "producer", "schemaURL", "run", "job"} <= event.keys()
        assert datetime.fromisoformat(event["eventTime"]).tzinfo is not None
        assert urlsplit(event["producer"]).scheme
        for dataset in (*event["inputs"], *event["outputs"]):
            assert dataset["namespace"]
            assert dataset["name"]
        for name, facet in facets_in(event):
            assert facet["_schemaURL"].startswith("https://openlineage.io/spec/"), name
            assert facet["_producer"] == event["producer"], name
        for output in event["outputs"]:
            columns = {field["name"] for field in output["facets"]["schema"]["fields"]}
            lineage = output["facets"].get("columnLineage", {"fields": {}})["fields"]
            assert lineage.keys() <= columns
            known = {d["name"]: {f["name"] for f in d["facets"]["schema"]["fields"]} for d in event["inputs"]}
            for made in lineage.values():
                for i in made["inputFields"]:
                    assert i["field"].removesuffix("__id") in {c.removesuffix("__id") for c in known[i["name"]]}
                    assert {t["type"] for t in i["transformations"]} <= {"DIRECT", "INDIRECT"}


def test_every_stage_tells_its_datasets_columns_and_counts(hospital: Tiny, night: Night) -> None:
    events = night()
    assert [(e["job"]["name"], e["eventType"]) for e in events] == [
        (f"tiny.{stage}", kind) for stage in STAGES for kind in ("START", "COMPLETE")
    ]
    assert all(UUID(e["run"]["runId"]) for e in events)
    assert len({e["run"]["runId"] for e in events}) == len(STAGES)
    assert {e["run"]["facets"]["parent"]["job"]["name"] for e in events} == {"tiny"}
    assert len({e["run"]["facets"]["parent"]["run"]["runId"] for e in events}) == 1
    done = {e["job"]["name"].removeprefix("tiny."): e for e in events if e["eventType"] == "COMPLETE"}

    landed = {d["name"]: d for d in done["land"]["outputs"]}
    assert (
        landed["tiny.landed.diagnoses"]["outputFacets"]["outputStatistics"]["rowCount"]
        == len(hospital.tables["DIAG.csv"]) - 1
    )
    person = fields_of(done["land"], "tiny.landed.patients")["PT_NO"]
    assert {field for _, field in person} == {"PT_NO"}
    assert "NM" not in fields_of(done["land"], "tiny.landed.patients")  # a name never lands

    assert fields_of(done["map"], "tiny.candidate.condition_occurrence")["condition_concept_id"] == {
        ("tiny.landed.diagnoses", "DIAG_CD")
    }
    measured = fields_of(done["map"], "tiny.candidate.measurement")["measurement_concept_id"]
    assert ("tiny.landed.exam_codes", "EDI_CD") in measured  # through the code master

    published = {d["name"]: d["outputFacets"]["outputStatistics"]["rowCount"] for d in done["publish"]["outputs"]}
    assert published == {t: len(rows) for t, rows in tiny.warehouse_rows(hospital.settings, published).items()}
    assert {"person", "condition_era", "measurement"} <= published.keys()

    inputs = {d["name"]: d["inputFacets"] for d in done["check_cdm"]["inputs"]}
    [*asserted] = inputs["tiny.candidate.person"]["dataQualityAssertions"]["assertions"]
    assert all(a["success"] for a in asserted if a["severity"] == "error")
    assert {a["severity"] for a in asserted} <= {"error", "warn"}

    assert_as_the_specification_asks(events)
    text = json.dumps(events, ensure_ascii=False)
    assert [s for s in SECRETS if s in text] == []  # no value of a patient is told


def test_a_closed_gate_is_a_failure_with_the_expectations_that_closed_it(hospital: Tiny, night: Night) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    del hospital.tables["PAT.csv"][3:]
    with pytest.raises(AirflowFailException):
        night()
    last = night.events()[-1]
    assert (last["eventType"], last["outputs"]) == ("FAIL", [])
    assert "the gate closed" in last["run"]["facets"]["errorMessage"]["message"]
    facets = [d["inputFacets"].get("dataQualityAssertions", {"assertions": []}) for d in last["inputs"]]
    assert [a for f in facets for a in f["assertions"] if not a["success"] and a["severity"] == "error"]


@pytest.mark.parametrize("variable", [None, "OPENLINEAGE_DISABLED"])
def test_nothing_is_told_where_nothing_is_set_or_it_is_disabled(
    night: Night, monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    if variable:
        monkeypatch.setenv(variable, "true")
    else:
        for name in ("TYPE", "LOG_FILE_PATH", "APPEND"):
            monkeypatch.delenv(f"OPENLINEAGE__TRANSPORT__{name}")
    assert night(("land",)) == []


def test_a_server_that_is_away_does_not_stop_the_night(
    hospital: Tiny, night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY", '{"total": 0}')
    night(("land",))
    ledger = Ledger(hospital.settings.ledger_url)
    [run_id] = [r.stem for r in (hospital.settings.home / "runs").glob("*.json")]
    assert ledger.run(run_id)["state"] == "running"
