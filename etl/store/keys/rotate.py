"""Changes the secret of key stores, without changing a number.

Whenever it is cut off, the old secret or the new one opens all of them, and it can be done again.

First every store gets the new keys, sealed under both secrets: until the last has them the old secret opens all. Then
every store forgets what was sealed under the old one: from there on the new secret opens all.
"""

from __future__ import annotations

import hmac
import sqlite3
from contextlib import closing
from pathlib import Path

from etl.errors import ConfigError
from etl.store.keys.fitting import damage_told
from etl.store.keys.ring import PROOF, Ring, around, opened, seal
from etl.store.keys.vault import names_cipher, reseal


def rotate(stores: dict[str, Path], old: str, new: str) -> None:
    """Change the secret of `stores` (hospital: file) from `old` to `new`; nobody may work with them meanwhile.

    Run again after it was cut off, it goes on where it was. ConfigError where a store opens by neither.
    """
    for hospital, file in stores.items():
        _check(file, hospital, old, new)
    for hospital, file in stores.items():
        _add(file, hospital, old, new)
    for hospital, file in stores.items():
        _forget(file, hospital, new)


def _check(file: Path, hospital: str, old: str, new: str) -> None:
    with damage_told(hospital), closing(_connect(file)) as con:
        if _proven(con, hospital, new) is None and _proven(con, hospital, old) is None:
            raise ConfigError(
                f"the key store of {hospital} opens by neither the old secret nor the new one",
                hint="nothing was changed in it; give the secret that it has now: etl keys verify",
            )


def _add(file: Path, hospital: str, old: str, new: str) -> None:
    """Lay a new key around what the store holds, sealed under both secrets; nothing where that is done."""
    with closing(_connect(file)) as con:
        con.execute("begin immediate")
        if _proven(con, hospital, new) is None:
            before = _proven(con, hospital, old)
            if before is None:
                raise ConfigError(f"the key store of {hospital} has changed meanwhile", hint="run it again")
            after = before.grown()
            _lay_around(con, after.newest)
            reseal(con, names_cipher(before.newest), names_cipher(after.newest))
            seal(con, hospital, after, old, new)
        con.execute("commit")


def _lay_around(con: sqlite3.Connection, key: bytes) -> None:
    con.create_function("around", 1, lambda mac: around(key, mac), deterministic=True)
    con.execute(
        "create table key_after (namespace text, mac blob, n integer not null, primary key (namespace, mac), "
        "unique (namespace, n)) without rowid"
    )
    con.execute("insert into key_after select namespace, around(mac), n from key")
    con.execute("drop table key")
    con.execute("alter table key_after rename to key")
    con.execute("update proof set mac = around(mac)")
    con.execute("create table plain_after (mac blob primary key) without rowid")
    con.execute("insert into plain_after select around(mac) from plain_number")
    con.execute("drop table plain_number")
    con.execute("alter table plain_after rename to plain_number")


def _forget(file: Path, hospital: str, new: str) -> None:
    """Keep the keys under the new secret only, and no page of before in the file."""
    with closing(_connect(file)) as con:
        ring = _proven(con, hospital, new)
        if ring is None:
            raise ConfigError(f"the key store of {hospital} has changed meanwhile", hint="run it again")
        con.execute("begin immediate")
        seal(con, hospital, ring, new)
        con.execute("commit")
        con.execute("vacuum")
        con.execute("pragma wal_checkpoint(truncate)")


def _proven(con: sqlite3.Connection, hospital: str, secret: str) -> Ring | None:
    """The keys that a secret opens, if they are those that the store was made with."""
    ring = opened(con, hospital, secret)
    row = con.execute("select mac from proof").fetchone()
    return ring if ring and row and hmac.compare_digest(row[0], ring.mac(*PROOF)) else None


def _connect(file: Path) -> sqlite3.Connection:
    con = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=120, isolation_level=None)
    con.execute("pragma secure_delete = on")
    con.execute("pragma synchronous = full")
    con.execute("create table if not exists plain_number (mac blob primary key) without rowid")
    con.execute("create table if not exists sealed_names (block integer primary key, names blob not null)")
    return con
