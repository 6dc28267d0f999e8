"""The keys by which a store turns identifiers into HMACs, sealed under a secret that can be changed.

A store begins with one key, which comes from `ETL_KEY_SECRET`. When the secret is changed a new, random key is laid
around it: every HMAC in the store is taken once more under the new key, so that who knows the old secret can tell
nothing from the store any more, and no number changes. All keys lie in the store, sealed with AES-GCM under the secret.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: What is hashed to prove that a secret is the one of a store.
PROOF = ("proof", "proof")
_NONCE = 12
_MAC = 16  # bytes of an HMAC that are kept


@dataclass(frozen=True, slots=True)
class Ring:
    """The first key, and those laid around it, the newest last."""

    first: bytes
    others: tuple[bytes, ...] = ()

    @property
    def newest(self) -> bytes:
        """The key that names are sealed under."""
        return (self.first, *self.others)[-1]

    def mac(self, namespace: str, value: str) -> bytes:
        """The HMAC of an identifier, as it is kept."""
        found = inner(self.first, namespace, value)
        for key in self.others:
            found = around(key, found)
        return found

    def grown(self) -> Ring:
        """With one more key, which nobody knows."""
        return Ring(self.first, (*self.others, secrets.token_bytes(32)))


def first_key(hospital: str, secret: str) -> bytes:
    """The key that a store begins with."""
    return hmac.digest(secret.encode(), f"omop-etl/{hospital}".encode(), "sha256")


def inner(key: bytes, namespace: str, value: str) -> bytes:
    """The HMAC of an identifier under the first key."""
    return hmac.digest(key, f"{namespace}\x1f{value}".encode(), "sha256")[:_MAC]


def around(key: bytes, mac: bytes) -> bytes:
    """An HMAC under one more key."""
    return hmac.digest(key, mac, "sha256")[:_MAC]


def is_sealed(con: sqlite3.Connection) -> bool:
    """Whether the secret of a store was ever changed: its keys lie in it then."""
    there = con.execute("select 1 from sqlite_master where name = 'ring'").fetchone()
    return bool(there) and con.execute("select 1 from ring limit 1").fetchone() is not None


def opened(con: sqlite3.Connection, hospital: str, secret: str) -> Ring | None:
    """The keys of a store; None where the secret is not one that they are sealed under."""
    if not is_sealed(con):
        return Ring(first_key(hospital, secret))
    cipher = _cipher(hospital, secret)
    for (sealed,) in con.execute("select sealed from ring order by place"):
        try:
            said = json.loads(cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], hospital.encode()))
        except InvalidTag:
            continue
        return Ring(bytes.fromhex(said["first"]), tuple(map(bytes.fromhex, said["others"])))
    return None


def seal(con: sqlite3.Connection, hospital: str, ring: Ring, *of: str) -> None:
    """Keep the keys under each of some secrets, and under no other any more; in the transaction of `con`."""
    said = json.dumps({"first": ring.first.hex(), "others": [key.hex() for key in ring.others]}).encode()
    con.execute("create table if not exists ring (place integer primary key, sealed blob not null)")
    con.execute("delete from ring")
    for place, secret in enumerate(of):
        nonce = secrets.token_bytes(_NONCE)
        sealed = nonce + _cipher(hospital, secret).encrypt(nonce, said, hospital.encode())
        con.execute("insert into ring values (?, ?)", (place, sealed))


def _cipher(hospital: str, secret: str) -> AESGCM:
    return AESGCM(hmac.digest(secret.encode(), f"omop-etl/ring/{hospital}".encode(), "sha256"))
