"""What one hospital may be unlike the nights before it, why, and until which night.

`expectations/drift/overrides/<hospital>.yaml` is a list of items: `kind` (of `drift.yaml`), `table` and `column`
(without them all), other limits (`warn`, `hold`, `least`), `reason`, `until` (its last night: what was meant for a
while does not stay for good).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from etl import yamls
from etl.errors import ConfigError, nearest
from etl.night.check.drift.rules import KINDS, Rule, Rules, Share

FOLDER = Path("drift", "overrides")


class Override(BaseModel):
    """Other limits of one kind at one hospital, of a table, of a column of it, or of all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    table: str | None = None
    column: str | None = None
    warn: Share | None = None
    hold: Share | None = None
    least: Annotated[int, Field(ge=1)] | None = None
    reason: Annotated[str, StringConstraints(strip_whitespace=True, min_length=3)]
    until: date

    @property
    def limits(self) -> dict[str, float]:
        """What it changes, by name."""
        said = {"warn": self.warn, "hold": self.hold, "least": self.least}
        return {name: value for name, value in said.items() if value is not None}

    @property
    def about(self) -> str:
        """What it is of."""
        return " ".join(filter(None, (self.kind, ".".join(filter(None, (self.table, self.column))))))

    def fits(self, kind: str, table: str, column: str | None) -> bool:
        """Whether it is about this."""
        return self.kind == kind and self.table in (None, table) and self.column in (None, column)


def of_hospital(rules: Rules, overrides: Sequence[Override], hospital: str, night: date) -> Rules:
    """The rules as a hospital's night has them; of several that fit the one that says most counts."""
    held = [o for o in overrides if night <= o.until]
    held.sort(key=lambda o: (o.column is None, o.table is None))

    def own(rule: Rule, kind: str, table: str, column: str | None) -> Rule:
        found = next((o for o in held if o.fits(kind, table, column)), None)
        if found is None:
            return rule
        says = f"{rule.says} (at {hospital} {_words(found)} until {found.until}: {found.reason})"
        return rule.model_copy(update={**found.limits, "says": says})

    return rules.changed_by(own)


def read_overrides(
    expectations: Path, hospital: str, known: Mapping[str, Sequence[str]] | None = None
) -> list[Override]:
    """The overrides of a hospital, none where it has no file; ConfigError with everything that is wrong with them.

    `known` are the columns of the tables that there are, where these are to be looked at.
    """
    file = expectations / FOLDER / f"{hospital}.yaml"
    if not file.exists():
        return []
    try:
        items = yamls.load(file.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError):
        raise ConfigError(f"{file} is no YAML", hint="correct it") from None
    if not isinstance(items, list):
        raise ConfigError(f"{file}: expected a list of items with kind, limits, reason and until", hint="correct it")
    found: list[Override] = []
    wrong: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            said = Override.model_validate(item)
        except ValidationError as error:
            wrong += [f"{file}, item {number}: {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
            continue
        wrong += [f"{file}, item {number}: {why}" for why in _wrong(said, found, known)]
        found.append(said)
    if wrong:
        raise ConfigError("\n".join(wrong), hint="correct the items named above; docs/quality-gates.md shows one")
    return found


def told(overrides: Sequence[Override], today: date) -> Iterator[str]:
    """A line per override, for `etl check`."""
    for o in overrides:
        over = "" if today <= o.until else "  (over)"
        yield f"  drift: {o.about}: {_words(o)} until {o.until}: {o.reason}{over}"


def _wrong(said: Override, before: Sequence[Override], known: Mapping[str, Sequence[str]] | None) -> Iterator[str]:
    if said.kind not in KINDS:
        yield f"there is no kind '{said.kind}'{nearest(said.kind, KINDS)}"
    if not said.limits:
        yield "changes nothing: give warn, hold or least"
    if said.column and not said.table:
        yield "a column needs its table"
    elif known is not None and said.table and said.table not in known:
        yield f"there is no table '{said.table}'{nearest(said.table, known)}"
    elif known is not None and said.table and said.column and said.column not in known[said.table]:
        yield f"{said.table} has no column '{said.column}'{nearest(said.column, known[said.table])}"
    if said.about in {each.about for each in before}:
        yield f"{said.about} is overridden twice"


def _words(said: Override) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in said.limits.items())
