"""Encrypted copies of the key stores, each of one moment, whatever runs meanwhile.

A copy is one file in the format of age (https://age-encryption.org), which its own program opens, too: a tar of the
stores, of what opens a home that is encrypted at rest, and of `manifest.json`, which says how far each store had come.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import psutil
import pyrage

from etl.at_rest import SEALED, home_key
from etl.errors import ConfigError, of_file_system
from etl.settings import Settings
from etl.store.keys.fitting import damage_told, file_of, marks_in
from etl.store.marks import Marks

MANIFEST, ENDING = "manifest.json", ".tar.age"
#: The doctor looks at the age of this file in the folder of the key stores.
BACKED_UP = ".backed-up"
#: The key file of encryption at rest, as it is called in a copy.
AT_REST = "at-rest.keys"
_SCRATCH = ".copy-"
_SHORTEST = 16  # characters of a passphrase


@dataclass(frozen=True, slots=True)
class Lock:
    """How a copy is encrypted: for a public key of age (`age1…`), or under a passphrase (scrypt)."""

    recipient: str | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """A copy that was made: its file, and how far each store had come."""

    file: Path
    marks: dict[str, Marks]


def back_up(settings: Settings, hospitals: Iterable[str], folder: Path, lock: Lock) -> Copy:
    """Write one encrypted copy of the stores into `folder`, and note that it was done.

    ConfigError where the key to encrypt for is none, or a store is missing or damaged; TransientError where the disk
    refuses. The file is there wholly or not at all.
    """
    made = datetime.now(UTC)
    target = folder / f"keys-{made:%Y%m%dT%H%M%S}Z{ENDING}"
    with scratch(settings) as place:
        marks = {hospital: _snapshot(file_of(settings, hospital), hospital, place) for hospital in hospitals}
        if not marks:
            raise ConfigError("there is no key store to back up", hint="the first night of a hospital makes its store")
        said = {"made_at": made.isoformat(), "stores": {h: _said(place / f"{h}.sqlite", m) for h, m in marks.items()}}
        try:
            _pack(place, said, _at_rest(settings))
            folder.mkdir(parents=True, exist_ok=True)
            partial = folder / f".{target.name}.{os.getpid()}"
            _encrypt(place / "keys.tar", partial, lock)
            partial.chmod(0o600)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
            (settings.keys / BACKED_UP).touch()
        except OSError as error:
            raise of_file_system(error) from None
    return Copy(target, marks)


@contextmanager
def scratch(settings: Settings) -> Iterator[Path]:
    """A folder beside the stores, as closed as theirs, that is gone afterwards."""
    settings.keys.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in settings.keys.glob(f"{_SCRATCH}*"):  # of a process that was killed: it holds stores in plain
        if not psutil.pid_exists(int(left.name.split("-")[1])):
            shutil.rmtree(left, ignore_errors=True)
    place = Path(mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=settings.keys))
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _snapshot(file: Path, hospital: str, place: Path) -> Marks:
    """Copy a store as it is at one moment, and look how far it had come then."""
    if not file.exists():
        raise ConfigError(f"the key store of {hospital} is missing", hint="etl keys verify")
    copy = place / f"{hospital}.sqlite"
    read_only = f"{file.as_uri()}?mode=ro"
    with (
        damage_told(hospital),
        closing(sqlite3.connect(read_only, uri=True, timeout=120)) as source,
        closing(sqlite3.connect(copy)) as target,
    ):
        source.backup(target)
        target.execute("pragma journal_mode = delete")
        (fine,) = target.execute("pragma quick_check").fetchone()
    if fine != "ok":
        raise ConfigError(f"the key store of {hospital} is damaged", hint="etl keys restore, from the newest back-up")
    return marks_in(copy)


def _said(copy: Path, marks: Marks) -> dict[str, Any]:
    with copy.open("rb") as file:
        return {"sha256": hashlib.file_digest(file, "sha256").hexdigest(), **marks.as_json()}


def _at_rest(settings: Settings) -> dict[str, Path]:
    """What opens a home that is encrypted at rest, by what it is called in a copy."""
    key = home_key(settings)
    if key is None or settings.at_rest_key_file is None:
        return {}
    return {AT_REST: settings.at_rest_key_file, SEALED: settings.home / SEALED}


def _pack(place: Path, said: dict[str, Any], besides: Mapping[str, Path]) -> None:
    text = json.dumps(said, indent=1, sort_keys=True).encode()
    with tarfile.open(place / "keys.tar", "w") as archive:
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
        for name, file in besides.items():
            archive.add(file, name)
        for hospital in said["stores"]:
            archive.add(place / f"{hospital}.sqlite", f"{hospital}.sqlite")
            (place / f"{hospital}.sqlite").unlink()


def _encrypt(plain: Path, target: Path, lock: Lock) -> None:
    if lock.recipient:
        try:
            recipient = pyrage.x25519.Recipient.from_str(lock.recipient)
        except pyrage.RecipientError:
            raise ConfigError("ETL_KEY_BACKUP_RECIPIENT is no public key of age", hint="such as age1…: age-keygen"
                              ) from None  # fmt: skip
        pyrage.encrypt_file(str(plain), str(target), [recipient])
    elif lock.passphrase and len(lock.passphrase) >= _SHORTEST:
        target.write_bytes(pyrage.passphrase.encrypt(plain.read_bytes(), lock.passphrase))
    else:
        raise ConfigError(
            "nothing to encrypt the back-up with",
            hint=f"ETL_KEY_BACKUP_RECIPIENT=age1… or ETL_KEY_BACKUP_PASSPHRASE, {_SHORTEST} characters or more",
        )
