"""What runs took of a delivery's folder, by which it is seen that more has come since."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Set
from contextlib import suppress
from pathlib import Path

from etl.files import write_atomically
from etl.night.folder import sizes_in
from etl.settings import Settings


def contents_of(folder: Path) -> frozenset[str]:
    """A digest of name and size of each file that lies in a folder; none where there is no folder.

    Names are not kept: what a hospital writes into them may be somebody's.
    """
    sizes = sizes_in(folder) if folder.is_dir() else {}
    return frozenset(_digest(f"{size}\0{name}") for name, size in sizes.items())


def note_taken(settings: Settings, folder: Path, contents: Set[str]) -> None:
    """Note that a run took these files of a folder; what other runs took of it stays noted."""
    before = _taken(settings, folder) or frozenset()
    if not contents <= before:
        write_atomically(_note(settings, folder), json.dumps(sorted(before | contents)))


def grown(settings: Settings, folder: Path) -> str | None:
    """A digest of all that lies in a folder, where a file lies there that no run took in its size; else None.

    None, too, where no run took anything: such a folder waits for its first. Files that are gone count for nothing, for
    that is how folders are cleared, and neither does a file that has come back in a size that was taken before.
    """
    taken = _taken(settings, folder)
    if taken is None:
        return None
    contents = contents_of(folder)
    return None if contents <= taken else _digest("\n".join(sorted(contents)))


def _taken(settings: Settings, folder: Path) -> frozenset[str] | None:
    with suppress(OSError, ValueError):
        return frozenset(json.loads(_note(settings, folder).read_text(encoding="utf-8")))
    return None


def _note(settings: Settings, folder: Path) -> Path:
    return settings.home / "taken" / f"{_digest(str(folder.resolve()))}.json"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]
