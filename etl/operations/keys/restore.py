"""Puts a key store back from an encrypted copy, unless ids were given out since the copy was made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import pyrage

from etl.errors import ConfigError, InputError, of_file_system
from etl.night.lake.layers import landed_marks
from etl.operations.keys.backup import MANIFEST, scratch
from etl.settings import Settings
from etl.store.keys.fitting import file_of, misfit
from etl.store.keys.keystore import secret_fits
from etl.store.ledger.ledger import Ledger
from etl.store.marks import SaidMarks
from etl.store.warehouse.open import open_warehouse


@dataclass(frozen=True, slots=True)
class Unlock:
    """What opens a copy: the file of an identity of age, or a passphrase."""

    identity: Path | None = None
    passphrase: str | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """A store that was put back, from a copy made at a time, and where the one before lies now."""

    hospital: str
    made_at: str
    before: Path | None


def restore(settings: Settings, copy: Path, hospital: str, number: int, unlock: Unlock) -> Restored:
    """Put back the store of a hospital; the caller holds the hospital's lock.

    What was there is kept beside it. ConfigError, and nothing is changed, where the copy cannot be opened, is older
    than what is published or has landed, is of another store, or was made with another secret.
    """
    with scratch(settings) as place:
        said = _unpack(copy, hospital, place, unlock)
        found = place / f"{hospital}.sqlite"
        _refuse_older(settings, found, hospital, number)
        secret = settings.key_secret
        if secret and secret_fits(found, hospital, secret.get_secret_value()) is False:
            raise ConfigError(
                f"the copy of {hospital} was made with another ETL_KEY_SECRET than the one that is set",
                hint="set the secret that held when the copy was made; etl keys rotate changes it afterwards",
            )
        try:
            before = _swap(found, file_of(settings, hospital))
        except OSError as error:
            raise of_file_system(error) from None
    return Restored(hospital, str(said["made_at"]), before)


def _unpack(copy: Path, hospital: str, place: Path, unlock: Unlock) -> dict[str, Any]:
    """Decrypt a copy and take one store out of it; what its manifest says."""
    plain = place / "keys.tar"
    decrypt(copy, plain, unlock)
    try:
        with tarfile.open(plain) as archive:
            said: dict[str, Any] = json.loads(member(archive, MANIFEST).read())
            with (place / f"{hospital}.sqlite").open("wb") as file:
                shutil.copyfileobj(member(archive, f"{hospital}.sqlite"), file)
        wanted = said["stores"][hospital]
    except (tarfile.TarError, KeyError, ValueError):
        raise InputError(f"{copy.name} holds no key store of {hospital}", hint="choose another back-up") from None
    with (place / f"{hospital}.sqlite").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != wanted["sha256"]:
            raise InputError(f"the store of {hospital} in {copy.name} is not what was backed up",
                             hint="choose another back-up")  # fmt: skip
    marks = SaidMarks(wanted["store"], {n: (h, c) for n, (h, c) in wanted["marks"].items()}).read()
    if why := misfit(place / f"{hospital}.sqlite", marks):
        raise InputError(f"the store of {hospital} in {copy.name} {why}", hint="choose another back-up")
    return said


def member(archive: tarfile.TarFile, name: str) -> IO[bytes]:
    """A file in an archive; KeyError where it is not there."""
    found = archive.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def decrypt(copy: Path, plain: Path, unlock: Unlock) -> None:
    """Write what a copy holds to a file; ConfigError where it cannot be opened."""
    try:
        if unlock.identity:
            text = unlock.identity.read_text(encoding="utf-8")
            keys = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
            pyrage.decrypt_file(str(copy), str(plain), [pyrage.x25519.Identity.from_str(key) for key in keys])
        else:
            plain.write_bytes(pyrage.passphrase.decrypt(copy.read_bytes(), unlock.passphrase or ""))
    except OSError as error:
        if error.errno is not None:
            raise of_file_system(error) from None
        raise _locked(copy) from None  # the library's word for content that was changed
    except (pyrage.DecryptError, pyrage.IdentityError):
        raise _locked(copy) from None


def _locked(copy: Path) -> ConfigError:
    return ConfigError(
        f"{copy.name} cannot be opened: it is encrypted for another key, or was changed",
        hint="--identity FILE with the private key of age, or ETL_KEY_BACKUP_PASSPHRASE",
    )


def _refuse_older(settings: Settings, found: Path, hospital: str, number: int) -> None:
    """The copy must have come as far as what is published, and as what has landed with the same store since."""
    known = open_warehouse(settings).key_marks(hospital, number)
    if known is None and not Ledger(settings.ledger_url).gave_ids(hospital):
        return
    landed = landed_marks(settings.stage_folder("land", hospital))
    same = [m for m in landed if known is None or m.store == known.store or not known.store]
    for marks in ([known] if known else []) + same[-1:]:
        if why := misfit(found, marks):
            raise ConfigError(
                f"the copy of {hospital} does not reach as far as the nights that are published or landed: it {why}",
                hint="choose a newer back-up; only if there is none: docs/operations.md, 'lost for good'",
            )


def _swap(found: Path, file: Path) -> Path | None:
    """Put a store in the place of the one that is there, which is kept; a cut between leaves no mixture of both."""
    before = None
    if file.exists():
        before = file.with_name(f"{file.stem}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}.sqlite")
        parts = [part for part in (file, *(file.with_name(f"{file.name}{end}") for end in ("-wal", "-shm"))) if
                 part.exists()]  # fmt: skip
        for part in parts:
            shutil.copy2(part, before.with_name(part.name.replace(file.name, before.name)))
    for end in ("-wal", "-shm"):  # what belongs to the store before must not be taken for the new one's
        file.with_name(f"{file.name}{end}").unlink(missing_ok=True)
    found.chmod(0o600)
    with found.open("rb") as new:
        os.fsync(new.fileno())
    found.replace(file)
    with closing(sqlite3.connect(file)) as con:
        con.execute("pragma journal_mode = wal")
    return before
