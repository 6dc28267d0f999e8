"""A comma that stands before decimals in one row and between thousands in another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
import tiny

from etl.engine import define_functions
from etl.mapping.load import load_mappings
from etl.night.check.signs import comma_findings


def found(values: Sequence[str | None], folder: Path, reads: str = "") -> list[tuple[int | None, int | None]]:
    """How many of a column's values have decimals, and how many have commas at all, where the night is stopped."""
    text = (tiny.DATA / "mappings" / "tiny" / "sources.yaml").read_text(encoding="utf-8")
    assert "RESULT: {scrub: true}" in text
    hospital = folder / "mappings" / "tiny"
    if not hospital.exists():
        shutil.copytree(tiny.DATA / "mappings", folder / "mappings")
    (hospital / "sources.yaml").write_text(
        text.replace("RESULT: {scrub: true}", f"RESULT: {{scrub: true{reads}}}"), encoding="utf-8"
    )
    mapping = load_mappings(folder / "mappings", ["tiny"])["tiny"]
    with duckdb.connect() as con:
        define_functions(con)
        for name, source in mapping.sources.items():
            columns = ", ".join(f'null::varchar as "{c}"' for c in source.columns)
            con.execute(f'create view "{name}" as select {columns} where false')
        con.execute('create or replace table r as select unnest(?::varchar[]) as "RESULT"', [list(values)])
        others = [c for c in mapping.sources["results"].columns if c != "RESULT"]
        columns = ", ".join(f'null::varchar as "{c}"' for c in others)
        con.execute(f'create or replace view results as select "RESULT", {columns} from r')
        return [(f.unexpected, f.total) for f in comma_findings(con, mapping)]


@pytest.mark.parametrize(
    "decimals",
    ["7,3", "0,25", "-7,3", "+7,3", "<0,5", "1.234,5", "7,12345", "0,125", "1.234,567", "７，３", " 7,3 ", "12,3"],
)
@pytest.mark.parametrize("thousands", ["1,234", "+1,234", "12,345.6", "1,234,567", "１，２３４", ">1,000", "1,234."])
def test_a_column_with_both_stops_the_night(tmp_path: Path, decimals: str, thousands: str) -> None:
    assert found([decimals, thousands, "5", None, "not a number, at all"], tmp_path) == [(1, 2)]


@pytest.mark.parametrize("values", [["1,234", "12,345.6"], ["7,3", "0,125"], ["5", "5.5"], ["a,b", "1,2,3", ",5"], []])
def test_one_with_either_or_none_does_not(tmp_path: Path, values: list[str]) -> None:
    assert found(values, tmp_path) == []


@pytest.mark.parametrize("reads", [", reads: {decimal: ','}", ", reads: {thousands: ','}"])
def test_what_the_contract_says_is_enough(tmp_path: Path, reads: str) -> None:
    assert found(["7,3", "1,234"], tmp_path, reads) == []
