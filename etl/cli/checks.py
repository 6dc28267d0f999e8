"""What `etl check` looks at: mappings, expectations, consortium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.cdm.spec import tables
from etl.land.land import landed_columns_sql
from etl.mapping.check import load_mappings
from etl.publish.source import read_consortium
from etl.settings import Settings
from etl.validate.suites import load_suites


def check_everything(settings: Settings, hospitals: Sequence[str] | None) -> Iterator[str]:
    """One line per hospital that is right; raises the errors of what is not."""
    mappings = load_mappings(settings.mappings, hospitals)
    read_consortium(settings.mappings)
    load_suites(settings.expectations / "cdm", columns={n: t.columns for n, t in tables().items()})
    for name, mapping in mappings.items():
        columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
        suites = load_suites(settings.expectations / "source" / name, columns=columns)
        promises = sum(len(s.expectations) for s in suites)
        yield (
            f"{name:<9} number {mapping.hospital.number:<3} {len(mapping.sources):>3} sources "
            f"{len(mapping.entries):>3} entries {promises:>4} source expectations  ok"
        )
