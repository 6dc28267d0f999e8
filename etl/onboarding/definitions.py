"""What `etl check` looks at: mappings, expectations, consortium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.cdm.spec import tables
from etl.engine import open_engine
from etl.errors import MappingError
from etl.mapping.check.concepts import Doubt, doubtful_concepts
from etl.mapping.consortium import read_consortium
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.load import load_mappings
from etl.mapping.read.codemaps import format_of
from etl.night.check.overrides import check_names, read_overrides, told
from etl.night.check.suites import load_suites
from etl.night.lake.views import create_empty
from etl.night.map.map import map_sources
from etl.settings import Settings
from etl.vocabulary.release import Release, current_release, releases


def bind(settings: Settings, mapping: HospitalMapping, release: Release) -> None:
    """Map a delivery without rows: the engine binds every expression, so a wrong function shows before a night."""
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.scratch) as folder, open_engine(settings, date(2000, 1, 1)) as con:
        create_empty(con, mapping)
        map_sources(con, mapping, release, Path(folder))


def map_files(mapping: HospitalMapping) -> Iterator[str]:
    """One line per CSV file of a code map: what counts of it, and what its review leaves out."""
    for name, found in mapping.map_rows.items():
        named = format_of(mapping.maps[name])
        if named:
            rows = f"{len(found.rows):,} row{'s' if len(found.rows) != 1 else ''} of '{name}' count"
            out = ", ".join(f"{n:,} {reason}" for reason, n in found.left_out.items())
            yield f"  {named[1]}: {rows}{f'; left out: {out}' if out else ''}"


def check_everything(settings: Settings, hospitals: Sequence[str] | None) -> Iterator[str]:
    """One line per hospital that is right, then warnings; raises the errors of what is wrong."""
    mappings = load_mappings(settings.mappings, hospitals)
    read_consortium(settings.mappings)
    cdm = settings.expectations / "cdm"
    common = load_suites(cdm, columns={n: t.columns for n, t in tables().items()})
    if not hospitals:
        check_names(cdm, mappings)
    release = current_release(settings) if releases(settings) else None
    doubtful: dict[Doubt, None] = {}
    for name, mapping in mappings.items():
        if release:
            bind(settings, mapping, release)
            doubtful |= dict.fromkeys(doubtful_concepts(mapping, release))
        columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
        suites = load_suites(settings.expectations / "source" / name, columns=columns)
        promises = sum(len(s.expectations) for s in suites)
        yield (
            f"{name:<9} number {mapping.hospital.number:<3} {len(mapping.sources):>3} sources "
            f"{len(mapping.entries):>3} entries {promises:>4} source expectations  ok"
        )
        yield from told(read_overrides(cdm, name, common), date.today())
        yield from map_files(mapping)
    if release:
        yield from (f"warning: {d.problem} ({release.version})" for d in doubtful if not d.in_file)
        wrong = [d.problem for d in doubtful if d.in_file]
        if wrong:
            raise MappingError(wrong)
    else:
        yield "no vocabulary is loaded, so concept ids were not looked at (etl vocabulary load DIR)"
