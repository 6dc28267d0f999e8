"""Files as they are handed in: read once, so that what is checked is what is kept; named so that nothing is hidden."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from etl.errors import InputError
from etl.files import read_bytes
from etl.research.outbox.batch import File
from etl.research.outbox.policy import policy

#: What no name has: signs that systems read as something else, and kinds of letters that are not seen or turn others.
_SIGNS = frozenset('/\\:*?"<>|')
_KINDS = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


@dataclass(frozen=True, slots=True)
class Handed:
    """A file by its name and what it holds."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of what it holds."""
        return sha256(self.content).hexdigest()


def read_handed(paths: Sequence[Path], largest: int) -> list[Handed]:
    """Files from where they lie, of at most `largest` bytes each.

    Raises InputError where one is not there, is too large, or has a name that hides something; no name is told.
    """
    found = []
    for number, path in enumerate(paths, 1):
        if not path.is_file():
            raise InputError(f"file {number} of those given is not there, or is no file",
                             hint="name the files that are to leave")  # fmt: skip
        if path.stat().st_size > largest:
            raise InputError(f"file {number} of those given has more than {largest:,} bytes",
                             hint="what is larger is data, no result")  # fmt: skip
        found.append(Handed(unicodedata.normalize("NFC", path.name), read_bytes(path)))
    return checked(found)


def checked(files: Sequence[Handed]) -> list[Handed]:
    """The files of one batch; InputError where they are too many or too large, or a name is not safe or there twice."""
    if not 0 < len(files) <= policy().files:
        raise InputError(f"a batch has one to {policy().files} files, not {len(files):,}", hint="make several batches")
    if sum(len(file.content) for file in files) > policy().bytes:
        raise InputError(f"the files have more than {policy().bytes:,} bytes together", hint="make several batches")
    names: set[str] = set()
    for number, file in enumerate(files, 1):
        if why := unsafe(file.name):
            raise InputError(f"file {number} of those given has a name that {why}", hint="give it a plain name")
        if file.name.casefold() in names:
            raise InputError(f"file {number} of those given has the name of another", hint="give it another name")
        names.add(file.name.casefold())
    return list(files)


def unsafe(name: str) -> str | None:
    """What is wrong with the name of a file; None where nothing is."""
    if not name or len(name.encode("utf-8", "replace")) > policy().name_bytes:
        return f"is empty or longer than {policy().name_bytes} bytes"
    if name.startswith((".", "-", "~")) or name != name.strip() or name.endswith("."):
        return "begins or ends with a sign that systems read as something else"
    if any(letter in _SIGNS or unicodedata.category(letter) in _KINDS for letter in name):
        return "has signs that are not seen, lead elsewhere or turn the direction of letters"
    return None


def as_files(handed: Sequence[Handed]) -> list[File]:
    """Files as a batch lists them."""
    return [File(number, each.name, each.digest, len(each.content)) for number, each in enumerate(handed, 1)]


def digest_of(files: Sequence[File]) -> str:
    """SHA-256 (hex) over digests and names in their order: what a decision is about."""
    return sha256("".join(f"{file.digest} {file.name}\n" for file in files).encode()).hexdigest()
