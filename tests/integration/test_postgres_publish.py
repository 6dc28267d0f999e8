"""Publishing into PostgreSQL: whole nights, nights of changes, and going back, beside the embedded warehouse."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
import tiny
from sqlalchemy.engine import URL
from tiny import Tiny

from etl.cdm.spec import hospital_tables, tables
from etl.ledger import Ledger
from etl.publish.rollback import roll_back
from etl.settings import Settings
from etl.warehouse.postgres.init import initialise

SECOND, THIRD = date(2026, 7, 2), date(2026, 7, 3)


def on(hospital: Tiny, url: URL) -> Tiny:
    """The same hospital, publishing into a PostgreSQL that has just been made a warehouse."""
    initialise(url, url)
    said = hospital.settings.model_copy(update={"warehouse_url": url.render_as_string(hide_password=False)})
    return Tiny(said, hospital.tables, hospital.drops)


@pytest.fixture
def shared(hospital: Tiny, database: URL) -> Tiny:
    return on(hospital, database)


def everything(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    return tiny.warehouse_rows(settings, tables())


def test_a_night_is_the_same_on_both_warehouses(tmp_path: Path, vocabulary: Path, shared: Tiny) -> None:
    embedded = tiny.make(tmp_path / "embedded", vocabulary)
    embedded.publish()
    shared.publish()
    assert everything(shared.settings) == everything(embedded.settings)
    assert sum(len(rows) for rows in tiny.warehouse_rows(shared.settings).values()) > 20
