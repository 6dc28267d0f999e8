"""What `etl check` looks at: mappings, expectations, consortium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etl.cdm.spec import tables
from etl.land.land import landed_columns_sql
from etl.mapping.check import load_mappings
from etl.mapping.concepts import doubtful_concepts
from etl.publish.source import read_consortium
from etl.settings import Settings
from etl.validate.suites import load_suites
from etl.vocabulary.release import current_release, releases


def check_everything(settings: Settings, hospitals: Sequence[str] | None) -> Iterator[str]:
    """One line per hospital that is right, then warnings; raises the errors of what is wrong."""
    mappings = load_mappings(settings.mappings, hospitals)
    read_consortium(settings.mappings)
    load_suites(settings.expectations / "cdm", columns={n: t.columns for n, t in tables().items()})
    release = current_release(settings) if releases(settings) else None
    doubtful: dict[str, None] = {}
    for name, mapping in mappings.items():
        if release:
            doubtful |= dict.fromkeys(doubtful_concepts(mapping, release))
        columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
        suites = load_suites(settings.expectations / "source" / name, columns=columns)
        promises = sum(len(s.expectations) for s in suites)
        yield (
            f"{name:<9} number {mapping.hospital.number:<3} {len(mapping.sources):>3} sources "
            f"{len(mapping.entries):>3} entries {promises:>4} source expectations  ok"
        )
    if release:
        yield from (f"warning: {line} {release.version}" for line in doubtful)
    else:
        yield "no vocabulary is loaded, so concept ids were not looked at (etl vocabulary load DIR)"
