"""Puts a draft where it belongs: all of it, or nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from etl.mapping.load import load_mappings
from etl.onboarding.draft.draft import Draft
from etl.onboarding.draft.suites import write_drafts
from etl.settings import Settings


def install(settings: Settings, hospital: str, draft: Draft) -> tuple[list[Path], list[Path]]:
    """Write a draft's mappings and suites; returns the files of both.

    They are written and checked in a folder of their own and take their places at the end. Whatever fails (a draft
    that is no mapping, a full disk), nothing of them is left, so that the same command can be given again.
    """
    home, suites = settings.mappings / hospital, settings.expectations / "source" / hospital
    settings.scratch.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=settings.scratch) as scratch:
        root = Path(scratch) / "mappings"
        (root / hospital).mkdir(parents=True)
        (root / "shared").symlink_to((settings.mappings / "shared").resolve())
        for name, text in draft.files.items():
            (root / hospital / name).write_text(text, encoding="utf-8")
        mapping = load_mappings(root, [hospital])[hospital]
        written = write_drafts(mapping, Path(scratch) / "suites")
        placed: list[Path] = []
        try:
            for file, target in [
                *((root / hospital / name, home / name) for name in draft.files),
                *((file, suites / file.name) for file in written),
            ]:
                if not target.exists():  # suites of an earlier attempt, sharpened since, stay as they are
                    target.parent.mkdir(parents=True, exist_ok=True)
                    placed.append(target)
                    shutil.copyfile(file, target)
        except BaseException:
            for target in placed:
                target.unlink(missing_ok=True)
            for folder in (home, suites):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()
            raise
    return [p for p in placed if p.parent == home], [p for p in placed if p.parent == suites]
