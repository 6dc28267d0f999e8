"""A home that an earlier version of the program wrote goes on with the next night.

`tests/data/homes/<version>.tar.xz` is the home of the tiny hospital with two published nights (`tests/data/tiny`, the
second without the last diagnosis), as that version wrote it below `/srv/omop-etl-<version>/home`.
"""

from __future__ import annotations

import json
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from pydantic import SecretStr
from tiny import Tiny, warehouse_rows

from etl.errors import InputError
from etl.night.pipeline import run_delivery
from etl.night.publish.rollback import roll_back
from etl.night.remember import resume
from etl.quality.lineage.row import trace_row
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger

HOMES = sorted((Path(tiny.DATA).parent / "homes").glob("*.tar.xz"))
LAST, NEXT = date(2026, 7, 2), date(2026, 7, 3)


def moved(folder: Path, version: str) -> Path:
    """Unpack a home below `folder`; what it says of its old place is of the new one then."""
    with tarfile.open(HOMES[0].parent / f"{version}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    old, home = f"/srv/omop-etl-{version}/home", folder / "home"
    for file in (home / "runs").glob("*.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(old, str(home)), encoding="utf-8")
    with closing(sqlite3.connect(home / "warehouse" / "catalog.sqlite")) as con:
        con.execute("update ducklake_metadata set value = replace(value, ?, ?)", [old, str(home)])
        con.execute("update ducklake_data_file set path = replace(path, ?, ?)", [old, str(home)])
        con.commit()
    return home


@pytest.fixture(params=HOMES, ids=lambda f: f.name.removesuffix(".tar.xz"))
def earlier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tiny]:
    """The hospital with the home of an earlier version."""
    home = moved(tmp_path, request.param.name.removesuffix(".tar.xz"))
    settings = Settings(
        home=home, mappings=home / "mappings", expectations=tiny.DATA / "expectations", threads=1,
        key_secret=SecretStr(tiny.SECRET), memory="500MB", _env_file=None,
    )  # fmt: skip
    yield Tiny(settings, tiny.read_tables(tiny.DATA / "delivery"), home / "drops")


def conditions(hospital: Tiny) -> dict[int, tuple[Any, ...]]:
    return {row[0]: row for row in warehouse_rows(hospital.settings, ["condition_occurrence"])["condition_occurrence"]}


def test_what_was_published_is_read_as_it_was(earlier: Tiny) -> None:
    rows = warehouse_rows(earlier.settings)
    assert {table for table, found in rows.items() if found} == set(tiny.FILLED)
    last = Ledger(earlier.settings.ledger_url).last_published("tiny")
    assert last
    assert last["night"] == LAST


def test_the_next_night_goes_on_from_it(earlier: Tiny) -> None:
    """Another version may have other conventions: everybody is mapped again, nobody's id changes hands."""
    before, persons = conditions(earlier), warehouse_rows(earlier.settings, ["person"])["person"]
    run_id, ran = run_delivery(earlier.settings, "tiny", earlier.deliver(NEXT))
    assert ran
    after = conditions(earlier)
    now = warehouse_rows(earlier.settings, ["person"])["person"]
    assert [row[:4] for row in now] == [row[:4] for row in persons]
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1  # the last diagnosis is back
    state = json.loads((resume(earlier.settings, run_id).folder("merge") / "state.json").read_text(encoding="utf-8"))
    assert state["base"] is None


def test_an_earlier_night_can_be_gone_back_to(earlier: Tiny) -> None:
    second = conditions(earlier)
    done = roll_back(earlier.settings, "tiny", None, actor="test", reason="a test")
    assert done.target.night == date(2026, 7, 1)
    assert second.items() <= conditions(earlier).items()


def test_its_rows_lead_back_to_their_lines_from_the_next_night_on(earlier: Tiny) -> None:
    """How a row came about is told by the version that made it; another one says so and what to do."""
    with pytest.raises(InputError, match="or the program") as refused:
        trace_row(earlier.settings, "condition_occurrence", next(iter(conditions(earlier))))
    assert "run the night again" in str(refused.value.hint)
    run_delivery(earlier.settings, "tiny", earlier.deliver(NEXT))
    made = trace_row(earlier.settings, "condition_occurrence", next(iter(conditions(earlier)))).made
    assert made
    assert made.origin.file == "DIAG.csv"
    assert made.origin.line
