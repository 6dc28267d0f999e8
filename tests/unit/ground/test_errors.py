"""`etl.errors`: which name a hint offers."""

from __future__ import annotations

import pytest

from etl.errors import closest, nearest


@pytest.mark.parametrize(
    ("word", "names", "meant"),
    [
        ("lab_results", ["LAB_RESULTS", "lab_result"], "LAB_RESULTS"),
        ("PATNO", ["patno", "PATNM", "PAT_NO"], "patno"),
        ("PATIENTS.CSV", ["patient.csv", "labs.csv"], "patient.csv"),
        ("birth", ["birt", "BIRTHDAY"], "birt"),
        ("birth", ["death"], None),
    ],
)
def test_the_same_name_in_another_case_is_meant_before_a_similar_one(
    word: str, names: list[str], meant: str | None
) -> None:
    assert closest(word, names) == meant
    assert (f"did you mean '{meant}'?" in nearest(word, names)) == (meant is not None)
