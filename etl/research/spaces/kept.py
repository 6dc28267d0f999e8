"""Where spaces lie: a folder a project below `ETL_HOME/spaces`, which is there wholly or not at all."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.engine import load_cipher, scratch_folder
from etl.errors import ConfigError, TransientError, UsageError, nearest
from etl.files import read_json
from etl.pages.disclosure import few, in_steps, told_records
from etl.quality.findings.actions import today
from etl.research.spaces import vault
from etl.settings import Settings
from etl.sql import literal

FILE, SHUT, TWIN, ABOUT = "space.duckdb", "space.duckdb.shut", "twin.duckdb", "about.json"
BUILDING, LEAVING, GONE, REFUSED = ".building.", ".destroying.", ".gone.", ".refused"
_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a space that stands: by what it was made, when (UTC), by whom, and its rows by table. `in_twin`
    are the dummy persons that its cohort finds (None: the query reads tables that the space has not).

    `digests` are SHA-256 of the definition and of the files; `schema` names it on PostgreSQL, where it lies there.
    """

    name: str
    title: str
    policy: str
    nights: Mapping[str, str]
    persons: int
    left_out: int
    rows: Mapping[str, int]
    in_twin: int | None
    until: date
    built_at: str
    built_by: str
    seconds: float
    digests: Mapping[str, str]
    schema: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether its last day has passed."""
        return self.until < today()


@contextmanager
def at_work(settings: Settings, project: str, what: str = "space") -> Iterator[None]:
    """The turn to build or destroy a project's space, or to make the step that does (`what`).

    TransientError while another has it.
    """
    file = settings.home / "locks" / f"{what}-{project}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TransientError(
                f"somebody is at work on the space {project}", hint="run again when it is done"
            ) from None
        yield


def told_rows(rows: Mapping[str, int], cell: int) -> dict[str, str]:
    """Rows by table as they are told: few of them in steps of `cell`."""
    return {table: told_records(in_steps(n, few(cell, n)), few(cell, n)) for table, n in rows.items()}


def folder_of(settings: Settings, project: str) -> Path:
    """The folder of a project's space."""
    return settings.spaces / project


def spaces(settings: Settings) -> list[str]:
    """The projects that have a space, by name."""
    return sorted(file.parent.name for file in settings.spaces.glob(f"[!.]*/{ABOUT}"))


def about(settings: Settings, project: str) -> About:
    """What is known of a space; ConfigError where there is none of that name."""
    file = folder_of(settings, project) / ABOUT
    if not re.fullmatch(r"\w+", project) or not file.exists():
        known = spaces(settings)
        raise ConfigError(f"there is no space '{project}'{nearest(project, known)}", hint="the spaces: etl space show")
    return read_json(file, About)


def digest(file: Path) -> str:
    """SHA-256 of a file."""
    made = sha256()
    with file.open("rb") as handle:
        while part := handle.read(_BYTES):
            made.update(part)
    return made.hexdigest()


def is_open(settings: Settings, project: str) -> bool:
    """Whether a space that stands can be used: one is shut until somebody opens it."""
    return (folder_of(settings, project) / FILE).exists()


def set_open(settings: Settings, project: str, *, opened: bool) -> bool:
    """Open or shut a space that stands; whether that changed anything.

    What researchers were given names the file, which has another name while it is shut. Who has it open keeps it
    open until they let go of it.
    """
    folder = folder_of(settings, project)
    before, after = (SHUT, FILE) if opened else (FILE, SHUT)
    if not (folder / before).exists():
        return False
    (folder / before).replace(folder / after)
    return True


def file_of(settings: Settings, project: str) -> Path:
    """The file of a space, open or shut."""
    return folder_of(settings, project) / (FILE if is_open(settings, project) else SHUT)


def clear_leftovers(settings: Settings, project: str) -> None:
    """Remove what a killed build left, with its keys; its turn is held."""
    shutil.rmtree(settings.spaces / f"{BUILDING}{project}", ignore_errors=True)
    if not folder_of(settings, project).exists() and not (settings.spaces / f"{LEAVING}{project}").exists():
        vault.destroy(settings, project)


def attach_statement(file: Path, keys: vault.Keys, *, writing: bool = False) -> str:
    """SQL that opens the file of a space as `space`; it holds the key."""
    mode = "" if writing else ", read_only"
    return f"attach {literal(str(file))} as space (encryption_key {literal(keys.file)}{mode})"


@contextmanager
def open_space(settings: Settings, project: str) -> Iterator[DuckDBPyConnection]:
    """A connection that reads a project's space by its plain names of tables, and no file beside it.

    Nothing is written but into a folder that goes with it: the vault lies on the same machine.
    """
    about(settings, project)
    with (
        scratch_folder(settings) as scratch,
        closing(duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory})) as con,
    ):
        load_cipher(con)
        con.execute(f"set temp_directory = {literal(str(scratch))}")
        con.execute(attach_statement(file_of(settings, project), vault.take(settings, project)))
        con.execute("use space.main")
        con.execute("set enable_external_access = false")
        con.execute("set lock_configuration = true")
        yield con


def write_attach(settings: Settings, project: str, target: Path) -> None:
    """Write the SQL that opens a space, to a new file that only its owner can read: the key is in it.

    ConfigError where the space is shut.
    """
    about(settings, project)
    if not is_open(settings, project):
        raise ConfigError(f"the space {project} is shut", hint="how its request stands: etl request show")
    statement = attach_statement(folder_of(settings, project) / FILE, vault.take(settings, project))
    try:
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"load httpfs;\n{statement};\nuse space.main;\n")
    except FileExistsError:
        raise UsageError(f"{target} is there already", hint="choose another name") from None
