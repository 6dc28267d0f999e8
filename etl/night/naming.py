"""By which names a contract calls the files of a delivery."""

from __future__ import annotations

import fnmatch
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from etl.night.delivery import DeliveredFile


def called(file: DeliveredFile, pattern: str) -> str | None:
    """The name of the file that `pattern` calls it by, None when it means another one.

    `*` stands for a part of a name, `**` for any number of folders; an archive is as good as a folder of its name.
    """
    return next((name for name in (file.name, *file.also) if _fits(_parts(name), _parts(pattern))), None)


def doubly_called(names: Mapping[str, str | None]) -> list[str]:
    """Of files, with what a pattern calls them, those of a name that two have: its rows would come twice."""
    counted = Counter(called for called in names.values() if called)
    twice = next((name for name, count in counted.items() if count > 1), None)
    return sorted(file for file, name in names.items() if twice and name == twice)


def _parts(name: str) -> tuple[str, ...]:
    # macOS and some FTP servers decompose Hangul in file names
    return PurePosixPath(unicodedata.normalize("NFC", name).replace("!", "/")).parts


def _fits(name: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not name:
        return not pattern and not name
    if pattern[0] == "**":
        return any(_fits(name[i:], pattern[1:]) for i in range(len(name)))
    return fnmatch.fnmatchcase(name[0], pattern[0]) and _fits(name[1:], pattern[1:])
