"""Files: those that come with the program, and those that are there wholly or not at all."""

from __future__ import annotations

import os
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from etl.errors import ConfigError

Shape = TypeVar("Shape")
NO_FILE = "is a pipe, a device or a folder, no file"
_WILD = re.compile(r"[*?[]")


class NoFileError(ConfigError):
    """Something else lies where a file should."""


def is_pattern(name: str) -> bool:
    """Whether a contract's name of a file may mean several."""
    return _WILD.search(name) is not None


def write_atomically(file: Path, text: str) -> None:
    """Write a small file so that it is there wholly or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def read_bytes(file: Path) -> bytes:
    """What a file holds; NoFileError where it is a pipe, a device or a folder: who reads a pipe waits for ever."""
    if not file.is_file() and file.exists():
        raise NoFileError(f"{file} {NO_FILE}", hint="put a file in its place")
    return file.read_bytes()


def read_json(file: Path, shape: type[Shape]) -> Shape:
    """What one of the program's own files of JSON says, in the `shape` that it is used in: a dataclass, or a dict or
    list of some. Keys that the shape does not have are passed over.

    Raises ConfigError, which names the file and never quotes it, where it is no JSON or of another shape.
    """
    wanted: Any = shape  # to a checker of types a class is not hashable
    try:
        said: Shape = _reader(wanted).validate_json(read_bytes(file))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        wrong = "it is no JSON" if first["type"] == "json_invalid" else "it says something else than it has to"
        raise ConfigError(
            f"{file} is damaged: {wrong}",
            hint="restore it from the newest back-up, or run the night that it is of again with --force",
        ) from None
    else:
        return said


@cache
def _reader(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)


def packaged(module: str, *name: str) -> str:
    """The text of a file that comes with the program, by its path from the folder of a `module` (its `__name__`)."""
    return files(module.rpartition(".")[0]).joinpath(*name).read_text(encoding="utf-8")
