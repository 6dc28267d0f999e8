"""Files: those that come with the program, and those that are there wholly or not at all."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path


def write_atomically(file: Path, text: str) -> None:
    """Write a small file so that it is there wholly or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)


def packaged(module: str, *name: str) -> str:
    """The text of a file that comes with the program, by its path from the folder of a `module` (its `__name__`)."""
    return files(module.rpartition(".")[0]).joinpath(*name).read_text(encoding="utf-8")
