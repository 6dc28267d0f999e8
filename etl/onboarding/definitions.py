"""What `etl check` looks at: mappings, expectations, consortium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from duckdb import DuckDBPyConnection

from etl.cdm.spec import tables
from etl.engine import open_engine
from etl.errors import ConfigError, MappingError, Problem
from etl.mapping.check.concepts import Doubt, doubtful_concepts, place_of
from etl.mapping.check.domains import misplaced_concepts
from etl.mapping.compile.choices import define_choices
from etl.mapping.consortium import read_consortium
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.load import load_mappings
from etl.mapping.read.codemaps import format_of
from etl.night.check.drift import overrides as drift_overrides
from etl.night.check.drift.rules import read_rules
from etl.night.check.overall import FIGURES
from etl.night.check.overrides import check_names, read_overrides, told
from etl.night.check.suites import SuiteError, load_suites
from etl.night.lake.views import create_empty
from etl.night.map.map import map_sources
from etl.onboarding.expressions import unbound_expressions
from etl.onboarding.promises import cdm_suites, source_suites
from etl.settings import Settings
from etl.vocabulary.release import Release, current_release, releases


def bind(con: DuckDBPyConnection, settings: Settings, mapping: HospitalMapping, release: Release) -> None:
    """Map a delivery without rows: what the engine refuses of compiled SQL as a whole shows before a night."""
    with TemporaryDirectory(dir=settings.scratch) as folder:
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
    """One line per hospital that is right, then warnings; raises the errors of all that is wrong, at once."""
    mappings = load_mappings(settings.mappings, hospitals)
    read_consortium(settings.mappings)
    read_rules(settings.expectations)
    if not hospitals:
        for folder in ("cdm", "drift"):
            check_names(settings.expectations / folder, mappings)
    release = current_release(settings) if releases(settings) else None
    found = _Found()
    with _engine(settings) as con:
        _, problems = cdm_suites(con, settings.expectations / "cdm")
        found.promises += problems
    for name, mapping in mappings.items():
        yield from _check_hospital(settings, name, mapping, release, found)
    if release:
        warnings = [str(d.problem) for d in found.doubts if not d.wrong]
        yield from (f"warning: {w} ({release.version})" for w in warnings)
        if warnings:
            yield f"{len(warnings)} warning(s), each told once: codes that need what the release lacks get concept 0"
    else:
        yield "no vocabulary is loaded, so concept ids were not looked at (etl vocabulary load DIR)"
    found.raise_problems()


@dataclass
class _Found:
    """What is wrong or doubtful in all hospitals; what several of them share is there once."""

    mapping: list[Problem] = field(default_factory=list)
    promises: list[Problem] = field(default_factory=list)
    doubts: dict[Doubt, None] = field(default_factory=dict)

    def raise_problems(self) -> None:
        """Raise what is wrong, of mappings and of expectations together."""
        wrong = list(dict.fromkeys([*self.mapping, *(d.problem for d in self.doubts if d.wrong)]))
        errors: list[ConfigError] = [MappingError(wrong)] if wrong else []
        errors += [SuiteError(self.promises)] if self.promises else []
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ConfigError("\n".join(e.message for e in errors), hint=errors[0].hint)


@contextmanager
def _engine(settings: Settings) -> Iterator[DuckDBPyConnection]:
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with open_engine(settings, date(2000, 1, 1)) as con:
        yield con


def _check_hospital(
    settings: Settings, name: str, mapping: HospitalMapping, release: Release | None, found: _Found
) -> Iterator[str]:  # fmt: skip
    with _engine(settings) as con:
        create_empty(con, mapping)
        define_choices(con, mapping.hospital)
        problems = [*_names_of_tables(mapping), *unbound_expressions(con, mapping)]
        promises, wrong = source_suites(con, settings.expectations / "source" / name, mapping)
        if release and not problems:
            bind(con, settings, mapping, release)
    if release:
        problems += misplaced_concepts(mapping, release)
        doubts = doubtful_concepts(mapping, release)
        found.doubts |= dict.fromkeys(doubts)
        problems += [d.problem for d in doubts if d.wrong]
    found.mapping += problems
    found.promises += wrong
    if not problems and not wrong:
        yield (
            f"{name:<9} number {mapping.hospital.number:<3} {len(mapping.sources):>3} sources "
            f"{len(mapping.entries):>3} entries {promises:>4} source expectations  ok"
        )
    if not found.promises:
        cdm = settings.expectations / "cdm"
        common = load_suites(cdm, columns={n: t.columns for n, t in tables().items()})
        yield from told(read_overrides(cdm, name, common), date.today())
    known = {n: list(s.declared) for n, s in mapping.sources.items()} | {n: t.columns for n, t in tables().items()}
    yield from drift_overrides.told(drift_overrides.read_overrides(settings.expectations, name, known), date.today())
    yield from map_files(mapping)


def _names_of_tables(mapping: HospitalMapping) -> Iterator[Problem]:
    """Sources that are called as a table of the CDM: `etl sql --run` shows both side by side."""
    for name in mapping.sources:
        if name.lower() in (*tables(), *FIGURES):
            place = place_of(mapping, ("sources", name))
            said = f"is also a table of the CDM; call the source otherwise, such as {name}_rows"
            yield Problem(place.file, place.line, f"sources.{name}", said)
