"""Units: every spelling is one concept, and values become the preferred unit without losing what they were."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import duckdb
import pytest
import tiny
from hypothesis import assume, given
from hypothesis import strategies as st
from tiny import Tiny

from etl.engine import define_functions
from etl.errors import MappingError
from etl.mapping.check.concepts import doubtful_concepts
from etl.mapping.check.conversions import conversion_problems
from etl.mapping.compile.units import conversion_join, converted, create_conversions
from etl.mapping.expression import render
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.units import Affine, Conversion
from etl.mapping.load import load_mappings
from etl.settings import PROJECT, Settings
from etl.vocabulary.release import current_release

MG_DL, MMOL_L, PERCENT, CELSIUS = 8840, 8753, 8554, 586323
COLUMNS = {
    "value_number": "p.value", "range_low": "p.low", "range_high": "p.high", "unit": "p.unit",
    "unit_source_id": "p.unit_source_id",
}  # fmt: skip


@cache
def mapping_of_synthea() -> HospitalMapping:
    return load_mappings(PROJECT / "mappings", ["synthea"])["synthea"]


@pytest.fixture(scope="module")
def shared() -> HospitalMapping:
    return mapping_of_synthea()


@pytest.fixture(scope="module")
def engine(shared: HospitalMapping) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as con:
        define_functions(con)
        con.execute("create schema map")
        create_conversions(con, shared)
        yield con


def convert(
    con: duckdb.DuckDBPyConnection, concept: int, unit: int | None, value: float | None, low: float | None = None,
    high: float | None = None, unit_source_id: int | None = None,
) -> dict[str, object]:  # fmt: skip
    """A measurement's columns after conversion."""
    columns = COLUMNS | converted(COLUMNS, "u")
    found = con.execute(
        f"select {', '.join(f'{sql} as {name}' for name, sql in columns.items())} "
        "from (select ?::bigint as concept, ?::bigint as unit, ?::double as value, ?::double as low, "
        f"?::double as high, ?::bigint as unit_source_id) p {conversion_join('u', 'p.concept', 'p.unit')}",
        [concept, unit, value, low, high, unit_source_id],
    )
    [row] = found.fetchall()
    return dict(zip([c[0] for c in found.description], row, strict=True))


@pytest.mark.parametrize(
    ("spelling", "concept"),
    [(s, MG_DL) for s in ("mg/dL", "mg/dl", "MG/DL", "㎎/㎗", "㎎/dL", " mg / dL ", "mg／dL")]
    + [(s, 8848) for s in ("10^3/uL", "×10³/㎕", "x10³/㎕", "x10^3/㎕", "x10³/μL", "K/uL")]
    + [("IU/L", 8923), ("[iU]/L", 8923), ("U/ℓ", 8645), ("℃", CELSIUS), ("mmHg", 8876), ("㎜Hg", 8876), ("％", PERCENT)]
    + [("m㏖/L", MMOL_L), ("mL/min/1.73㎡", 720870), ("㎍/㎖", 8859), ("㎛³", 8583)],
)
def test_every_korean_spelling_of_a_unit_is_its_concept(shared, engine, spelling: str, concept: int) -> None:
    cleaned = engine.execute(f"select {render(shared.clean['unit'], ['code'], {'code': '?'})}", [spelling]).fetchone()
    assert shared.maps["units"].codes.get(cleaned[0]) == concept


def test_the_case_of_a_unit_keeps_its_meaning(shared) -> None:
    codes = shared.maps["units"].codes
    assert codes["mmol/L"] != codes["nmol/L"]
    assert "MMOL/L" not in codes, "M is mega in UCUM; nobody writes that on purpose"


@pytest.mark.parametrize(
    ("concept", "unit", "value", "becomes", "preferred"),
    [
        (3004501, MMOL_L, 5.5, 99.0858, MG_DL),  # glucose
        (3016723, 8749, 88.4, 0.9999808, MG_DL),  # creatinine
        (3004410, 9579, 48.0, 6.54304, PERCENT),  # HbA1c, affine
        (3000963, 8636, 138.0, 13.8, 8713),  # hemoglobin
        (3020891, 9289, 98.6, 37.0, CELSIUS),
        (3025315, 8739, 150.0, 68.0388555, 9529),
        (3036277, 9327, 70.0, 177.8, 8582),
        (3000905, 9444, 6.8, 6.8, 8848),  # 10*9/L is 10*3/uL
    ],
)
def test_a_value_in_another_unit_becomes_the_preferred_one(engine, concept, unit, value, becomes, preferred) -> None:
    found = convert(engine, concept, unit, value, value / 2, value * 2)
    assert found["value_number"] == becomes
    assert (found["unit"], found["unit_source_id"]) == (preferred, unit)
    assert found["range_low"] < found["value_number"] < found["range_high"]


def test_what_needs_no_conversion_stays_as_it_is(engine) -> None:
    same = {"value_number": 99.123456789012, "range_low": 70.0, "range_high": None, "unit": MG_DL, "unit_source_id": 7}
    assert convert(engine, 3004501, MG_DL, 99.123456789012, 70.0, None, 7) == same
    assert convert(engine, 3004501, None, 5.5)["value_number"] == 5.5
    assert convert(engine, 3019550, MMOL_L, 140.0)["unit"] == MMOL_L, "no conversion is declared for sodium"
    assert (
        convert(engine, 3027114, MMOL_L, 5.0)["value_number"] != convert(engine, 3004501, MMOL_L, 5.0)["value_number"]
    )


def test_a_unit_without_a_number_is_converted_without_inventing_one(engine) -> None:
    found = convert(engine, 3004501, MMOL_L, None)
    assert (found["value_number"], found["unit"]) == (None, MG_DL)


