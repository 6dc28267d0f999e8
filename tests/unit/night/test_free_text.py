"""What is blanked out of free text, and what is not."""

from __future__ import annotations

import random
import unicodedata

import duckdb
import numpy as np
import planted_remarks
import pyarrow as pa
import pytest

from etl.night.land.freetext.folding import fold, folded
from etl.night.land.freetext.hashes import hashes_of
from etl.night.land.freetext.names import Names
from etl.night.land.freetext.numbers import Numbers
from etl.night.land.freetext.patterns import in_columns
from etl.night.land.freetext.scrub import Scrubber
from etl.night.land.freetext.written import known_names


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    """Knows a few names and numbers."""
    known = ["70002", "73910461", "abc1234", "20260609"]
    names = pa.array(
        ["마바사아", "홍길동", "이상", "허준", "이동하", "HONG GIL DONG", "Park, Ji-sung", "Brown", "이가람A"]
    )
    numbers = Numbers(hashes_of(known), lambda n: np.array([hashes_of([x])[0] for x in n], dtype=np.uint64))
    return Scrubber(Names(known_names(names)), numbers)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("９００１０１－１２３ 홍\u3000길동\t\u200bJosé", "900101-123 홍 길동 jose"),
        (unicodedata.normalize("NFD", "한글 강민준 봄"), "한글 강민준 봄"),
        ("𝟎𝟏𝟎—1234‑5678", "010-1234-5678"),
        ("a\nb\x00c", "a b c"),
    ],
)
def test_one_form_for_all_ways_of_writing(text: str, said: str) -> None:
    assert folded([text]) == [said]


def test_every_folded_character_knows_where_it_comes_from() -> None:
    texts = ["", "a\u200bb", unicodedata.normalize("NFD", "각 x"), "\ud55c"]
    found = fold(texts)
    joined = "\n".join(texts) + "\n"
    assert [joined[i] for i in found.origin[:-1] if joined[i] in "abx\n"] == list("\nab\nx\n\n")
    assert found.begins.tolist() == [0, 1, 5, 11, 13]


@pytest.mark.parametrize(
    ("text", "lands"),
    [
        ("mother 마바사아 70002", "mother *** ***"),
        ("마바 사아님께서, 환자홍길동은", "***님께서, 환자***은"),
        ("이가람 님, 이가람A 확인", "*** 님, ***A 확인"),
        ("hong gil-dong / Gil Dong Hong / ji sung park", "*** / *** / ***"),
        ("+82-10-1234-5678 (02)123-4567 010 - 1234 - 5678", "*** *** ***"),
        ("900101–1234567 ９００１０１－１２３４５６７ 900101 - 1234567", "*** *** ***"),
        ("a.b@c.co.kr ab (at) naver.com", "*** ***"),
        ("ABC-1234, 73910461, 7391-0461, 0073910461", "***, ***, ***, ***"),
        ("M12345678 여권 AB1234567", "*** 여권 ***"),
        ("\u200b홍\u200b길동\u200b!", "\u200b***!"),
        (unicodedata.normalize("NFD", "각 홍길동 각"), unicodedata.normalize("NFD", "각 *** 각")),
    ],
)
def test_what_identifies_is_blanked_where_it_was_written(scrubber: Scrubber, text: str, lands: str) -> None:
    assert scrubber.scrub([text]) == [lands]


@pytest.mark.parametrize(
    "text",
    [
        "이상 없음, 이상소견 없고 정상. 120 이상",  # a patient of this name
        "이동하여 검사함. 이동한 뒤 이상무",
        "WBC 70002/μL, 70002 mg, 1.70002, 2026-06-09 10:00",  # a number that is a record's, too
        "20260609 촬영, brown fluid, BP 120/80, 3.5-5.1",
        "70002",  # all of a text: a value
        "환자 이상 없음",
        "",
    ],
)
def test_words_days_and_amounts_stay(scrubber: Scrubber, text: str) -> None:
    assert scrubber.scrub([text]) == [text]


@pytest.mark.parametrize(
    ("text", "lands"),
    [
        ("이상 님, 성명: 이상, 이상님", "*** 님, 성명: ***, ***님"),
        ("Mr. Brown", "Mr. ***"),
        ("등록번호 20260609", "등록번호 ***"),
        ("허준은 MRN 70002", "***은 MRN ***"),
    ],
)
def test_a_word_beside_tells_what_is_meant(scrubber: Scrubber, text: str, lands: str) -> None:
    assert scrubber.scrub([text]) == [lands]


def test_texts_of_a_batch_do_not_touch_each_other(scrubber: Scrubber) -> None:
    assert scrubber.scrub(["홍", "길동", "010-1234-", "5678", "홍길동"]) == ["홍", "길동", "010-1234-", "5678", "***"]


def test_the_engine_gives_and_takes_batches(scrubber: Scrubber) -> None:
    texts = pa.chunked_array([["홍길동", "홍길동", "정상"], ["", "70002 번"]])
    assert scrubber(texts).to_pylist() == ["***", "***", "정상", "", "*** 번"]


def test_nearly_every_identifier_is_found_and_hardly_a_word_lost() -> None:
    """The table of docs/free-text.md, smaller: `python tests/benchmarks/free_text.py`."""
    rng = random.Random(7)
    known = planted_remarks.people(rng, 20_000)
    outcome = planted_remarks.measure(
        planted_remarks.scrubber(known).scrub, list(planted_remarks.remarks(rng, known, 3_000))
    )
    assert len(outcome.planted) >= 40
    assert outcome.share >= 0.999
    assert outcome.blanked.total() < 0.001 * outcome.words


def test_what_machines_number_is_nobody_s_number() -> None:
    pattern = "|".join(f"(?:{p})" for p in in_columns())
    with duckdb.connect() as con:
        con.execute("select setseed(0.5)")
        hits = con.execute("select count(*) from range(300000) where regexp_matches(uuid()::varchar, ?)", [pattern])
        assert hits.fetchone() == (0,)
        said = con.execute("select regexp_matches('환자900101-1234567', ?)", [pattern])
        assert said.fetchone() == (True,)
