"""What a request asks for as the definition of a project space."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from etl.errors import ConfigError, InputError
from etl.research.requests.case import Case
from etl.research.spaces.definition import ALL, Definition, defined
from etl.settings import Settings
from etl.store.warehouse.open import open_warehouse

_NEEDED = ("title", "purpose", "query", "variables", "level")


def space_of(number: int) -> str:
    """The name of a request's space."""
    return f"request_{number}"


def published_nights(settings: Settings, hospitals: Sequence[str]) -> dict[str, str]:
    """The nights that are published now of some hospitals; ConfigError where one has none."""
    warehouse = open_warehouse(settings)
    found = {hospital: warehouse.published(hospital) for hospital in hospitals}
    if missing := [hospital for hospital, night in found.items() if night is None]:
        raise ConfigError(f"nothing is published of {', '.join(missing)}", hint="publish a night of it: etl run --help")
    return {hospital: str(night.night) for hospital, night in found.items() if night}


def definition_of(case: Case, nights: Mapping[str, str]) -> Definition:
    """The space that is approved, or asked for while nothing is approved yet, of some nights of its hospitals.

    The same request and nights give the same digest. InputError where the form does not say yet what is needed.
    """
    form, granted = case.form, case.conditions or case.form
    missing = [key for key in _NEEDED if key not in form] + [k for k in ("period", "until") if k not in granted]
    if missing or not nights:
        raise InputError(f"the request does not say yet: {', '.join(missing) or 'hospitals'}",
                         hint=f"etl request change {case.number} FORM.yaml")  # fmt: skip
    said = {
        "name": space_of(case.number), "request": case.number, "title": form["title"], "purpose": form["purpose"],
        "hospitals": dict(nights), "cohort": form["query"], "tables": _tables(granted.get("variables", ())),
        "period": granted["period"], "policy": form["level"], "until": granted["until"],
    }  # fmt: skip
    text = json.dumps(said, ensure_ascii=False, sort_keys=True)
    return defined(said, f"request {case.number}", sha256(text.encode()).hexdigest())


def _tables(variables: Sequence[str]) -> dict[str, Any]:
    """Columns by table; persons are always among them."""
    tables: dict[str, Any] = {"person": []}
    for each in variables:
        table, _, column = each.partition(".")
        if column == ALL or tables.get(table) == ALL:
            tables[table] = ALL
        else:
            tables.setdefault(table, []).append(column)
    return tables