def test_the_source_concept_of_the_unit_is_kept_where_there_is_one(engine) -> None:
    assert convert(engine, 3004501, MMOL_L, 5.5, unit_source_id=2_000_000_001)["unit_source_id"] == 2_000_000_001


@st.composite
def conversions(draw: st.DrawFn) -> tuple[int, int, float, float]:
    """Concept, unit, factor and offset of one of the shared conversions."""
    declared = mapping_of_synthea().conversions
    one: Conversion = declared[draw(st.sampled_from(sorted(declared)))]
    unit, by = draw(st.sampled_from(sorted(one.from_.items(), key=lambda item: item[0])))
    factor, offset = (by.factor, by.offset) if isinstance(by, Affine) else (by, 0.0)
    return draw(st.sampled_from(one.concepts)), unit, factor, offset


@given(conversions(), st.floats(0.01, 1e6), st.floats(0.01, 1e6))
def test_converting_back_gives_what_came_and_order_is_kept(engine, conversion, value: float, other: float) -> None:
    concept, unit, factor, offset = conversion
    found = convert(engine, concept, unit, value, other)
    back = (found["value_number"] - offset) / factor
    assert math.isclose(back, value, rel_tol=1e-9, abs_tol=1e-9 / factor)
    assume(abs(value - other) > 1e-6 / factor)
    assert (value < other) == (found["value_number"] < found["range_low"])


def test_every_factor_has_a_source_and_no_concept_two_conversions(shared) -> None:
    assert all(c.source for c in shared.conversions.values())
    assert list(conversion_problems(shared.conversions)) == []


def test_concept_ids_of_conversions_are_checked_where_they_are_used(shared, vocabulary) -> None:
    release = current_release(Settings(home=vocabulary.parent, _env_file=None))
    wrong = Conversion.model_validate({"concepts": [999], "to": MG_DL, "from": {"999999": 2}, "source": "nowhere"})

    def lines(*, convert: bool) -> list[str]:
        hospital = shared.hospital.model_copy(
            update={"units": shared.hospital.units.model_copy(update={"convert": convert})}
        )
        mapping = HospitalMapping(hospital, {}, {}, {}, {}, (), "", {"odd": wrong})
        return [str(line) for line in doubtful_concepts(mapping, release)]

    assert lines(convert=False) == []
    found = lines(convert=True)
    assert len(found) == 2
    assert "conversions.odd.concepts" in found[0]
    assert "999999" in found[1]


CONVERSIONS = """
maps:
  unit:
    codes: {mmol/L: 8753}
conversions:
  glucose: {concepts: [3004501], to: 8840, from: {8753: 18.0156}, source: molar mass}
"""


@pytest.mark.parametrize("asked", [True, False])
def test_a_hospital_asks_for_conversion(hospital: Tiny, asked: bool) -> None:
    (hospital.mappings / "units.yaml").write_text(CONVERSIONS, encoding="utf-8")
    if asked:
        settings = hospital.mappings / "hospital.yaml"
        settings.write_text(settings.read_text(encoding="utf-8") + "units: {convert: true}\n", encoding="utf-8")
    hospital.rewrite(
        "subjects.yaml", "unit: {code: UNIT, map: unit}",
        "unit: {code: UNIT, map: unit}\n  range_low: \"'3.9'\"\n  range_high: \"'5.5'\"",
    )  # fmt: skip
    hospital.tables["LAB.csv"].append(["70002", "A02", "L002", "2026-06-02 10:30", "<5.0", "mmol/L"])
    run = hospital.mapped()
    rows = tiny.mapped_rows(run, "measurement")
    [row] = [r for r in rows if r["unit_source_value"] == "mmol/L"]
    assert (row["value_source_value"], row["operator_concept_id"]) == ("<5.0", 4171756)
    numbers = (row["value_as_number"], row["range_low"], row["range_high"], row["unit_concept_id"])
    if asked:
        assert numbers == (90.078, 70.26084, 99.0858, MG_DL)
        assert row["unit_source_concept_id"] == MMOL_L
    else:
        assert numbers == (5.0, 3.9, 5.5, MMOL_L)
    others = {(r["value_as_number"], r["unit_concept_id"]) for r in rows if r["unit_source_value"] == "mg/dL"}
    assert others == {(1240.0, MG_DL), (98.0, MG_DL), (0.8, MG_DL), (101.0, MG_DL)}


def test_conversions_that_disagree_are_refused_with_file_and_line(hospital: Tiny) -> None:
    (hospital.mappings / "units.yaml").write_text(
        "conversions:\n"
        "  one: {concepts: [3004501], to: 8840, from: {8753: 18.0156}, source: s}\n"
        "  two: {concepts: [3004501], to: 8753, from: {8840: 0.055}, source: s}\n"
        "  same: {concepts: [3016723], to: 8840, from: {8840: 1}, source: s}\n"
        "  zero: {concepts: [3027114], to: 8840, from: {8753: 0}, source: s}\n",
        encoding="utf-8",
    )
    with pytest.raises(MappingError) as raised:
        load_mappings(hospital.settings.mappings, ["tiny"])
    text = str(raised.value)
    assert "tiny/units.yaml:5" in text
    (hospital.mappings / "units.yaml").write_text(
        (hospital.mappings / "units.yaml").read_text(encoding="utf-8").rsplit("  zero", 1)[0], encoding="utf-8"
    )
    with pytest.raises(MappingError) as raised:
        load_mappings(hospital.settings.mappings, ["tiny"])
    text = str(raised.value)
    assert "tiny/units.yaml:3" in text
    assert "3004501 is converted by 'one' already" in text
    assert "tiny/units.yaml:4" in text
