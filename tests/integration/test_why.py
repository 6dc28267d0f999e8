"""`etl why`: what it tells of a code is what the mapping does with it, and where a look-up ended is said."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import pytest
import tiny
from rich.console import Console
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.cli import why as command
from etl.engine import open_engine
from etl.mapping.compile.inputs import create_inputs
from etl.mapping.explain.explain import explain
from etl.mapping.explain.explanation import Explanation
from etl.mapping.load import load_mappings
from etl.night.lake.state import newest_state
from etl.night.lake.views import create_whole
from etl.vocabulary.release import current_release

GLUCOSE, HEMOGLOBIN = "D2160010", "D2020010"
MAPS = """
maps:
  local:
    codes: {KEPT: 3004501, OFF: 0, GONE: 2099999999, SOURCE: 2000000020}
  unit:
    codes: {g/gal: 8713}
"""


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A mapped night in which L002 changes its meaning in June, L009 leads nowhere and codes end in a local map."""
    hospital = tiny.make(tmp_path_factory.mktemp("why") / "home", vocabulary)
    codes = hospital.tables["EXM.csv"]
    codes[:] = [row for row in codes if row[0] != "L002"]
    codes += [["L002", GLUCOSE, "20110101", "20260603"], ["L002", HEMOGLOBIN, "20260604", "99991231"]]
    codes.append(["L009", "NOWHERE", "20110101", ""])
    for code in ("L009", "L010", "KEPT", "OFF", "GONE", "SOURCE"):
        hospital.tables["LAB.csv"].append(["70001", "A01", code, "2026-06-03 08:00", "11", "g/dL"])
    hospital.tables["DIAG.csv"].append(["70001", "A01", "e11.21", "", "20260603", "N"])
    (hospital.mappings / "maps.yaml").write_text(MAPS, encoding="utf-8")
    lookup = "concept: {code: EXM_CD, through: exam, vocabulary: EDI"
    hospital.rewrite("subjects.yaml", lookup, f"{lookup}, fallback: [{{map: local}}]")
    hospital.mapped()
    return hospital


Why = Callable[..., list[Explanation]]


@pytest.fixture(scope="module")
def why(night: Tiny) -> Iterator[Why]:
    """Asks the night's look-ups for a code."""
    mapping = load_mappings(night.settings.mappings, ["tiny"])["tiny"]
    state = newest_state(night.settings, "tiny")
    assert state is not None
    with open_engine(night.settings, state.as_of) as con:
        create_whole(con, mapping, state)
        create_inputs(con, mapping, current_release(night.settings))
        yield partial(explain, con, mapping)


def one(found: list[Explanation]) -> Explanation:
    assert len(found) == 1, found
    return found[0]


def test_what_is_told_of_every_code_is_what_the_mapping_made_of_it(night: Tiny, why: Why) -> None:
    [folder] = (night.settings.lake / "3_mapped" / "hospital=tiny").iterdir()
    made: dict[tuple[str, date], set[tuple[str, int]]] = {}
    for table, column, day in (
        ("condition_occurrence", "condition", "condition_start_date"),
        ("procedure_occurrence", "procedure", "procedure_date"),
        ("measurement", "measurement", "measurement_date"), ("observation", "observation", "observation_date"),
    ):  # fmt: skip
        file = folder / f"{table}.parquet"
        for row in tiny.parquet_rows(file) if file.exists() else []:
            if code := row[f"{column}_source_value"]:
                made.setdefault((code, row[day]), set()).add((table, row[f"{column}_concept_id"]))
    assert len(made) > 12
    for (code, day), targets in made.items():
        [meaning] = one(why(code, "concept", day)).meanings
        told = {(t.table, t.concept.concept_id if t.concept else 0) for t in meaning.targets}
        assert told == targets, code


