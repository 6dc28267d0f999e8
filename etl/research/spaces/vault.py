"""The vault: one file a project with its keys, held nowhere else; without it a project's numbers mean nothing."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from etl.errors import ConfigError
from etl.files import read_json
from etl.settings import Settings


@dataclass(frozen=True, slots=True)
class Keys:
    """A project's keys, 64 hexadecimal digits each: of its numbers and days, and of its file."""

    numbers: str = field(repr=False)
    file: str = field(repr=False)


def new_keys() -> Keys:
    """Keys that nobody has had before."""
    return Keys(secrets.token_hex(32), secrets.token_hex(32))


def _file(settings: Settings, project: str) -> Path:
    return settings.vault_folder / f"{project}.json"


def has_keys(settings: Settings, project: str) -> bool:
    """Whether the vault holds a project's keys."""
    return _file(settings, project).exists()


def keep(settings: Settings, project: str, keys: Keys) -> None:
    """Put a project's keys into the vault, wholly or not at all; only its owner can read them."""
    settings.vault_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = _file(settings, project)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        json.dump(asdict(keys), out)
        out.flush()
        os.fsync(out.fileno())
    partial.replace(file)


def take(settings: Settings, project: str) -> Keys:
    """A project's keys; ConfigError where the vault does not hold them, or others could read them."""
    file = _file(settings, project)
    if not file.exists():
        raise ConfigError(f"the vault holds no keys of {project}", hint="set ETL_VAULT to the folder that does")
    if file.stat().st_mode & 0o077:
        raise ConfigError(f"others can read the keys of {project}", hint=f"chmod 600 {file}, and ask who did")
    return read_json(file, Keys)


def destroy(settings: Settings, project: str) -> bool:
    """Write over a project's keys and remove them; False where there are none."""
    file, found = _file(settings, project), False
    for each in (file, *settings.vault_folder.glob(f".{file.name}.*")):
        if each.exists():
            found = True
            with each.open("r+b") as out:
                out.write(b"\0" * each.stat().st_size)
                out.flush()
                os.fsync(out.fileno())
            each.unlink()
    return found
