"""Where a page stands: served by the office or lying in a folder; who reads it, in which language, what can be done."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import as_file, files
from pathlib import Path

from etl.pages.language import ENGLISH, Say

#: What a browser may load and do on a page, served or not; a served one may not be framed either.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'"
)
#: Files of every page beside it: style and scripts of ours, charts; `make assets` brings what is not ours.
ASSETS = ("page.css", "page.js", "charts.js", "vendor/echarts.min.js")
THEMES = ("auto", "light", "dark")


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is signed in, and what the role allows."""

    name: str
    role: str
    may: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Site:
    """How pages link each other and their files, and whether actions on them are live.

    `address` gives the link to a page by its name and parts (None: it is not there), `asset` that to a file.
    """

    address: Callable[[str, Mapping[str, str]], str | None]
    asset: Callable[[str], str]
    live: bool = False
    say: Say = ENGLISH
    theme: str = "auto"
    reader: Reader | None = None
    csrf: str = ""
    here: str = ""
    path: str = "/"
    counts: Mapping[str, int] = field(default_factory=dict)

    def link(self, page: str, **parts: object) -> str | None:
        """The link to a page, or None where it is not there."""
        return self.address(page, {name: str(part) for name, part in parts.items()})

    def may(self, permission: str) -> bool:
        """Whether the reader may do something here and now."""
        return self.live and self.reader is not None and permission in self.reader.may


def asset_path(name: str) -> Path | None:
    """A file of the pages that comes with the program; None where it has not been brought (`make assets`)."""
    found = files("etl.pages").joinpath("static", *name.split("/"))
    with as_file(found) as path:
        return path if path.is_file() else None


@cache
def version_of(name: str) -> str:
    """Twelve digits that change with the file; empty where it is not there."""
    path = asset_path(name)
    return sha256(path.read_bytes()).hexdigest()[:12] if path else ""


def write_assets(folder: Path) -> None:
    """Put the files of the pages beside exported pages, each wholly or not at all; one that is the same stays."""
    for name in ASSETS:
        source, target = asset_path(name), folder / name
        if source is None or (target.exists() and filecmp.cmp(source, target, shallow=False)):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        shutil.copyfile(source, partial)
        partial.replace(target)
