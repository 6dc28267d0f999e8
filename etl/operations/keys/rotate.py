"""Changes the secret of all key stores of a home."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from etl.errors import ConfigError, TransientError
from etl.settings import Settings
from etl.store.keys.rotate import rotate

_SHORTEST = 32


def change_secret(settings: Settings, stores: Mapping[str, Path], new: str) -> None:
    """Change the secret of `stores` (hospital: file) to `new`; the caller keeps nights from running.

    ConfigError where a secret is missing, too short or the same; TransientError where the disk refuses.
    """
    old = settings.key_secret.get_secret_value() if settings.key_secret else ""
    if not old:
        raise ConfigError("ETL_KEY_SECRET is not set: the secret that holds now", hint="see where it is kept")
    if len(new) < _SHORTEST or new == old:
        raise ConfigError(
            f"the new secret has fewer than {_SHORTEST} characters, or is the old one",
            hint="ETL_KEY_SECRET_NEW or --new-file; such as the output of: openssl rand -hex 32",
        )
    try:
        rotate(dict(stores), old, new)
    except sqlite3.OperationalError as error:
        raise TransientError(
            f"a key store cannot be written: {error}",
            hint="run it again with both secrets; until then the old one holds",
        ) from None
