"""The rules of drift, `expectations/drift.yaml`: what is held against the nights before, and how much of it is told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from etl import yamls
from etl.errors import ConfigError

KINDS = (
    "fewer", "more", "filled", "known", "forms", "codes", "concepts", "numbers", "midnight", "hours", "weekdays",
    "years", "same_day", "still", "past",
)  # fmt: skip
FILE = "drift.yaml"
Share = Annotated[float, Field(gt=0, le=1000)]
_SATURDAY = 5


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(_Strict):
    """One kind: told when more than the share `warn` of the rows changed, held when more than `hold` did."""

    says: str
    warn: Share = 0.05
    hold: Share | None = None
    least: int = Field(1, ge=1)


class Holidays(_Strict):
    """Days on which a hospital's clinics are closed: month and day of every year, and single days."""

    every_year: tuple[str, ...] = ()
    days: tuple[date, ...] = ()


Own = Callable[[Rule, str, str, str | None], Rule]  # of a kind, a table and maybe a column what a hospital has instead


class Rules(_Strict):
    """All of the file; a kind that it leaves out is not asked."""

    _own: Own | None = PrivateAttr(None)

    nights: int = Field(5, ge=1, le=20)
    sample: int = Field(5_000, ge=100)
    kept: int = Field(20, ge=1)
    kinds: dict[Literal[KINDS], Rule]  # type: ignore[valid-type]
    holidays: Holidays = Holidays()

    def changed_by(self, own: Own) -> Rules:
        """The rules of a hospital that has some of them otherwise."""
        made = self.model_copy()
        made._own = own
        return made

    def rule(self, kind: str, table: str, column: str | None = None) -> Rule | None:
        """What holds for a kind in a table, or in a column of it; None: nothing is asked."""
        common = self.kinds.get(kind)
        return self._own(common, kind, table, column) if common and self._own else common

    def works(self, day: date) -> bool:
        """Whether clinics are open on a day."""
        if day.weekday() >= _SATURDAY:
            return False
        return day not in self.holidays.days and f"{day:%m-%d}" not in self.holidays.every_year


def read_rules(expectations: Path) -> Rules | None:
    """The rules in a folder of expectations; None where it has none. ConfigError with what is wrong, and where."""
    file = expectations / FILE
    if not file.exists():
        return None
    try:
        return Rules.model_validate(yamls.load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        wrong = f"is no YAML ({type(error).__name__})"
    raise ConfigError(f"{file}: {wrong}", hint="docs/quality-gates.md says what stands in it")
