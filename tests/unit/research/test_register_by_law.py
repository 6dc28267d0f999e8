"""What the register of pseudonymised processing has to say by law, whoever changes its definition."""

from __future__ import annotations

from datetime import date

import pytest
from pydantic import ValidationError

from etl.research.oversight.definition import LEAST_YEARS, Definition, definition
from etl.research.oversight.register import _years_after


def test_nobody_can_say_fewer_years_than_the_law():
    said = definition().model_dump()
    with pytest.raises(ValidationError):
        Definition.model_validate(said | {"years": LEAST_YEARS - 1})
    assert _years_after(date(2028, 2, 29), 3) == date(2031, 3, 1)


def test_every_item_of_the_decree_has_a_column():
    assert {column.item for column in definition().columns.values()} >= {1, 2, 3, 4, 5}
