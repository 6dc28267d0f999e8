"""What a check asks, in words and as SQL, for who wants to know why it failed or how to change it."""

from __future__ import annotations

from etl.cdm.spec import tables
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import as_on
from etl.quality.battery.overrides import Override
from etl.quality.battery.schema import Schema
from etl.quality.battery.statement import Ground
from etl.quality.battery.statements import keys, statements
from etl.quality.battery.summary import DIMENSIONS


def explained(check: Check, files: str, night: str, override: Override | None = None) -> dict[str, str]:
    """What there is to say of a check, by name; `files` is where the dashboard's are written down.

    SQL is written for the tables of the CDM, as on a night (ISO).
    """
    kind = check.type
    category = f"{kind.category} / {kind.subcategory}" if kind.subcategory else kind.category
    told = {
        "check": check.id,
        "says": f"{check.sentence()}\n{check.sentence('ko')}",
        "of": _of(check, night),
        "cause": f"{kind.means.en}\n{kind.means.ko}",
        "is": f"{kind.severity}, {category}, {DIMENSIONS[kind.dimension]}",
        "threshold": f"{check.threshold:g} %" if check.threshold else "none: any violated row fails",
        "written in": check.own.place if check.own else f"{files}:{check.line}",
    }
    if override:
        told["override"] = f"{override.threshold:g} % up to {override.until}: {override.reason}"
    return told | {"sql": ";\n".join(_sql(check, night))}


def _of(check: Check, night: str) -> str:
    if not check.own:
        return "the rows, persons or values of its kind (docs/battery.md)"
    if check.own.of:
        return f"rows t with {as_on(check.own.of, night)}"
    if check.own.query:
        return "the rows of its second query" if check.own.query.of else "all rows of its query"
    return f"all rows of {check.table}"


def _sql(check: Check, night: str) -> list[str]:
    schema = Schema({n: {f.name: f.duckdb_type for f in table.fields} for n, table in tables().items()})
    ground = Ground(schema, night, frozenset(keys([check], schema)))
    return [s.sql for s in statements([check], ground) if check in s.checks]
