"""Loads the checks of ours: every `.yaml` and `.sql` of a folder, judged before anything of it may run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.errors import ConfigError, Problem
from etl.files import read_bytes
from etl.quality.battery.checks import Check
from etl.quality.battery.own import bind, of_queries, of_tables
from etl.quality.battery.own.items import Misshapen, compose, items


def load_own(folder: Path) -> list[Check]:
    """The checks written in a folder, none where there is no folder.

    ConfigError with file and line for everything that is not understood; nothing of a check was executed then.
    """
    files = sorted([*folder.glob("*.yaml"), *folder.glob("*.sql")])
    if not files:
        return []
    with bind.bare() as con:
        made = [each for file in files for each in _of_file(file, con)]
    found = [each for each in made if isinstance(each, Check)]
    problems = [*(each for each in made if isinstance(each, Problem)), *_twice(found)]
    if problems:
        raise ConfigError("\n".join(map(str, problems)), hint=f"correct the lines named above in {folder}")
    return found


def _of_file(file: Path, con: DuckDBPyConnection) -> Iterator[Check | Problem]:
    try:
        text = read_bytes(file).decode("utf-8")
        if file.suffix == ".sql":
            yield from of_queries.checks_of(file, text, con)
        else:
            yield from of_tables.checks_of(items(compose(text, file.name), file.name), con)
    except Misshapen as error:
        yield error.problem
    except (OSError, UnicodeDecodeError) as error:
        yield Problem(file.name, 1, "-", f"cannot be read: {type(error).__name__}")


def _twice(found: list[Check]) -> Iterator[Problem]:
    places: dict[str, str] = {}
    for check in found:
        place = check.own.place if check.own else ""
        if check.id in places:
            file, _, line = place.rpartition(":")
            yield Problem(file, int(line), "check", f"'{check.id}' is there already: {places[check.id]}")
        places.setdefault(check.id, place)