def test_cleaning_and_several_targets_are_told(why: Why) -> None:
    told = one(why("e11.21"))
    assert (told.entry, told.field, told.source) == ("diagnoses_condition", "concept", "diagnoses")
    assert (told.records, told.fewer_than) == (5, 5)  # one: few records are of few patients
    [step] = told.attempts
    assert (step.kind, step.name, step.clean, step.cleaned) == ("vocabulary", "KCD7", "kcd", "E11.21")
    [found] = step.found
    assert found.source is not None
    assert (found.source.code, found.source.standard) == ("E11.21", False)
    assert len(found.targets) == 2
    [meaning] = told.meanings
    assert meaning.step == 1
    assert [t.table for t in meaning.targets] == ["condition_occurrence"] * 2


def test_a_code_whose_meaning_changes_has_one_for_each_window(why: Why) -> None:
    told = one(why("L002"))
    assert [(w.first_day, w.last_day, w.code) for w in told.attempts[0].windows if not w.outside] == [
        (date(2011, 1, 1), date(2026, 6, 3), GLUCOSE),
        (date(2026, 6, 4), None, HEMOGLOBIN),
    ]
    names = [(m.last_day, m.targets[0].concept.name) for m in told.meanings]  # type: ignore[union-attr]
    assert names[0][0] == date(2026, 6, 3)
    assert "Glucose" in str(names[0][1])
    assert "Hemoglobin" in str(names[-1][1])
    [meaning] = one(why("L002", day=date(2026, 6, 20))).meanings
    assert "Hemoglobin" in str(meaning.targets[0].concept)
    assert len(one(why("L002", day=date(2026, 6, 20))).attempts[0].windows) == 1


def test_where_a_master_ends_is_told(why: Why) -> None:
    unknown = one(why("L010")).attempts[0]
    assert [(h.source, h.codes) for h in unknown.hops] == [("exam_codes", ())]
    nowhere = one(why("L009"))
    assert [h.codes for h in nowhere.attempts[0].hops] == [("NOWHERE",)]
    assert [(f.code, f.known) for f in nowhere.attempts[0].found] == [("NOWHERE", False)]
    [meaning] = nowhere.meanings
    assert (meaning.step, meaning.targets[0].concept, meaning.targets[0].table) == (None, None, "measurement")


def test_targets_that_do_not_count_are_named_with_the_reason(why: Why) -> None:
    def local(code: str) -> tuple[list[tuple[int, bool, bool]], int | None]:
        told = one(why(code, "results_measurement.concept"))
        [found] = told.attempts[1].found
        targets = [(t.concept_id, t.name is not None, t.usable) for t in found.targets]
        return targets, told.meanings[0].step

    assert local("KEPT") == ([(3004501, True, True)], 2)
    assert local("GONE") == ([(2099999999, False, False)], None)
    assert local("SOURCE") == ([(2000000020, True, False)], None)
    assert local("OFF") == ([], 2), "0 in a map is an answer: no later step is asked"


def test_a_code_nobody_delivered_is_told_as_it_would_be(why: Why) -> None:
    told = one(why("I10"))
    assert (told.entry, told.records) == ("diagnoses_condition", 0)
    assert why("no such code") == []
    assert {e.field for e in why("no such code", "unit")} == {"unit"}
    unit = one(why("g/gal"))
    assert unit.field == "unit"
    assert unit.meanings[0].targets[0].table is None


def test_a_number_is_no_code_of_a_result(why: Why) -> None:
    assert why("11") == []
    assert why("11", "value") == []


def said(hospital: Tiny, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str]:
    for name in ("home", "mappings"):
        monkeypatch.setenv(f"ETL_{name.upper()}", str(getattr(hospital.settings, name)))
    page = io.StringIO()
    for name in ("out", "err"):
        monkeypatch.setattr(command, name, Console(file=page, width=200))
    shown = CliRunner().invoke(app, ["why", "tiny", *arguments])
    return shown.exit_code, page.getvalue() + shown.output


