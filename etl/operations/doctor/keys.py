"""The key stores: without them, or with another secret, every patient would get another id."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from etl.errors import EtlError
from etl.operations.doctor.finding import Finding, Look
from etl.operations.keys.backup import BACKED_UP
from etl.store.keys.fitting import file_of, look_into, misfit, misfit_error
from etl.store.keys.keystore import LARGEST, secret_fits
from etl.store.warehouse.open import open_warehouse

SUBJECT = "keys"
_PATIENCE = timedelta(days=2)


def _stores(look: Look) -> dict[str, Path]:
    files = {h: look.settings.keys / f"{h}.sqlite" for h in look.hospitals}
    return {h: f for h, f in files.items() if f.exists()}


def check_secret(look: Look) -> Iterator[Finding]:
    """The secret is set, and is the one that each store was made with."""
    if look.settings.key_secret is None:
        yield Finding(
            SUBJECT, "secret", "fail", "ETL_KEY_SECRET is not set: it turns record numbers into ids",
            "restore it from where it is kept; for a first installation: openssl rand -hex 32",
        )  # fmt: skip
        return
    stores = _stores(look)
    secret = look.settings.key_secret.get_secret_value()
    fits = 0
    for hospital, file in stores.items():
        try:
            if secret_fits(file, hospital, secret) is False:
                yield Finding(
                    SUBJECT, "secret", "fail", f"{hospital}: its key store was made with another ETL_KEY_SECRET",
                    "restore the secret; a new one would give every patient a new id",
                )  # fmt: skip
                continue
        except sqlite3.Error as error:
            text = f"{hospital}: its key store cannot be read ({type(error).__name__})"
            yield Finding(SUBJECT, "store", "fail", text, f"restore {file} from its newest back-up")
            continue
        fits += 1
    if fits == len(stores):
        text = (
            f"the secret is set and fits {fits} key stores" if fits else "the secret is set; no night made a store yet"
        )
        yield Finding(SUBJECT, "secret", "ok", text)


def check_identity(look: Look) -> Iterator[Finding]:
    """Each store is the one that the published ids were given out with, and went as far."""
    try:
        warehouse = open_warehouse(look.settings)
        known = {p.hospital: warehouse.key_marks(p.hospital, p.number) for p in look.plans if p.number}
    except EtlError:
        return  # the checks of the warehouse tell why it cannot be asked
    well = 0
    for hospital, marks in known.items():
        if marks is None:
            continue
        file = file_of(look.settings, hospital)
        try:
            why = misfit(file, marks)
        except sqlite3.Error:  # check_secret has told
            continue
        if why:
            error = misfit_error(hospital, why)
            yield Finding(SUBJECT, "identity", "fail", error.message, error.hint)
        else:
            well += 1
    if well:
        yield Finding(SUBJECT, "identity", "ok", f"{well} key stores are those that the published ids came from")


def check_permissions(look: Look) -> Iterator[Finding]:
    """Nobody but the pipeline's user may look into the key stores."""
    folder = look.settings.keys
    if not folder.exists():
        return
    open_ = [p for p in (folder, *folder.glob("*.sqlite*")) if stat.S_IMODE(p.stat().st_mode) & 0o077]
    if open_:
        names = ", ".join(p.name for p in open_)
        yield Finding(
            SUBJECT, "permissions", "fail", f"others than the pipeline's user may open: {names}",
            f"chmod 0700 {folder} && chmod 0600 {folder}/*.sqlite*",
        )  # fmt: skip
    else:
        yield Finding(SUBJECT, "permissions", "ok", f"{folder} is its owner's alone")


def check_room(look: Look) -> Iterator[Finding]:
    """A store hands out 16.7 million numbers of a kind and no more."""
    for hospital, file in _stores(look).items():
        try:
            with closing(look_into(file)) as con:
                fullest = con.execute("select namespace, max(n) from key group by 1 order by 2 desc limit 1").fetchone()
        except sqlite3.Error:  # check_secret has told
            continue
        if fullest and fullest[1] > LARGEST * 0.8:
            text = f"{hospital}: {fullest[1]:,} of {LARGEST:,} numbers of {fullest[0]} are given away"
            yield Finding(SUBJECT, "room", "warn", text, "plan a second hospital number before they are used up")


def check_backup(look: Look) -> Iterator[Finding]:
    """A lost key store cannot be made again, so its back-up must not be older than its newest numbers."""
    stores = _stores(look)
    if not stores:
        return
    folder = look.settings.keys
    how = "etl keys backup FOLDER, on another machine or medium"
    if not (folder / BACKED_UP).exists():
        yield Finding(SUBJECT, "back-up", "warn", "no back-up of the key stores is noted", how)
        return
    made = _changed(folder / BACKED_UP)
    newest = max(_changed(p) for f in stores.values() for p in (f, f.with_name(f"{f.name}-wal")) if p.exists())
    if newest - made > _PATIENCE:
        text = f"the back-up noted at {made:%Y-%m-%d %H:%M} UTC is {(newest - made).days} days behind the key stores"
        yield Finding(SUBJECT, "back-up", "warn", text, how)
    else:
        yield Finding(SUBJECT, "back-up", "ok", f"noted at {made:%Y-%m-%d %H:%M} UTC")


def _changed(file: Path) -> datetime:
    return datetime.fromtimestamp(file.stat().st_mtime, UTC)
