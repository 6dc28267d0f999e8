"""Anchors: where the log ended each night, noted in a second place that who can change the log should not reach."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from etl.errors import ConfigError, of_file_system
from etl.store.audit.tables import ENTRY, HEAD

_FILE = "audit-anchors.jsonl"


@dataclass(frozen=True, slots=True)
class Anchor:
    """The end of a log at one time: what the log is called, number and digest of its last entry; `at` is UTC."""

    log: str
    number: int
    digest: str
    at: str


def place_of(said: Path) -> Path:
    """The file that anchors are in: the one that is said, or one in the folder that is said."""
    return said / _FILE if said.is_dir() else said


def end_of(con: sa.Connection) -> Anchor | None:
    """The end of the log as it is; None while it is empty."""
    at = sa.select(ENTRY.c.written_at).where(ENTRY.c.number == HEAD.c.number).scalar_subquery()
    log, number, digest, written = con.execute(sa.select(HEAD.c.log, HEAD.c.number, HEAD.c.digest, at)).one()
    return Anchor(log, number, digest, written.isoformat() if written else "") if number else None


def drop(con: sa.Connection, said: Path) -> Anchor | None:
    """Note the end of the log, unless it is the last that is noted; TransientError where it cannot be written."""
    end, file = end_of(con), place_of(said)
    if end is None:
        return None
    noted = read(file)
    if noted and noted[-1] == end:
        return end
    try:
        handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        try:  # one write: lines of two who note at once do not mix
            os.write(handle, (json.dumps(asdict(end), sort_keys=True) + "\n").encode())
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise of_file_system(error) from None
    return end


def read(file: Path) -> list[Anchor]:
    """All anchors, the oldest first; none where there is no file. ConfigError for a line that is no anchor."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"the anchors in {file} cannot be read", hint="see ETL_AUDIT_ANCHORS") from None
    found = []
    for number, text in enumerate(lines, start=1):
        try:
            found.append(Anchor(**json.loads(text)))
        except (TypeError, ValueError):
            raise ConfigError(
                f"{file}:{number} is no anchor of the audit log",
                hint="the file was changed, or a write was cut off: compare it with its back-up",
            ) from None
    return found
