"""Files: those that come with the program, and those that are there wholly or not at all."""

from __future__ import annotations

import json
import os
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from etl.errors import ConfigError

_WILD = re.compile(r"[*?[]")


def is_pattern(name: str) -> bool:
    """Whether a contract's name of a file may mean several."""
    return _WILD.search(name) is not None


def write_atomically(file: Path, text: str) -> None:
    """Write a small file so that it is there wholly or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def read_json(file: Path) -> Any:
    """What one of the program's own files of JSON says; ConfigError where it is damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise ConfigError(
            f"{file} is damaged: it is no JSON",
            hint="restore it from the newest back-up, or run the night that it is of again with --force",
        ) from None


def packaged(module: str, *name: str) -> str:
    """The text of a file that comes with the program, by its path from the folder of a `module` (its `__name__`)."""
    return files(module.rpartition(".")[0]).joinpath(*name).read_text(encoding="utf-8")
