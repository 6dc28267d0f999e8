"""Builds a space: of one published state, in scratch, and there only when it holds what its policy asks."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from duckdb import DuckDBPyConnection
from sqlalchemy.engine import URL

from etl.engine import load_cipher, scratch_folder
from etl.errors import ConfigError, GateClosed, TransientError
from etl.files import write_atomically
from etl.pages.disclosure import told_persons
from etl.quality.findings.actions import today
from etl.research.concepts.usage import strictest_small_cell
from etl.research.spaces import kept, on_postgres, vault
from etl.research.spaces.adequacy import Measured, measure
from etl.research.spaces.codes import find_rare
from etl.research.spaces.definition import Definition
from etl.research.spaces.destroy import finish
from etl.research.spaces.page import REPORT, write_report
from etl.research.spaces.persons import ANYBODY, KEY, find_persons, leave_out, number_persons, quasi_identifiers
from etl.research.spaces.policy import Policy, policy
from etl.research.spaces.twin import write_twin
from etl.research.spaces.window import shown
from etl.research.spaces.write import write_tables
from etl.settings import Settings
from etl.sql import literal
from etl.store.ledger.ledger import now
from etl.store.warehouse.open import open_warehouse
from etl.store.warehouse.protocol import Warehouse

Tell = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What was built, or would have been: how it measures, and what of its policy it fails.

    `in_twin` are the dummy persons that the cohort's query finds; None: it reads tables that the space has not.
    """

    definition: Definition
    measured: Measured
    failures: list[str]
    left_out: int
    rows: Mapping[str, int]
    in_twin: int | None
    seconds: float


class NotAdequate(GateClosed):
    """A space that does not hold what its policy asks: it was measured, and nothing of it stands."""

    def __init__(self, built: Built, message: str, hint: str) -> None:
        """Keep what was measured."""
        super().__init__(message, hint=hint)
        self.built = built


