"""An embedded warehouse that holds the vocabulary and no hospital yet: made once, taken over by a home of a test.

To a night it is the warehouse of a consortium that others have joined before. Making one takes as long as half of a
tiny hospital's night. How a warehouse is made is tested where a command, `run_delivery` or a stage publishes first.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from etl.settings import Settings
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.vocabulary.release import current_release


@cache
def _made(vocabulary: Path) -> Path:
    """The warehouse with a loaded vocabulary, beside it."""
    folder = Path(tempfile.mkdtemp(prefix="warehouse-", dir=vocabulary.parent))
    release = current_release(Settings(home=vocabulary.parent, _env_file=None))
    made = DuckLake(folder)
    made.initialise()
    made.publish_vocabulary(release)
    with closing(sqlite3.connect(made.folder / "catalog.sqlite")) as con:
        con.execute("pragma wal_checkpoint(truncate)")
    return folder


def take_over(settings: Settings) -> None:
    """Give a home that has no warehouse the one that was made; its catalog is told where it lies now."""
    place = settings.home / "warehouse"
    if settings.warehouse_url is not None or place.exists() or not settings.vocabularies.is_symlink():
        return
    made = _made(settings.vocabularies.resolve())
    place.mkdir()
    link = os.link if place.stat().st_dev == made.stat().st_dev else shutil.copyfile
    shutil.copytree(made / "data", place / "data", copy_function=link)
    shutil.copyfile(made / "catalog.sqlite", place / "catalog.sqlite")
    with closing(sqlite3.connect(place / "catalog.sqlite")) as con, con:
        for table, column in ("ducklake_metadata", "value"), ("ducklake_data_file", "path"):
            con.execute(f"update {table} set {column} = replace({column}, ?, ?)", [f"{made}/", f"{place}/"])