def test_the_command_draws_the_steps(night: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = said(night, monkeypatch, "L009")
    assert code == 0
    for line in (
        "master 'exam', from 2011-01-01 on: NOWHERE", "vocabulary EDI does not know NOWHERE", "step 2  map local",
        "no step found a standard concept", "concept 0  → measurement",
    ):  # fmt: skip
        assert line in text
    _, text = said(night, monkeypatch, "GONE")
    assert "2099999999  is not in the release" in text
    assert "master 'exam': exam_codes does not hold it" in text
    _, text = said(night, monkeypatch, "OFF")
    assert "mapped to nothing on purpose (0)" in text
    _, text = said(night, monkeypatch, "I10")
    assert f"I10 is not in the newest night ({tiny.NIGHT})" in text
    assert "it would become" in text


def test_the_command_answers_scripts(night: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = said(night, monkeypatch, "L002", "--json", "--date", "2026-06-20")
    assert code == 0
    told = json.loads(text)
    assert (told["night"], told["delivered"], len(told["lookups"])) == (str(tiny.NIGHT), True, 1)
    assert told["lookups"][0]["meanings"][0]["targets"][0]["table"] == "measurement"
    code, text = said(night, monkeypatch, "L002", "--field", "nothing")
    assert code == 2
    text = " ".join(text.split())
    assert "tiny has no look-up 'nothing'; it has" in text


def test_no_other_value_of_the_patients_is_told(night: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(said(night, monkeypatch, c, *f)[1] for c in ("L001", "e11.21", "M") for f in ((), ("--json",)))
    assert len(text) > 1000
    for secret in ("가나다라", "70001", "450101-1000017", "1,240", "10.8", "2026-06-08"):
        assert secret not in text


def test_before_a_night_has_landed_it_says_so(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    code, text = said(hospital, monkeypatch, "I10.9")
    assert code == 0
    assert "no night of tiny has landed" in text
    assert "condition_occurrence" in text


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    """A mapped night whose visits of the kind I are one more entry with a constant concept, by their `where`."""
    hospital = tiny.make(tmp_path_factory.mktemp("constant") / "home", vocabulary)
    with (hospital.mappings / "subjects.yaml").open("a", encoding="utf-8") as file:
        file.write(
            """
- name: stays
  from: visits
  event: procedure
  where: {a_stay: "KIND = 'I'", not_surgery: "DEPT is not null"}
  person: PT_NO
  start: IN_DTM
  concept: 4163872
  type: 32817
"""
        )
    for row in hospital.tables["DIAG.csv"][1:]:
        if row[2] == "I10.9":
            row[5] = "Y"
    hospital.tables["DIAG.csv"].append(["70001", "A01", "I10.9", "", "20260603", "N"])
    hospital.mapped()
    return hospital


def test_an_entry_of_a_constant_concept_is_told(chosen: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in ((), ("--field", "stays")):
        code, text = said(chosen, monkeypatch, "I", *extra)
        assert code == 0
        assert "stays.concept  source visits, ≤5 records\n" in text
        assert "KIND = I" in text
        assert "as every row of the entry, which says concept: 4163872" in text
        assert "→ procedure_occurrence" in text
    _, text = said(chosen, monkeypatch, "O", "--json")
    told = {(e["entry"], e["field"]): e for e in json.loads(text)["lookups"]}
    assert told["stays", "concept"]["left_out"] == [row[2] for row in chosen.tables["ADM.csv"]].count("O")
    assert told["stays", "concept"]["records"] == 0
    assert told["visits_visit_occurrence", "concept"]["constant"] is None


def test_records_are_those_that_where_keeps(chosen: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    _, text = said(chosen, monkeypatch, "I10.9")
    assert "source diagnoses, ≤5 records (and ≤5 that its `where` leaves out)" in text
    [file] = (chosen.settings.lake / "3_mapped" / "hospital=tiny").glob("*/condition_occurrence.parquet")
    assert sum(row["condition_source_value"] == "I10.9" for row in tiny.parquet_rows(file)) == 1
