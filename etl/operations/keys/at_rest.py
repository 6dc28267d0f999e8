"""The file of keys that a home is encrypted under: one more key, and the file put back from a back-up."""

from __future__ import annotations

import contextlib
import os
import tarfile
from pathlib import Path
from uuid import uuid4

from etl.at_rest import SEALED, SETTING, fingerprint, new_key, read_keys
from etl.errors import ConfigError, InputError, of_file_system
from etl.operations.keys.backup import AT_REST, scratch
from etl.operations.keys.restore import Unlock, decrypt, member
from etl.settings import Settings


def add_key(file: Path) -> str:
    """Put a new key on top of a key file, which is made where there is none; returns the key's fingerprint."""
    key = new_key()
    others = file.read_text(encoding="ascii") if file.exists() and read_keys(file) else ""
    _write(file, f"{key}\n{others}".encode())
    return fingerprint(bytes.fromhex(key))


def restore_keys(settings: Settings, copy: Path, unlock: Unlock) -> tuple[Path, ...]:
    """Put back what is missing of the key file and of the home's sealed key; returns the files that were.

    ConfigError, and nothing is changed, where neither is missing or the copy cannot be opened.
    """
    if settings.at_rest_key_file is None:
        raise ConfigError(f"{SETTING} is not set: where the key file is to lie", hint="set it, run the command again")
    places = {AT_REST: settings.at_rest_key_file, SEALED: settings.home / SEALED}
    missing = {name: file for name, file in places.items() if not file.exists()}
    if not missing:
        raise ConfigError("neither the key file nor the home's own key is missing", hint="move away what is wrong")
    with scratch(settings) as place:
        plain = place / "keys.tar"
        decrypt(copy, plain, unlock)
        try:
            with tarfile.open(plain) as archive:
                found = {name: member(archive, name).read() for name in missing}
        except (tarfile.TarError, KeyError):
            raise InputError(
                f"{copy.name} holds no keys of encryption at rest", hint="choose another back-up"
            ) from None
    for name, file in missing.items():
        _write(file, found[name])
    return tuple(missing.values())


def _write(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, wholly or not at all."""
    partial = file.with_name(f".{file.name}.{uuid4().hex[:8]}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(file)
    except OSError as error:
        raise of_file_system(error) from None
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
