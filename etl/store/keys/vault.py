"""What a hospital's key store knows beside ids, so that landing finds it in free text: names, and numbers as they are
written.

Names are sealed with AES-GCM under a key that comes from `ETL_KEY_SECRET`: who has the file alone reads none. They lie
in blocks, each what was new in one landing. Record numbers are HMACs, as everywhere in the key store; of one that is
written with other letters than it is compared by (0012-3456), the HMAC of the plain one is kept, too.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from etl.errors import ConfigError, TransientError
from etl.store.keys.ring import Ring

_NONCE = 12
_CHUNK = 100_000


class Vault:
    """The names and plain record numbers in an open key store; `ring` holds the hospital's keys."""

    def __init__(self, con: sqlite3.Connection, ring: Ring) -> None:
        self._con = con
        self._ring = ring
        self._cipher = names_cipher(ring.newest)
        con.executescript(
            """
            create table if not exists sealed_names (block integer primary key, names blob not null);
            create table if not exists plain_number (mac blob primary key) without rowid;
            """
        )

    def names(self) -> Any:
        """All names that were ever delivered, as texts."""
        blocks = [pa.array([], pa.string())]
        for block, sealed in self._con.execute("select block, names from sealed_names order by block"):
            try:
                opened = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"%d" % block)
            except InvalidTag:
                raise ConfigError(
                    "names in the key store cannot be opened: its file was damaged or changed",
                    hint="restore the key store from its last copy",
                ) from None
            blocks.append(pa.array(zlib.decompress(opened).decode().split("\n"), pa.string()))
        return pa.concat_arrays(blocks)

    def add_names(self, names: Any) -> None:
        """Keep names that are not yet there; none holds a line end."""
        if not len(names):
            return
        with self._writing():
            (last,) = self._con.execute("select coalesce(max(block), 0) from sealed_names").fetchone()
            for i, first in enumerate(range(0, len(names), _CHUNK), start=1):
                sealed = self._sealed(last + i, names.slice(first, _CHUNK).to_pylist())
                self._con.execute("insert into sealed_names values (?, ?)", (last + i, sealed))

    def _sealed(self, block: int, names: Sequence[str]) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._cipher.encrypt(nonce, zlib.compress("\n".join(names).encode(), 1), b"%d" % block)

    def add_plain_numbers(self, numbers: Iterable[str]) -> None:
        """Keep the HMACs of record numbers as they are compared."""
        with self._writing():
            self._con.executemany("insert or ignore into plain_number values (?)", ((self._mac(n),) for n in numbers))

    def known_numbers(self) -> NDArray[np.uint64]:
        """The beginnings of the HMACs of all record numbers, sorted."""
        found = self._con.execute(
            "select mac from key where namespace = 'person' union all select mac from plain_number"
        )
        known = array("Q")
        while rows := found.fetchmany(_CHUNK):
            known.frombytes(b"".join(mac[:8] for (mac,) in rows))
        numbers = np.frombuffer(known, dtype="<u8")
        numbers.sort()
        return numbers

    def numbers_like(self, numbers: Sequence[str]) -> NDArray[np.uint64]:
        """The beginnings of the HMACs of numbers found in a text."""
        return np.frombuffer(b"".join(self._mac(n)[:8] for n in numbers), dtype="<u8")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction: all of it, or nothing."""
        try:
            self._con.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._con.execute("rollback")
                raise
            self._con.execute("commit")
        except sqlite3.OperationalError as error:
            raise TransientError(f"the key store cannot be written: {error}", hint="run again") from error

    def _mac(self, number: str) -> bytes:
        return self._ring.mac("person", number)


def names_cipher(key: bytes) -> AESGCM:
    """What names are sealed with under a key."""
    return AESGCM(hmac.digest(key, b"names", "sha256"))


def reseal(con: sqlite3.Connection, before: AESGCM, after: AESGCM) -> None:
    """Seal all blocks of names anew, in the transaction of `con`; cryptography's InvalidTag where one is damaged."""
    for (block,) in con.execute("select block from sealed_names").fetchall():
        (sealed,) = con.execute("select names from sealed_names where block = ?", [block]).fetchone()
        nonce = secrets.token_bytes(_NONCE)
        opened = before.decrypt(sealed[:_NONCE], sealed[_NONCE:], b"%d" % block)
        again = nonce + after.encrypt(nonce, opened, b"%d" % block)
        con.execute("update sealed_names set names = ? where block = ?", (again, block))
