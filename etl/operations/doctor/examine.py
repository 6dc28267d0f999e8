"""The checks in their order, and running them all: one that breaks off is a finding, too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import psycopg

from etl.errors import ConfigError, EtlError, nearest
from etl.faults import as_etl_error
from etl.operations.doctor import (
    achilles,
    airflow,
    anchors,
    definitions,
    grown,
    keys,
    machine,
    nights,
    spaces,
    storage,
    warehouse,
)
from etl.operations.doctor.finding import Finding, Look, from_error
from etl.operations.plan import load_scheduling, read_plans
from etl.settings import Settings
from etl.store.postgres.connect import as_etl_error as of_server

Check = Callable[[Look], Iterable[Finding]]
CHECKS: tuple[tuple[str, Check], ...] = (
    (machine.SUBJECT, machine.check_settings),
    (machine.SUBJECT, machine.check_resources),
    (machine.SUBJECT, machine.check_time_zone),
    (machine.SUBJECT, machine.check_extensions),
    (keys.SUBJECT, keys.check_secret),
    (keys.SUBJECT, keys.check_identity),
    (keys.SUBJECT, keys.check_permissions),
    (keys.SUBJECT, keys.check_room),
    (keys.SUBJECT, keys.check_backup),
    (definitions.SUBJECT, definitions.check_mappings),
    (definitions.SUBJECT, definitions.check_shared),
    (definitions.VOCABULARY, definitions.check_vocabulary),
    (definitions.VOCABULARY, definitions.check_other_releases),
    (warehouse.SUBJECT, warehouse.check_warehouse),
    (achilles.SUBJECT, achilles.check_achilles),
    (anchors.SUBJECT, anchors.check_anchors),
    (spaces.SUBJECT, spaces.check_spaces),
    (spaces.SUBJECT, spaces.check_orders),
    (storage.SUBJECT, storage.check_rights),
    (storage.SUBJECT, storage.check_room),
    (storage.SUBJECT, storage.check_files),
    (storage.SUBJECT, storage.check_scratch),
    (storage.SUBJECT, storage.check_at_rest),
    (nights.SUBJECT, nights.check_drops),
    (grown.SUBJECT, grown.check_grown),
    (nights.RUNS, nights.check_locks),
    (nights.RUNS, nights.check_record),
    (nights.RUNS, nights.check_cut_off),
    (airflow.SUBJECT, airflow.check_airflow),
)


def look_at(
    settings: Settings, hospitals: Sequence[str], environment: Mapping[str, str] | None = None,
    now: datetime | None = None,
) -> Look:  # fmt: skip
    """What the checks look at; ConfigError when a hospital is not known or a setting is wrong."""
    plans = {p.hospital: p for p in read_plans(settings.mappings)}
    if unknown := [h for h in hospitals if h not in plans]:
        raise ConfigError(f"there is no hospital '{unknown[0]}' in {settings.mappings}{nearest(unknown[0], plans)}")
    asked = tuple(plans[h] for h in dict.fromkeys(hospitals)) or tuple(plans.values())
    return Look(settings, load_scheduling(), asked, environment or os.environ, now or datetime.now(UTC))


def examine(look: Look, tell: Callable[[str], None] = lambda _: None) -> list[Finding]:
    """The findings of all checks, in their order."""
    found: list[Finding] = []
    for subject, check in CHECKS:
        tell(subject)
        found += _findings(subject, check, look)
    return found


def _findings(subject: str, check: Check, look: Look) -> Iterator[Finding]:
    what = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        yield from check(look)
    except EtlError as error:
        yield from_error(subject, what, error)
    except psycopg.Error as error:
        yield from_error(subject, what, of_server(error))
    except Exception as error:  # a check that fails must not keep the others from telling
        yield from_error(subject, what, as_etl_error(error))


def exit_code(found: Iterable[Finding]) -> int:
    """0 when nothing fails; 4 when a person has to correct something, else 5."""
    codes = {f.code for f in found if f.state == "fail"}
    return min(codes, default=0)
