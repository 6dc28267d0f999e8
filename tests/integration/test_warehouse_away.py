"""A night whose warehouse cannot be opened stops before anything is read, and readers are told in a line."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
import tiny

from etl.errors import TransientError
from etl.night.pipeline import run_delivery
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import STAGE
from etl.store.warehouse.open import open_warehouse


def test_a_warehouse_that_cannot_be_opened_is_named_before_the_night_begins(tmp_path: Path, vocabulary: Path) -> None:
    hospital = tiny.make(tmp_path / "home", vocabulary)
    (hospital.settings.home / "warehouse" / "catalog.sqlite").mkdir(parents=True)
    with pytest.raises(TransientError, match="cannot be opened") as caught:
        run_delivery(hospital.settings, "tiny", hospital.deliver())
    assert str(hospital.settings.home / "warehouse") in str(caught.value)
    assert Ledger(hospital.settings.ledger_url).read(sa.select(STAGE)) == []
    with pytest.raises(TransientError, match="cannot be opened"), open_warehouse(hospital.settings).reader():
        pass
