"""The key store of one hospital: the only place that links an identifier to the number that replaces it.

A number n is handed out once per (namespace, identifier) and never again. The store holds a keyed HMAC-SHA256 of the
identifier, not the identifier; the keys come from `ETL_KEY_SECRET` (`ring`). It is a SQLite file of
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
from etl.store.keys.ring import PROOF, Ring, inner, opened
from etl.store.keys.vault import Vault
from etl.store.marks import Mark, Marks

LARGEST = (1 << 24) - 1
#: What a store's file is by its `user_version`; 0: written before that was noted.
VERSION = 3


_AT_ONCE = 1 << 16  # values that are objects of their own at a time


def secret_fits(file: Path, hospital: str, secret: str) -> bool | None:
    """Whether the store in `file` was made with this secret, only by reading it; None when it holds no proof.

    Raises sqlite3.Error when it cannot be read.
    """
    with closing(look_into(file)) as con:
        row = con.execute("select mac from proof").fetchone()
        ring = opened(con, hospital, secret)
    if row is None:
        return None
    return ring is not None and hmac.compare_digest(row[0], ring.mac(*PROOF))


class KeyStore:
    """Hands out and finds ids `hospital number << 24 | n` for the identifiers of one hospital."""

    def __init__(self, file: Path, hospital: str, number: int, secret: str) -> None:
        """Open (or create) the store in `file`; ConfigError when it was made with another secret or number."""
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._base = number << 24
        self._con = sqlite3.connect(file, timeout=120, isolation_level=None)
        file.chmod(0o600)
        with damage_told(hospital):
            self._prepare()
            self._ring = self._opened(hospital, secret)
            self._prove()
            self._keep_number(hospital, number)
            self._mark_old()
            self.vault = Vault(self._con, self._ring)

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
        mine = self._ring.mac(*PROOF)
        self._con.execute("insert or ignore into proof values (1, ?, ?)", (mine, secrets.token_hex(8)))
        stored, self.id = self._con.execute("select mac, store from proof").fetchone()
        if not hmac.compare_digest(stored, mine):
            raise _another_secret()

    def _opened(self, hospital: str, secret: str) -> Ring:
        ring = opened(self._con, hospital, secret)
        if ring is None:
            raise _another_secret()
        return ring

    def _keep_number(self, hospital: str, number: int) -> None:
        """Refuse another number than the one that ids were given out with: all its patients would be there twice."""
        self._con.execute("insert or ignore into hospital values (1, ?)", (number,))
        (first,) = self._con.execute("select number from hospital").fetchone()
        if first != number:
            raise ConfigError(
                f"the number of {hospital} is {number}, but its patients' ids were given out with {first}",
                hint=f"a number is fixed for life: write `number: {first}` in {hospital}/hospital.yaml again",
            )

    def _asked(self, namespace: str, values: pa.Array[pa.StringScalar]) -> Iterator[tuple[bytes, int]]:
        """The HMAC of each value and its place."""
        for begin in range(0, len(values), _AT_ONCE):
            for place, value in enumerate(values.slice(begin, _AT_ONCE).to_pylist(), begin):
                yield self._ring.mac(namespace, str(value)), place

    def digests(self, texts: Iterable[str]) -> list[str]:
        """Keyed digests of texts of which it must be known only whether they are the same."""
        return [inner(self._ring.first, "text", text).hex() for text in texts]

    def register(
        self, namespace: Namespace, values: Sequence[str] | pa.Array[pa.StringScalar], *, naming: bool = False
    ) -> pa.Table:
        """Ids of distinct `values`, handing out new ones; columns `raw` (text) and `id` (int64).

        New numbers follow the order of the HMACs, so that they tell nothing about the order of the file. New persons
        whom a row is only `naming` wait until one that registers them comes (see `waiting`).
        """
        values = values if isinstance(values, pa.Array) else pa.array(values, pa.string())
        try:
            self._con.execute("begin immediate")
            try:
                ids = self._numbers(namespace, values, naming=naming)
            except BaseException:
                self._con.execute("rollback")
                raise
            self._con.execute("commit")
        except sqlite3.OperationalError as error:
            raise TransientError(f"the key store cannot be written: {error}", hint="run again") from error
        return pa.table({"raw": values, "id": pa.array(ids, pa.int64())})

    def _numbers(
        self, namespace: Namespace, values: pa.Array[pa.StringScalar], *, naming: bool
    ) -> npt.NDArray[np.int64]:  # fmt: skip
        """Hand out what is new of the values; the ids of all in their order. What is asked lies on disk."""
        con, before = self._con, self._highest(namespace)
        con.execute("create temp table if not exists asked (mac blob primary key, place integer) without rowid")
        con.execute("delete from temp.asked")
        con.executemany("insert into temp.asked values (?, ?)", self._asked(namespace, values))
        new = "from temp.asked a where not exists (select 1 from key k where k.namespace = ?1 and k.mac = a.mac)"
        (count,) = con.execute(f"select count(*) {new}", [namespace]).fetchone()
        if before + count > LARGEST:
            raise ConfigError(f"the key store is full: {namespace} has more than {LARGEST:,} members")
        con.execute(f"insert into key select ?1, mac, ?2 + row_number() over (order by mac) {new}", [namespace, before])
        if count:
            macs = con.execute("select mac from key where namespace = ? and n > ? order by n", [namespace, before])
            self._mark(namespace, before + count, (mac for (mac,) in macs))
        if namespace == "person":
            self._wait(before, count, naming=naming)
        found = con.execute(
            "select n from temp.asked a join key k on k.mac = a.mac where k.namespace = ? order by a.place", [namespace]
        )
        numbers = array("q", (n for (n,) in found))
        con.execute("delete from temp.asked")
        return self._base | np.frombuffer(numbers, np.int64)

    def _wait(self, before: int, count: int, *, naming: bool) -> None:
        """Note the persons after `before` who are named only; or that those who were asked for came."""
        if naming:
            self._con.executemany("insert into waiting values (?)", ((before + n,) for n in range(1, count + 1)))
        elif self._con.execute("select 1 from waiting limit 1").fetchone():
            self._con.execute(
                "delete from waiting where n in (select n from temp.asked a join key k on k.mac = a.mac "
                "where k.namespace = 'person')"
            )

    def waiting(self) -> Any:
        """Ids of persons who were named and of whom no row that registers them ever came; an array of int64."""
        waiting = self._con.execute("select n from waiting").fetchall()
        return pa.array([self._base | n for (n,) in waiting], pa.int64())

    def close(self) -> None:
        """Close the file."""
        self._con.close()


def _another_secret() -> ConfigError:
    return ConfigError(
        "ETL_KEY_SECRET is not the secret this key store was made with",
        hint="restore the secret; a new one would give every patient a new id. Where it was changed: docs/keys.md",
    )


def open_key_store(settings: Settings, hospital: str, number: int) -> KeyStore:
    """The hospital's key store; ConfigError when no secret is set."""
    if settings.key_secret is None:
        raise ConfigError(
            "ETL_KEY_SECRET is not set: it turns record numbers into ids",
            hint="set it to at least 32 random characters, such as the output of: openssl rand -hex 32",
        )
    return KeyStore(file_of(settings, hospital), hospital, number, settings.key_secret.get_secret_value())
