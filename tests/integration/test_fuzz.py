"""Whatever is delivered, and whatever stands in YAML: success, or an error with an exit code and a run that is told.

`make fuzz` tries more: ETL_TEST_FUZZ is how many examples, every time others.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import tiny
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from mutations import PIECES, WORDS, Mutation, mutations, scalars
from tiny import Tiny

from etl.errors import EtlError
from etl.mapping.load import load_mappings
from etl.night import pipeline
from etl.night.pipeline import run_delivery, stage_by_name
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import RUN

ASKED = os.environ.get("ETL_TEST_FUZZ")
EXIT_CODES = {3, 4, 5}


def examples(few: int) -> settings:
    # to make a failing example smaller would take many more nights than to find it
    looking = (Phase.explicit, Phase.generate)
    return settings(max_examples=int(ASKED or few), derandomize=ASKED is None, phases=looking)


def outcome(hospital: Tiny, folder: Path) -> int:
    """The exit code of a night; whatever else is raised fails the test. The ledger says how it ended."""
    try:
        run_delivery(hospital.settings, "tiny", folder, force=True)
    except EtlError as error:
        code = error.exit_code
        assert error.message
        assert "unexpected" not in error.message, error.message
    else:
        code = 0
    ledger = Ledger(hospital.settings.ledger_url)
    for row in ledger.read(RUN.select().where(RUN.c.state == "running")):
        assert code == 0, "the run that failed is told to be at work"
        ledger.close_run(row["run_id"], "left")  # it was asked to land only
    return code


@pytest.fixture(scope="module")
def landing(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    return tiny.make(tmp_path_factory.mktemp("fuzz") / "home", vocabulary)


@pytest.fixture
def landing_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "STAGES", (stage_by_name("land"),))


def deliver(hospital: Tiny, file: str, done: list[Mutation]) -> Path:
    folder = hospital.deliver()
    content = (folder / file).read_bytes()
    for mutation in done:
        content = mutation.done_to(content)
    (folder / file).write_bytes(content)
    return folder


FILES = ("PAT.csv", "ADM.csv", "DIAG.csv", "LAB.csv")
KINDS = ("insert", "replace", "cut", "double", "swap", "everywhere", "whole")


@examples(20)
@given(st.sampled_from(FILES), mutations(PIECES, KINDS))
def test_any_file_lands_or_is_refused(landing: Tiny, landing_only: None, file: str, done: list[Mutation]) -> None:
    assert outcome(landing, deliver(landing, file, done)) in {0, *EXIT_CODES}


@examples(3)
@given(st.sampled_from(FILES), mutations(PIECES[:20], ("insert", "replace", "double")))
def test_any_file_that_lands_is_mapped_or_refused(landing: Tiny, file: str, done: list[Mutation]) -> None:
    assert outcome(landing, deliver(landing, file, done)) in {0, *EXIT_CODES}


BESIDE = ("manifest.csv", "PAT.csv.gz", "july.zip", "book.xlsx", "LAB.csv/x", "참고.txt", "a\nb.csv", "[1].csv")


@examples(10)
@given(
    st.sampled_from(
        ("manifest.csv", "PAT.csv.gz", "july.zip", "book.xlsx", "LAB.csv/x", "참고.txt", "a\nb.csv", "[1].csv")
    ),
    st.binary(max_size=60) | st.sampled_from(PIECES),
)
def test_any_other_file_beside_them_ends_well(landing: Tiny, landing_only: None, name: str, content: bytes) -> None:
    folder = landing.deliver()
    for path in ((folder / name), (folder / os.fsdecode(name.encode("cp949")))):
        if path.parent.is_file():
            path.parent.unlink()
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    assert outcome(landing, folder) in {0, *EXIT_CODES}


def mutated(text: bytes, words: list[tuple[float, bytes]], done: list[Mutation]) -> bytes:
    """A YAML text, some of its words replaced, and then mutated as any text is."""
    for share, word in words:
        places = scalars(text)
        if places:
            low, high = places[int(share * (len(places) - 1))]
            text = text[:low] + word + text[high:]
    for mutation in done:
        text = mutation.done_to(text)
    return text


YAML = ("tiny/hospital.yaml", "tiny/sources.yaml", "tiny/subjects.yaml")
PLACES = st.lists(st.tuples(st.floats(0, 1, allow_nan=False), st.sampled_from(WORDS)), max_size=3)


@examples(150)
@given(st.sampled_from(YAML), PLACES, st.just([]) | mutations(WORDS, ("insert", "replace", "cut", "double")))
def test_any_mapping_loads_or_is_refused(
    landing: Tiny, file: str, words: list[tuple[float, bytes]], done: list[Mutation]
) -> None:
    path = landing.settings.mappings / file
    content = path.read_bytes()
    try:
        path.write_bytes(mutated(content, words, done))
        load_mappings(landing.settings.mappings)
    except EtlError as error:
        assert error.exit_code == 4
        assert "tiny/" in error.message or "hospital.yaml" in error.message
    finally:
        path.write_bytes(content)
