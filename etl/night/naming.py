"""By which names a contract calls the files of a delivery, and what messages and records call them.

A name that a contract says is told as it stands there. What a pattern found is told by the pattern and a number, any
other file by its number: what a hospital writes into a file's name may be somebody's.
"""

from __future__ import annotations

import fnmatch
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol

from etl.errors import InputError, all_of
from etl.files import is_pattern

_LISTED = 20


def legible(name: str) -> str:
    """A name as text: one whose bytes are no UTF-8 as Korean Windows wrote it, or with the bytes that nothing reads."""
    if is_text(name):
        return name
    written = os.fsencode(name)
    try:
        return written.decode("cp949")
    except UnicodeDecodeError:
        return written.decode("utf-8", "backslashreplace")


def is_text(name: str) -> bool:
    """Whether a name is UTF-8 on disk; else no engine opens the file by it."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


class Named(Protocol):
    """A file of a delivery: its name, and those by which a contract may call it, too."""

    @property
    def name(self) -> str:
        """Its name in the delivery."""

    @property
    def also(self) -> tuple[str, ...]:
        """Other names of it."""


def called(file: Named, pattern: str) -> str | None:
    """The name of the file that `pattern` calls it by, None when it means another one.

    `*` stands for a part of a name, `**` for any number of folders; an archive is as good as a folder of its name.
    """
    return next((name for name in (file.name, *file.also) if _fits(_parts(name), _parts(pattern))), None)


def doubly_called(names: Mapping[str, str | None]) -> list[str]:
    """Of files, with what a pattern calls them, those of a name that two have: its rows would come twice."""
    counted = Counter(called for called in names.values() if called)
    twice = next((name for name, count in counted.items() if count > 1), None)
    return sorted(file for file, name in names.items() if twice and name == twice)


def told_as(pattern: str, number: int, count: int) -> str:
    """What the `number`th (from 1) of `count` files that a contract calls `pattern` is told as: `LAB*.csv#2`."""
    return pattern if count == 1 else f"{pattern}#{number}"


def plainly(told: str) -> str:
    """The contract's name in what a file is told as."""
    return re.sub(r"#\d+$", "", told)


def tell_all(files: Sequence[Named], patterns: Iterable[str]) -> list[str]:
    """What each file of a delivery is told as, by the first of the contract's names that calls it, plain ones first."""
    told = [f"file {number} of {len(files)}" for number in range(1, len(files) + 1)]
    named: set[int] = set()
    for pattern in sorted(dict.fromkeys(patterns), key=is_pattern):
        found = [i for i, file in enumerate(files) if called(file, pattern)]
        for number, i in enumerate(found, 1):
            if i not in named:
                told[i] = told_as(pattern, number, len(found))
        named.update(found)
    return told


def refuse_illegible(
    files: Sequence[Named], paths: Sequence[Path], told: Sequence[str], patterns: Sequence[str]
) -> None:  # fmt: skip
    """InputError for files whose names are no UTF-8 and that the contract asks for; others are in nobody's way."""
    wrong = [
        InputError(
            f"{name}: file {number} of {len(files)} in the order of their names is called so, in letters that are no "
            "UTF-8",
            hint="ask for the file under a name in UTF-8, or rename it",
        )
        for number, (file, path, name) in enumerate(zip(files, paths, told, strict=True), 1)
        if not is_text(str(path)) and any(called(file, pattern) for pattern in patterns)
    ]
    if wrong:
        raise all_of(wrong)


def listed(numbers: Sequence[int]) -> str:
    """Numbers of columns or files, the first ones of many."""
    return ", ".join(map(str, numbers[:_LISTED])) + (", …" if len(numbers) > _LISTED else "")


def _parts(name: str) -> tuple[str, ...]:
    # macOS and some FTP servers decompose Hangul in file names
    return PurePosixPath(unicodedata.normalize("NFC", name).replace("!", "/")).parts


def _fits(name: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern or not name:
        return not pattern and not name
    if pattern[0] == "**":
        return any(_fits(name[i:], pattern[1:]) for i in range(len(name)))
    return fnmatch.fnmatchcase(name[0], pattern[0]) and _fits(name[1:], pattern[1:])
