"""Record numbers in places that nobody declared: a night stops before one of them lands, and says what to declare."""

from __future__ import annotations

import pytest
import tiny
from planted import found
from tiny import Tiny

from etl.errors import InputError
from etl.night.land import sample

NUMBERS = ["70001", "70002", "70003", "70003", "70004", "70005", "70006"]


def with_column(hospital: Tiny, values: list[str], declared: str = "") -> None:
    """A column CHART of the visits with values in turn, and what the contract says of it."""
    header, *rows = hospital.tables["ADM.csv"]
    said = [[*row, values[i % len(values)]] for i, row in enumerate(rows)]
    hospital.tables["ADM.csv"] = [[*header, "CHART"], *said]
    hospital.rewrite("sources.yaml", "      KIND:", f"      KIND:\n      CHART: {declared}")


def test_a_column_of_record_numbers_stops_the_night_and_names_what_to_declare(hospital: Tiny) -> None:
    with_column(hospital, NUMBERS)
    with pytest.raises(
        InputError, match=r"ADM.csv: column 'CHART' holds record numbers of patients \(6 of 6"
    ) as raised:
        hospital.through("land")
    assert "sources.visits.columns.CHART say `identifier: person`" in str(raised.value.hint)
    assert not any(number in str(raised.value) for number in NUMBERS)
    assert not found(set(NUMBERS), [hospital.settings.home / "lake"])


@pytest.mark.parametrize("values", [["00" + n for n in NUMBERS], [*NUMBERS, *(f"other {n}" for n in range(12))]])
def test_leading_zeros_and_other_values_between_do_not_hide_them(hospital: Tiny, values: list[str]) -> None:
    hospital.tables["ADM.csv"] += [[f"B{i}", "70001", "O", "2026-06-02 09:00", "", "IM", ""] for i in range(20)]
    with_column(hospital, values)
    with pytest.raises(InputError, match="column 'CHART' holds record numbers of patients"):
        hospital.through("land")


@pytest.mark.parametrize("at", ["the beginning", "the middle"])
def test_of_a_large_file_the_beginning_and_the_middle_are_looked_at(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    monkeypatch.setattr(sample, "ROWS", 7)
    hospital.tables["ADM.csv"] += [[f"B{i}", "70001", "O", "2026-06-02 09:00", "", "IM", ""] for i in range(32)]
    nothing = ["-"] * 20
    with_column(hospital, [*NUMBERS, *nothing, *nothing] if at == "the beginning" else [*nothing, *NUMBERS, *nothing])
    with pytest.raises(InputError, match="column 'CHART' holds record numbers of patients"):
        hospital.through("land")


@pytest.mark.parametrize(
    ("values", "said"),
    [(NUMBERS, "record numbers of patients"), (["see 900101-1234567 there"], "what is written like a registration")],
)
def test_a_column_that_is_filled_where_nobody_looks_is_looked_at_whole(
    hospital: Tiny, monkeypatch: pytest.MonkeyPatch, values: list[str], said: str
) -> None:
    """Such as a remark that came into use last month."""
    monkeypatch.setattr(sample, "ROWS", 7)
    monkeypatch.setattr(sample, "ENOUGH", 5)
    hospital.tables["ADM.csv"] += [[f"B{i}", "70001", "O", "2026-06-02 09:00", "", "IM", ""] for i in range(60)]
    with_column(hospital, ["", "x", *[""] * 50, *values])
    with pytest.raises(InputError, match=f"column 'CHART' holds {said}"):
        hospital.through("land")


@pytest.mark.parametrize(
    "declared", ["{identifier: person}", "{identifier: other}", "{not_a_person: numbers of the cloakroom}"]
)
def test_what_is_declared_lands(hospital: Tiny, declared: str) -> None:
    with_column(hospital, NUMBERS, declared)
    assert len(tiny.landed(hospital.through("land"), "visits")) == len(hospital.tables["ADM.csv"]) - 1


@pytest.mark.parametrize(
    "values", [["1", "2", "3"], ["20260701", "20260702", "20260703", "20260704"], ["80001", "80002"]]
)
def test_counts_days_and_other_numbers_are_no_record_numbers(hospital: Tiny, values: list[str]) -> None:
    numbers = {n: values[i % len(values)] for i, n in enumerate(sorted(set(NUMBERS)))}
    if values[0] != "80001":  # patients who have such numbers
        for table in ("PAT.csv", "ADM.csv", "DIAG.csv", "LAB.csv"):
            rows = hospital.tables[table]
            hospital.tables[table] = [[numbers.get(cell, cell) for cell in row] for row in rows]
    with_column(hospital, values)
    hospital.through("land")


def test_a_hospital_chooses_the_share_or_not_to_look(hospital: Tiny) -> None:
    hospital.tables["ADM.csv"] += [[f"B{i}", "70001", "O", "2026-06-02 09:00", "", "IM", ""] for i in range(30)]
    with_column(hospital, [*NUMBERS, *(f"other {n}" for n in range(12))])
    for share in ("0.5", "1"):
        (hospital.mappings / "z.yaml").write_text(f"undeclared_numbers: {share}", encoding="utf-8")
        hospital.through("land", folder=hospital.deliver())


def test_a_column_of_names_stops_the_night_too(hospital: Tiny) -> None:
    names = [row[1] for row in hospital.tables["PAT.csv"][1:]]
    with_column(hospital, names)
    with pytest.raises(InputError, match=r"column 'CHART' holds names of people \(6 of 6") as raised:
        hospital.through("land")
    assert "say `identifier: name`" in str(raised.value.hint)
    assert not any(name in str(raised.value) for name in names)
