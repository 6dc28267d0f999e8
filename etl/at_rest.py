"""The key under which a home is encrypted at rest: it lies in the home, sealed under a key of a file elsewhere.

A key of the file is never used for data. So another one takes its place without a file of data being written again.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import digest
from itertools import chain
from pathlib import Path
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from etl.errors import ConfigError, of_file_system
from etl.files import read_bytes, read_json
from etl.settings import Settings

SETTING = "ETL_AT_REST_KEY_FILE"
SEALED = "at_rest.json"
#: How an encrypted Parquet file begins; one in the clear begins with PAR1.
_MAGIC = b"PARE"
_NONCE, _KEY = 12, 32
_PURPOSE = b"omop-etl/at-rest"


@dataclass(frozen=True, slots=True)
class HomeKey:
    """The key of a home, 32 bytes, and the fingerprint of the key that it is sealed under."""

    secret: bytes = field(repr=False)
    under: str

    @property
    def parquet(self) -> str:
        """The key of Parquet files, as DuckDB takes it."""
        return base64.b64encode(self.secret).decode()

    def derived(self, purpose: str) -> str:
        """A key for another purpose, 64 hexadecimal digits."""
        return digest(self.secret, purpose.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class _Said:
    """The shape of `at_rest.json`: the home's key sealed under one of the file's, in base64, and which that is."""

    sealed: str
    under: str


def new_key() -> str:
    """A line of a key file that nobody has had before."""
    return secrets.token_hex(_KEY)


def fingerprint(key: bytes) -> str:
    """By what a key of the file is called; nothing of the key can be told from it."""
    return sha256(_PURPOSE + key).hexdigest()[:12]


def is_encrypted(file: Path) -> bool:
    """Whether a Parquet file is encrypted; one that is not there is not."""
    try:
        with file.open("rb") as head:
            return head.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def writes_encrypted(settings: Settings) -> bool:
    """Whether what is written from now on is to be encrypted."""
    return settings.at_rest_key_file is not None and settings.at_rest_write


def home_key(settings: Settings) -> HomeKey | None:
    """The key of the home, made where it is needed and there is none; None where nothing is, or is to be, encrypted.

    ConfigError where the file of keys is not set, cannot be read, can be read by others, or holds no key that opens it.
    """
    file = settings.home / SEALED
    if settings.at_rest_key_file is None:
        if file.exists():
            raise ConfigError(
                f"{settings.home} is encrypted at rest, and no key for it is set",
                hint=f"set {SETTING} to the file with the key; where that is lost: etl keys at-rest restore",
            )
        return None
    keys = read_keys(settings.at_rest_key_file)
    if not file.exists():
        if not settings.at_rest_write:
            return None
        _make(settings.home, keys[0])
    return _opened(file, keys)


def read_keys(file: Path) -> tuple[bytes, ...]:
    """The keys of a key file, the one that seals first; ConfigError, which quotes nothing, where it is not as asked."""
    try:
        if not file.exists():
            raise ConfigError(f"there is no key file {file}", hint="etl keys at-rest new makes one; or restore it")
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"others can read the key file {file}", hint=f"chmod 600 {file}, and ask who did")
        lines = read_bytes(file).decode("ascii", "replace").splitlines()
    except OSError as error:
        raise of_file_system(error) from None
    said = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        keys = tuple(map(bytes.fromhex, said))
    except ValueError:
        keys = ()
    if not keys or any(len(key) != _KEY for key in keys):
        raise ConfigError(
            f"{file} holds no keys", hint=f"a line a key, {2 * _KEY} hexadecimal digits each: etl keys at-rest new"
        )
    return keys


def seal_anew(settings: Settings) -> HomeKey:
    """Seal the home's key under the first key of the file; the others may be taken out of it afterwards."""
    known = home_key(settings)
    if known is None or settings.at_rest_key_file is None:
        raise ConfigError(f"{settings.home} is not encrypted at rest", hint=f"set {SETTING}")
    outer = read_keys(settings.at_rest_key_file)[0]
    partial = _write(settings.home, known.secret, outer)
    partial.replace(settings.home / SEALED)
    return HomeKey(known.secret, fingerprint(outer))


def encrypted_files(home: Path) -> tuple[int, int]:
    """How many Parquet files of lake and warehouse are encrypted, and how many are not, but for the vocabulary's."""
    files = chain((home / "lake").rglob("*.parquet"), (home / "warehouse" / "data").rglob("*.parquet"))
    told = [is_encrypted(file) for file in files if "vocabulary" not in file.parts]
    return sum(told), len(told) - sum(told)


def _make(home: Path, outer: bytes) -> None:
    """A new key for a home; of several processes that make one, the first one's stays."""
    if (home / "warehouse" / "catalog.duckdb").exists() or encrypted_files(home)[0]:
        raise ConfigError(
            f"{home / SEALED} is missing: without it nobody can read what is encrypted below {home}",
            hint="restore it from the newest back-up of the home",
        )
    partial = _write(home, secrets.token_bytes(_KEY), outer)
    try:
        with contextlib.suppress(FileExistsError):
            os.link(partial, home / SEALED)
    finally:
        partial.unlink()


def _write(home: Path, secret: bytes, outer: bytes) -> Path:
    """The sealed key in a file of another name, on the disk."""
    home.mkdir(parents=True, exist_ok=True)
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(outer).encrypt(nonce, secret, _PURPOSE)
    partial = home / f".{SEALED}.{uuid4().hex[:8]}"
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump({"sealed": base64.b64encode(sealed).decode(), "under": fingerprint(outer)}, out)
        out.flush()
        os.fsync(out.fileno())
    return partial


def _opened(file: Path, keys: tuple[bytes, ...]) -> HomeKey:
    said = read_json(file, _Said)
    try:
        sealed = base64.b64decode(said.sealed, validate=True)
    except ValueError:
        sealed = b""
    for key in keys:
        with contextlib.suppress(InvalidTag, ValueError):
            return HomeKey(AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _PURPOSE), fingerprint(key))
    raise ConfigError(
        f"no key of {SETTING} opens {file}: it is sealed under the key {said.under}",
        hint="put that key into the file; where it is lost, nobody can read this home: restore, or deliver it all anew",
    )
