"""What the nights are made by: mappings, expectations, vocabulary."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime

import sqlalchemy as sa

from etl.cdm.spec import tables, vocabulary_tables
from etl.errors import EtlError, MappingError
from etl.mapping.consortium import read_consortium
from etl.mapping.language.landed import landed_columns_sql
from etl.mapping.load import load_mappings
from etl.night.check.drift.rules import read_rules
from etl.night.check.overrides import read_overrides
from etl.night.check.suites import load_suites
from etl.operations.doctor.finding import Finding, Look, from_error
from etl.store.ledger.tables import RUN
from etl.vocabulary.release import LOOKUPS, MARKER, Release, current_release, releases

SUBJECT = "mappings"
VOCABULARY = "vocabulary"
_OLD_DAYS = 400  # Athena brings two releases a year


def check_mappings(look: Look) -> Iterator[Finding]:
    """Mappings and expectations of every hospital load; expressions are bound by `etl check`."""
    settings, well = look.settings, []
    for hospital in look.hospitals:
        try:
            mapping = load_mappings(settings.mappings, [hospital])[hospital]
            columns = {n: ["_row", *landed_columns_sql(s)] for n, s in mapping.sources.items()}
            load_suites(settings.expectations / "source" / hospital, columns=columns)
        except MappingError as error:
            yield Finding(
                SUBJECT, hospital, "fail", f"{len(error.problems)} problem(s), the first: {error.problems[0]}",
                f"correct the lines that this names: etl check {hospital}",
            )  # fmt: skip
        except EtlError as error:
            yield from_error(SUBJECT, hospital, error)
        else:
            well.append(hospital)
    if well:
        yield Finding(SUBJECT, "hospitals", "ok", f"mappings and expectations load: {', '.join(well)}")


def check_shared(look: Look) -> Iterator[Finding]:
    """The consortium's row, the suites of the CDM and what nights are held against."""
    read_consortium(look.settings.mappings)
    read_rules(look.settings.expectations)
    cdm = look.settings.expectations / "cdm"
    suites = load_suites(cdm, columns={n: t.columns for n, t in tables().items()})
    for hospital in look.hospitals:
        read_overrides(cdm, hospital, suites)
    promises = sum(len(s.expectations) for s in suites)
    yield Finding(SUBJECT, "CDM", "ok", f"consortium and {promises} expectations of the CDM load")


def check_vocabulary(look: Look) -> Iterator[Finding]:
    """A release is loaded, whole, of this program's format and not old."""
    release = current_release(look.settings)
    lost = [n for n in (*vocabulary_tables(), *LOOKUPS) if not release.table(n).exists()]
    if lost:
        yield Finding(
            VOCABULARY, "release", "fail", f"{release.name} lacks its tables {', '.join(lost)}",
            f"etl vocabulary remove {release.name}, then load its bundle again",
        )  # fmt: skip
        return
    text = f"{release.version} ({release.name}), {release.rows.get('concept', 0):,} concepts"
    day = _day_of(release)
    age = (look.now.date() - day).days if day else 0
    if age > _OLD_DAYS:
        step = "download a newer bundle from Athena; compare it: etl vocabulary load DIR, etl vocabulary diff"
        yield Finding(VOCABULARY, "release", "warn", f"{text}; it is {age} days old", step)
    else:
        yield Finding(VOCABULARY, "release", "ok", text)


def _day_of(release: Release) -> date | None:
    """The day in a version such as `v5.0 29-AUG-25` or `v5.0 2026-11-01`, or None."""
    for pattern, form in ((r"\d{1,2}-[A-Za-z]{3}-\d{2}(?!\d)", "%d-%b-%y"), (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d")):
        if match := re.search(pattern, release.version):
            try:
                return datetime.strptime(match[0], form).date()
            except ValueError:
                continue
    return None


def check_other_releases(look: Look) -> Iterator[Finding]:
    """Releases that an older program loaded, and nights that were published with another one than the next will use."""
    settings = look.settings
    loaded = releases(settings)
    folders = {m.parent.name for m in settings.vocabularies.glob(f"[!.]*/{MARKER}")}
    for name in sorted(folders - {r.name for r in loaded}):
        yield Finding(
            VOCABULARY, "old format", "warn", f"{name} was loaded by an older program and is of no use to this one",
            f"etl vocabulary load DIR with its bundle, or remove the folder {settings.vocabularies / name}",
        )  # fmt: skip
    if not loaded or look.ledger is None:
        return
    current = current_release(settings)
    query = sa.select(RUN.c.hospital).where(
        RUN.c.run_id.in_([p["run_id"] for h in look.hospitals if (p := look.ledger.last_published(h))]),
        RUN.c.vocabulary != current.version,
    )
    behind = sorted({row["hospital"] for row in look.ledger.read(query)})
    if behind:
        text = f"published with another release: {', '.join(behind)}; their next night maps everybody again"
        yield Finding(VOCABULARY, "published", "ok", text)
