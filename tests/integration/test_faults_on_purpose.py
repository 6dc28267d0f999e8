"""Faults made on purpose are seen where they should be, as gravely as they should be, and with words that lead to them.

A dozen of the catalogue, over all stages; `make faults` makes all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_catalogue import Fault, catalogue
from fault_nights import Nights

EXPECTED = {
    "file_cut_on_its_way": ("land", "blocked"),
    "header_renamed": ("land", "blocked"),
    "file_other_delimiter": ("land", "blocked"),
    "sex_unknown": ("source gate", "held"),
    "diagnosis_master_empty": ("source gate", "blocked"),
    "visits_doubled": ("source gate", "blocked"),
    "visit_times_cut": ("source gate", "held"),
    "sex_swapped": ("CDM gate", "held"),
    "diagnoses_cut": ("source gate", "blocked"),
    "quantities_thousandfold": ("source gate", "held"),
}


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    """A small hospital with two clean nights behind it."""
    yield Nights(tmp_path_factory.mktemp("faults"), "boramae", patients=120, before=2)


def fault(name: str) -> Fault:
    return next(f for f in catalogue() if f.id == name)


def test_the_catalogue_has_eighty_faults_in_both_languages() -> None:
    assert len(catalogue()) >= 80
    assert all(f.en and f.ko and f.leads and (f.change or f.mappings or f.vocabulary or f.stale) for f in catalogue())


def test_a_clean_night_is_published_and_nothing_is_new(nights: Nights) -> None:
    told = nights.alarms()
    assert (told.state, told.told) == ("published", ())


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fault_is_seen_and_its_place_is_told(nights: Nights, name: str) -> None:
    made = fault(name)
    found = nights.judge(made, made.shares[0])
    assert found.led, found.says
    assert (found.stage, found.severity) == EXPECTED[name]
