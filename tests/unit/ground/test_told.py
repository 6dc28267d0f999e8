"""What checks and errors say is said in Korean, too, with the names and figures that stand in it."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from etl.pages.told import told
from etl.quality.report.words import asked_as
from etl.settings import PROJECT

EXPECTATIONS = PROJECT / "expectations"
ASKED = [e for f in sorted(EXPECTATIONS.rglob("*.json")) for e in json.loads(f.read_text("utf-8"))["expectations"]]
DRIFT = yaml.safe_load((EXPECTATIONS / "drift.yaml").read_text("utf-8"))["kinds"]
_HANGUL = re.compile("[가-힣]")


def test_every_sentence_of_a_gate_is_there_in_korean():
    said = {e["description"] for e in ASKED} | {kind["says"] for kind in DRIFT.values()}
    assert len(said) > 300
    assert [text for text in sorted(said) if told(text, "ko") == text] == []


def test_no_kind_of_check_is_called_by_a_name_of_the_program():
    kinds = {e["type"] for e in ASKED} | {f"expect_{kind}_to_stay" for kind in DRIFT}
    assert [kind for kind in sorted(kinds) if asked_as(kind) in kind.replace("_", " ")] == []


@pytest.mark.parametrize(
    ("said", "korean"),
    [
        ("person_id is filled and the person exists", "person_id: 값이 있고 그 환자가 있음"),
        ("note_id is filled", "note_id: 값이 있음"),
        ("생년월일 is a day of the calendar in 95 of 100 rows", "생년월일: 100행 중 95행이 달력에 있는 날짜"),
        ("4,694 rows, usually 1,569 (+199.2%)", "4,694행, 평소 1,569행 (+199.2%)"),
        ("day_of_birth is a day (at snuh warn: the form)", "day_of_birth: 있는 날 (snuh: warn: the form)"),
        ("2026-01-01 is over", "2026-01-01은(는) 지난 날입니다"),
        ("what no pattern fits", "what no pattern fits"),
        ("", ""),
    ],
)
def test_a_sentence_keeps_its_parts(said, korean):
    assert told(said, "ko") == korean
    assert told(said, "en") == said


def test_a_pattern_says_every_part_that_it_needs():
    for english, korean in yaml.safe_load((PROJECT / "etl/pages/locale/told.ko.yaml").read_text("utf-8")).items():
        parts, used = (set(re.findall(r"\{(\w+)\}", text)) for text in (english, korean))
        assert used <= parts, english
        assert _HANGUL.search(korean) or "{said}" in korean, english
