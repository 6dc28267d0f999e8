"""A path that goes into a read of the engine's means one file, whatever letters it is named with."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import pytest
from pydantic import ValidationError

from etl.engine import copy_to, rows_in
from etl.errors import InputError
from etl.settings import PROJECT, Settings
from etl.sql import one_file

ODD = ["a[1]", "a*", "a?", "{a,b}", "**", "unit=mg", "a'b", "[!a]", "[a-z]", "a b", "가나"]
#: The modules that write such reads; all others take theirs from them.
WRITERS = {"engine.py", "sql.py", "night/land/read.py", "vocabulary/bundle.py", "vocabulary/mend.py"}


@pytest.mark.parametrize("name", ODD)
def test_an_odd_path_is_the_one_file(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    for place in (folder, tmp_path / "a1", tmp_path / "aa"):
        place.mkdir(exist_ok=True)
    with duckdb.connect() as con:
        for file, unit in (
            (folder / f"{name}.parquet", "g"),
            (folder / "a1.parquet", "x"),
            (tmp_path / "a1.parquet", "x"),
        ):
            copy_to(con, f"select '{unit}' as unit", file)
        assert con.execute(f"from {rows_in(folder / f'{name}.parquet')}").fetchall() == [("g",)]


def test_a_path_that_cannot_be_said_is_refused() -> None:
    with pytest.raises(InputError, match="backslash") as caught:
        one_file(Path("/drops/secret\\[1].csv"))
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("home", ["/srv/a?b", "/srv/a\\b"])
def test_a_home_that_an_address_cannot_hold_is_refused(home: str) -> None:
    with pytest.raises(ValidationError, match="neither"):
        Settings(home=Path(home), _env_file=None)


def test_no_other_module_writes_a_read_of_its_own() -> None:
    reads = re.compile(r"\b(read_(csv|parquet|json|text|blob)|parquet_\w+|sniff_csv)\(['{$?]")
    modules = {p.relative_to(PROJECT / "etl").as_posix(): p for p in (PROJECT / "etl").rglob("*.py")}
    found = {name for name, p in modules.items() if reads.search(p.read_text(encoding="utf-8"))}
    assert {name for name in found if not name.startswith("sample/")} <= WRITERS
    scripts = [p for p in (PROJECT / "etl").rglob("*.sql") if reads.search(p.read_text(encoding="utf-8"))]
    assert scripts == []
