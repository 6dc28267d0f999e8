"""The key store of one hospital: the only place that links an identifier to the number that replaces it.

A number n is handed out once per (namespace, identifier) and never again. The store holds a keyed HMAC-SHA256 of the
identifier, not the identifier; the key is `ETL_KEY_SECRET`, mixed with the hospital's name. It is a SQLite file of
its own, outside lake and warehouse. What else it knows, for free text, is in `vault`.

Every time that numbers are handed out it notes a mark: the highest of them, and a hash over all so far. What was made
with a store keeps its marks, by which a copy that is older, or went on elsewhere, is known (`etl.store.keys.fitting`).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from etl.cdm.namespaces import Namespace
from etl.errors import ConfigError, TransientError
from etl.settings import Settings
from etl.store.keys.fitting import damage_told, file_of, look_into
from etl.store.keys.vault import Vault
from etl.store.marks import Mark, Marks

LARGEST = (1 << 24) - 1
#: What a store's file is by its `user_version`; 0: written before that was noted.
VERSION = 2
_PROOF = ("proof", "proof")


_MAC = np.dtype("S16")  # all are as long as that, so that a last byte of zero is no end
_AT_ONCE = 1 << 16  # values that are objects of their own at a time
_Macs = npt.NDArray[np.bytes_]
_Numbers = npt.NDArray[np.int64]


def _each(macs: _Macs) -> Iterator[bytes]:
    """The HMACs one by one, as they are kept."""
    whole = memoryview(macs.tobytes())
    return (bytes(whole[begin : begin + _MAC.itemsize]) for begin in range(0, len(whole), _MAC.itemsize))


def _key(hospital: str, secret: str) -> bytes:
    return hmac.digest(secret.encode(), f"omop-etl/{hospital}".encode(), "sha256")


def _mac(key: bytes, namespace: str, value: str) -> bytes:
    return hmac.digest(key, f"{namespace}\x1f{value}".encode(), "sha256")[:16]


def secret_fits(file: Path, hospital: str, secret: str) -> bool | None:
    """Whether the store in `file` was made with this secret, only by reading it; None when it holds no proof.

    Raises sqlite3.Error when it cannot be read.
    """
    with closing(look_into(file)) as con:
        row = con.execute("select mac from proof").fetchone()
    return hmac.compare_digest(row[0], _mac(_key(hospital, secret), *_PROOF)) if row else None


class KeyStore:
    """Hands out and finds ids `hospital number << 24 | n` for the identifiers of one hospital."""

    def __init__(self, file: Path, hospital: str, number: int, secret: str) -> None:
        """Open (or create) the store in `file`; ConfigError when it was made with another secret or number."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._base = number << 24
        self._key = _key(hospital, secret)
        self._con = sqlite3.connect(file, timeout=120, isolation_level=None)
        file.chmod(0o600)
        with damage_told(hospital):
            self._prepare()
            self._prove()
            self._keep_number(hospital, number)
            self._mark_old()
            self.vault = Vault(self._con, self._key)

    def _prepare(self) -> None:
        """Make what is missing of the tables; ConfigError when a newer program made the store."""
        (version,) = self._con.execute("pragma user_version").fetchone()
        if version > VERSION:
            raise ConfigError(
                f"the key store is of version {version}; this program writes version {VERSION}",
                hint="a newer version of the program has used this home: run that one",
            )
        self._con.executescript(
            f"""
            pragma journal_mode = wal;
            create table if not exists key (namespace text, mac blob, n integer not null,
                primary key (namespace, mac), unique (namespace, n)) without rowid;
            create table if not exists proof (one integer primary key check (one = 1), mac blob, store text);
            create table if not exists waiting (n integer primary key);
            create table if not exists hospital (one integer primary key check (one = 1), number integer not null);
            create table if not exists mark (namespace text, n integer, chain text, primary key (namespace, n))
                without rowid;
            pragma user_version = {VERSION};
            """
        )

    def _mark_old(self) -> None:
        """Mark how far a store had come that an earlier program made."""
        self._con.execute("begin immediate")
        unmarked = self._con.execute(
            "select distinct namespace from key where namespace not in (select namespace from mark)"
        ).fetchall()
        for (namespace,) in unmarked:
            macs = self._con.execute("select mac from key where namespace = ? order by n", [namespace])
            self._mark(namespace, self._highest(namespace), (mac for (mac,) in macs))
        self._con.execute("commit")

    def _highest(self, namespace: str) -> int:
        query = "select coalesce(max(n), 0) from key where namespace = ?"
        return int(self._con.execute(query, [namespace]).fetchone()[0])

    def _mark(self, namespace: str, highest: int, new: Iterable[bytes]) -> None:
        """Note that the numbers up to `highest` are handed out, `new` being the HMACs since the last mark in order."""
        query = "select chain from mark where namespace = ? order by n desc limit 1"
        last = self._con.execute(query, [namespace]).fetchone()
        digest = hashlib.sha256((last[0] if last else "").encode())
        for mac in new:
            digest.update(mac)
        self._con.execute("insert into mark values (?, ?, ?)", (namespace, highest, digest.hexdigest()[:32]))

    def marks(self) -> Marks:
        """How far the store has come."""
        rows = self._con.execute("select namespace, max(n), chain from mark group by namespace")
        return Marks(self.id, {namespace: Mark(n, chain) for namespace, n, chain in rows})

    def _prove(self) -> None:
        """Refuse a secret that is not the one the store was made with: it would give everyone a second id."""
        mine = self._mac(*_PROOF)
        self._con.execute("insert or ignore into proof values (1, ?, ?)", (mine, secrets.token_hex(8)))
        stored, self.id = self._con.execute("select mac, store from proof").fetchone()
        if not hmac.compare_digest(stored, mine):
            raise ConfigError(
                "ETL_KEY_SECRET is not the secret this key store was made with",
                hint="restore the secret; a new one would give every patient a new id",
            )

    def _keep_number(self, hospital: str, number: int) -> None:
        """Refuse another number than the one that ids were given out with: all its patients would be there twice."""
        self._con.execute("insert or ignore into hospital values (1, ?)", (number,))
        (first,) = self._con.execute("select number from hospital").fetchone()
        if first != number:
            raise ConfigError(
                f"the number of {hospital} is {number}, but its patients' ids were given out with {first}",
                hint=f"a number is fixed for life: write `number: {first}` in {hospital}/hospital.yaml again",
            )

    def _mac(self, namespace: str, value: str) -> bytes:
        return _mac(self._key, namespace, value)

    def _macs(self, namespace: str, values: pa.Array[pa.StringScalar]) -> _Macs:
        """The HMAC of each value, in their order: 16 bytes each, however many they are."""
        macs = bytearray()
        for begin in range(0, len(values), _AT_ONCE):
            for value in values.slice(begin, _AT_ONCE).to_pylist():
                macs += self._mac(namespace, str(value))
        return np.frombuffer(macs, _MAC)

    def digests(self, texts: Iterable[str]) -> list[str]:
        """Keyed digests of texts of which it must be known only whether they are the same."""
        return [self._mac("text", text).hex() for text in texts]

    def register(
        self, namespace: Namespace, values: Sequence[str] | pa.Array[pa.StringScalar], *, naming: bool = False
    ) -> pa.Table:
        """Ids of distinct `values`, handing out new ones; columns `raw` (text) and `id` (int64).

        New numbers follow the order of the HMACs, so that they tell nothing about the order of the file. New persons
        whom a row is only `naming` wait until one that registers them comes (see `waiting`).
        """
        values = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        macs = self._macs(namespace, values)
        try:
            self._con.execute("begin immediate")
            known, numbers = self._find(namespace, macs)
            new = np.setdiff1d(macs, known)
            first = self._highest(namespace) + 1
            if first + len(new) - 1 > LARGEST:
                self._con.execute("rollback")
                raise ConfigError(f"the key store is full: {namespace} has more than {LARGEST:,} members")
            self._con.executemany(
                "insert into key values (?, ?, ?)", ((namespace, mac, n) for n, mac in enumerate(_each(new), first))
            )
            if len(new):
                self._mark(namespace, first + len(new) - 1, _each(new))
            if namespace == "person":
                handed = range(first, first + len(new))
                self._wait(handed if naming else (), () if naming else map(int, numbers))
            self._con.execute("commit")
        except sqlite3.OperationalError as error:
            raise TransientError(f"the key store cannot be written: {error}", hint="run again") from error
        every = np.concatenate([known, new])
        numbers = np.concatenate([numbers, np.arange(first, first + len(new), dtype=np.int64)])
        order = np.argsort(every)
        ids = self._base | numbers[order[np.searchsorted(every, macs, sorter=order)]]
        return pa.table({"raw": values, "id": pa.array(ids, pa.int64())})

    def _wait(self, new: Iterable[int], came: Iterable[int]) -> None:
        """Note persons who are named only, and that others came."""
        self._con.executemany("insert or ignore into waiting values (?)", ((n,) for n in new))
        if self._con.execute("select 1 from waiting limit 1").fetchone():
            self._con.executemany("delete from waiting where n = ?", ((n,) for n in came))

    def waiting(self) -> Any:
        """Ids of persons who were named and of whom no row that registers them ever came; an array of int64."""
        waiting = self._con.execute("select n from waiting").fetchall()
        return pa.array([self._base | n for (n,) in waiting], pa.int64())

    def _find(self, namespace: str, macs: _Macs) -> tuple[_Macs, _Numbers]:
        """The MACs that are known, and their numbers; set-based through a temporary table."""
        self._con.execute("create temp table if not exists asked (mac blob primary key) without rowid")
        self._con.execute("delete from temp.asked")
        self._con.executemany("insert or ignore into temp.asked values (?)", ((m,) for m in _each(macs)))
        found = self._con.execute(
            "select mac, n from key join temp.asked using (mac) where namespace = ?", (namespace,)
        )
        known, numbers = bytearray(), array("q")
        for mac, n in found:
            known += mac
            numbers.append(n)
        self._con.execute("delete from temp.asked")
        return np.frombuffer(known, _MAC), np.frombuffer(numbers, np.int64)

    def close(self) -> None:
        """Close the file."""
        self._con.close()


def open_key_store(settings: Settings, hospital: str, number: int) -> KeyStore:
    """The hospital's key store; ConfigError when no secret is set."""
    if settings.key_secret is None:
        raise ConfigError(
            "ETL_KEY_SECRET is not set: it turns record numbers into ids",
            hint="set it to at least 32 random characters, such as the output of: openssl rand -hex 32",
        )
    return KeyStore(file_of(settings, hospital), hospital, number, settings.key_secret.get_secret_value())
