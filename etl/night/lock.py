"""One writer per hospital."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from etl.errors import TransientError
from etl.settings import Settings


@contextmanager
def hospital_lock(settings: Settings, hospital: str) -> Iterator[None]:
    """Held while one hospital's stages work; TransientError when another process holds it."""
    file = settings.home / "locks" / f"{hospital}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TransientError(
                f"another run of {hospital} is at work", hint="wait for it; `etl status` shows it"
            ) from error
        yield
