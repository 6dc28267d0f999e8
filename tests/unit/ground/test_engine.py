"""What an engine leaves on the disk while it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from etl.engine import open_engine
from etl.settings import Settings

NUMBERS = "create temp table number as select 'NUMBER-' || md5(i::varchar) as number from range(2000000) r(i)"


@pytest.mark.parametrize("identifiers", [True, False])
def test_identifiers_spill_encrypted(tmp_path: Path, identifiers: bool) -> None:
    """More than fits into memory goes to the disk: legible there, unless the engine reads identifiers."""
    with open_engine(Settings(home=tmp_path, memory="60MB", threads=1), identifiers=identifiers) as con:
        con.execute(NUMBERS)
        spilled = [file.read_bytes() for file in tmp_path.rglob("*.tmp")]
    assert sum(map(len, spilled)) > 10_000_000
    assert any(b"NUMBER-" in content for content in spilled) != identifiers
    assert not list(tmp_path.rglob("*.tmp")), "it is gone with the engine"