def build(settings: Settings, definition: Definition, by: str, tell: Tell, admin: URL | None = None) -> Built:
    """Build the space of a project that has none; NotAdequate, and nothing stands, where its policy does not hold.

    Where the warehouse is on PostgreSQL, `admin` makes the schema and role of the space there; by default the
    warehouse's own login.
    """
    with kept.at_work(settings, definition.name):
        finish(settings, definition.name, admin)
        _must_be_new(settings, definition)
        kept.clear_leftovers(settings, definition.name)
        folder, keys = settings.spaces / f"{kept.BUILDING}{definition.name}", vault.new_keys()
        folder.mkdir(parents=True, mode=0o700)
        try:
            built = _work(settings, definition, folder, keys, tell)
            if built.failures:
                raise _closed(settings, built, _keep_report(settings, folder, definition.name))
            schema = None
            if settings.warehouse.get_backend_name() == "postgresql":
                tell("schema", on_postgres.schema_of(definition.name))
                place = admin or settings.warehouse
                schema = on_postgres.put(place, folder / kept.FILE, keys, definition)
            _stand(settings, built, folder, keys, by, schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return built


def check(settings: Settings, definition: Definition, tell: Tell) -> Built:
    """Build a space in scratch, measure it, and leave nothing of it."""
    with scratch_folder(settings) as folder:
        return _work(settings, definition, folder, vault.new_keys(), tell)


def _must_be_new(settings: Settings, definition: Definition) -> None:
    if definition.until < today():
        raise ConfigError(f"the last day of {definition.name} has passed: {definition.until}", hint="correct `until:`")
    if kept.folder_of(settings, definition.name).exists():
        raise ConfigError(
            f"there is a space {definition.name} already",
            hint="it goes with its request: etl request destroy",
        )


def _work(settings: Settings, definition: Definition, folder: Path, keys: vault.Keys, tell: Tell) -> Built:
    began, rules, warehouse = time.monotonic(), policy(definition.policy), open_warehouse(settings)
    before = _state(warehouse, definition)
    with _at_scratch(settings, warehouse, folder / kept.FILE, keys) as con:
        con.execute("begin")  # every table is of one moment
        measured, left_out, rows = fill(con, definition, rules, tell)
        con.execute("commit")
        failures = measured.failures(rules.adequacy)
        found = None
        if not failures:
            tell("dummy twin", "")
            found = write_twin(
                con, folder / kept.TWIN, definition, shown(definition, rules), strictest_small_cell(settings)
            )
    _must_be_of(warehouse, definition, before)
    write_report(settings, folder, definition, rules, measured, left_out, failures)
    return Built(definition, measured, failures, left_out, rows, found, time.monotonic() - began)


def build_twin(
    settings: Settings, definition: Definition, target: Path, tell: Tell, *, is_approved: bool = True
) -> int | None:
    """Write the dummy twin alone of the space that a definition would give, whether it would open or not.

    Of what is not approved the cohort's query is asked of the twin only, which is drawn of persons whom no query chose:
    whatever such a query asks of the warehouse, what became of it would be an answer.
    Returns how many of its persons the cohort's query finds, as `Built.in_twin`.
    """
    warehouse, rules, keys = open_warehouse(settings), policy(definition.policy), vault.new_keys()
    drawn_of = definition if is_approved else replace(definition, cohort=ANYBODY)
    before = _state(warehouse, definition)
    with scratch_folder(settings) as folder:
        with _at_scratch(settings, warehouse, folder / kept.FILE, keys) as con:
            con.execute("begin")
            fill(con, drawn_of, rules, tell)
            con.execute("commit")
            tell("dummy twin", "")
            days, fewest = shown(definition, rules), strictest_small_cell(settings)
            found = write_twin(con, folder / kept.TWIN, definition, days, fewest)
        _must_be_of(warehouse, definition, before)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.move(folder / kept.TWIN, partial)
        partial.replace(target)
    return found


@contextmanager
def _at_scratch(settings: Settings, warehouse: Warehouse, file: Path, keys: vault.Keys) -> Iterator[DuckDBPyConnection]:
    """A reader of one moment of the warehouse, with a new file attached as `space` that the keys encrypt."""
    with warehouse.reader() as con, scratch_folder(settings) as scratch:
        _prepare(con, settings, scratch)
        con.execute(kept.attach_statement(file, keys, writing=True))
        con.execute(f"set variable {KEY} = {literal(keys.numbers)}")
        yield con
        con.execute("detach space")


def _must_be_of(warehouse: Warehouse, definition: Definition, before: list[object]) -> None:
    if _state(warehouse, definition) != before:
        raise TransientError("a night was published while the space was built", hint="run again")


def fill(
    con: DuckDBPyConnection, definition: Definition, rules: Policy, tell: Tell
) -> tuple[Measured, int, dict[str, int]]:
    """Fill and measure the space that is attached to a reader; returns who was left out, and the rows by table."""
    tell("persons", "")
    find_persons(con, definition, rules)
    known = quasi_identifiers(definition, rules)
    left_out = leave_out(con, known, rules)
    if number_persons(con) == 0:
        raise ConfigError("nobody would be left in the space", hint="ask for more persons, or for a wider policy")
    tell("codes", "")
    find_rare(con, definition, rules)
    rows = write_tables(con, definition, rules, tell)
    tell("measuring", "")
    return measure(con, definition, rules, known), left_out, rows


def _state(warehouse: Warehouse, definition: Definition) -> list[object]:
    """What is published of the hospitals, to be held against what is published later."""
    return [warehouse.published(hospital) for hospital in definition.hospitals]


def _prepare(con: DuckDBPyConnection, settings: Settings, scratch: Path) -> None:
    """Bound what the work takes; what it spills is encrypted, for it holds numbers of the warehouse."""
    load_cipher(con)
    con.execute(f"set memory_limit = {literal(settings.memory)}")
    con.execute(f"set threads = {settings.threads}")
    con.execute(f"set temp_directory = {literal(str(scratch))}")
    con.execute("set enable_progress_bar = false")


def _stand(settings: Settings, built: Built, folder: Path, keys: vault.Keys, by: str, schema: str | None) -> None:
    """Keys into the vault, then the folder to its name, shut: without the folder the keys are a leftover."""
    said = built.definition
    digests = {"definition": said.digest} | {f: kept.digest(folder / f) for f in (kept.FILE, kept.TWIN)}
    about = kept.About(
        said.name, said.title, said.policy, {h: str(n) for h, n in said.hospitals.items()}, built.measured.persons,
        built.left_out, built.rows, built.in_twin, said.until, now().isoformat(timespec="seconds"), by,
        round(built.seconds, 1), digests, schema,
    )  # fmt: skip
    write_atomically(folder / kept.ABOUT, json.dumps(asdict(about), default=str, ensure_ascii=False, indent=1))
    (folder / kept.FILE).replace(folder / kept.SHUT)
    vault.keep(settings, said.name, keys)
    folder.replace(kept.folder_of(settings, said.name))


def _keep_report(settings: Settings, folder: Path, project: str) -> Path:
    """Keep the pages of a space that did not open, for those who decide what to ask for instead; returns the page."""
    refused = settings.spaces / kept.REFUSED / project
    shutil.rmtree(refused, ignore_errors=True)
    for file in (kept.FILE, kept.TWIN):
        (folder / file).unlink(missing_ok=True)
    refused.parent.mkdir(exist_ok=True)
    folder.replace(refused)
    return refused / f"{REPORT}.en.html"


def _closed(settings: Settings, built: Built, page: Path) -> NotAdequate:
    """Why a space does not open: which measures fail, and which quasi-identifier costs how many persons."""
    cell = strictest_small_cell(settings)

    def told(n: int) -> str:
        return told_persons(None, cell) if 0 < n < cell else told_persons(n, None)

    costs = "".join(f"\n  without {name}: {told(n)} persons fewer" for name, n in built.measured.cured.items() if n)
    return NotAdequate(
        built,
        f"the space {built.definition.name} does not hold what its policy asks: {', '.join(built.failures)}; "
        f"{told(built.measured.below)} of {told(built.measured.persons)} persons look like too few others{costs}",
        hint=f"ask for fewer columns, more persons or a stricter policy; all measures: {page}",
    )
