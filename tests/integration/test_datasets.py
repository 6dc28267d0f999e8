"""Data sets on the warehouses themselves: built of a published night, found whole, told at the command line."""

from __future__ import annotations

import json
from datetime import date

import yaml
from tiny import Tiny
from typer.testing import CliRunner

from etl.at_rest import is_encrypted
from etl.cli import app
from etl.research.datasets import kept

HEMOGLOBIN, G_DL = 3000963, 8713
DEFINITION = {
    "title": {"en": "Haemoglobin", "ko": "혈색소"}, "says": {"en": "Of anybody", "ko": "누구나"}, "owner": "Kim",
    "concept_sets": {"hb": {"concepts": [{"id": HEMOGLOBIN}]}},
    "cohort": {"entry": [{"table": "visit_occurrence", "first": True}], "exit": {"after": "end_of_observation"}},
    "variables": [
        {"name": "age", "is": "age"}, {"name": "hospital", "is": "hospital"}, {"name": "died", "is": "died"},
        {"name": "rows", "take": "count", "of": "hb", "table": "measurement"},
        {"name": "hb", "take": "last", "of": "hb", "table": "measurement", "value": "value_as_number", "unit": G_DL},
        {"name": "charlson", "index": "charlson"},
    ],
}  # fmt: skip


def define(hospital: Tiny) -> dict[str, str]:
    """Write the definition; returns the environment of a command that finds it."""
    folder = hospital.settings.home / "defined" / "haemoglobin"
    folder.mkdir(parents=True)
    (folder / "dataset.yaml").write_text(yaml.safe_dump(DEFINITION, allow_unicode=True), encoding="utf-8")
    settings = hospital.settings
    said = {"ETL_HOME": settings.home, "ETL_MAPPINGS": settings.mappings, "ETL_DATASETS": folder.parent}
    if settings.warehouse_url:
        said["ETL_WAREHOUSE_URL"] = settings.warehouse_url
    if settings.at_rest_key_file:
        said["ETL_AT_REST_KEY_FILE"] = settings.at_rest_key_file
    return {name: str(value) for name, value in said.items()}


def answer(env: dict[str, str], *words: str) -> dict:
    """What a command says to a script."""
    done = CliRunner().invoke(app, ["dataset", *words, "--json"], env=env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_version_is_built_of_the_published_night_proven_and_told_when_the_night_goes_back(every_way: Tiny) -> None:
    every_way.publish()
    env = define(every_way)
    assert answer(env, "build", "haemoglobin")["anew"]
    assert not answer(env, "build", "haemoglobin")["anew"]
    files = [kept.folder_of(every_way.settings, "haemoglobin", 1) / name for name in (kept.DATA, kept.COHORT)]
    assert [is_encrypted(file) for file in files] == [every_way.settings.at_rest_key_file is not None] * 2
    assert answer(env, "verify", "haemoglobin")["standing"] == {"tiny": "current"}
    every_way.publish(date(2026, 7, 2))
    assert answer(env, "build", "haemoglobin")["version"] == 2
    assert answer(env, "diff", "haemoglobin")["why"] == {"new data": ["tiny"]}
    done = CliRunner().invoke(app, ["rollback", "tiny"], env=env)
    assert done.exit_code == 0, done.output
    assert answer(env, "verify", "haemoglobin")["rolled_back"] == ["tiny"]
