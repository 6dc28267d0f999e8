"""Removing a release, unless a published night was mapped with it, and choosing the one that is used."""

from __future__ import annotations

import shutil
from collections import defaultdict

import sqlalchemy as sa

from etl.errors import UsageError
from etl.night.remember import release_of, run_file
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.tables import PUBLICATION
from etl.vocabulary.release import Release, load_lock, release_named


def published_with(settings: Settings) -> dict[str, list[str]]:
    """Hospitals whose published night was mapped with a release, by the release's name."""
    ledger = Ledger(settings.ledger_url)
    hospitals = ledger.read(sa.select(PUBLICATION.c.hospital).distinct().order_by(PUBLICATION.c.hospital))
    found: defaultdict[str, list[str]] = defaultdict(list)
    for row in hospitals:
        last = ledger.last_published(row["hospital"])
        file = run_file(settings, last["run_id"]) if last else None
        if file and file.exists():
            found[release_of(file)].append(row["hospital"])
    return dict(found)


def remove_release(settings: Settings, name: str) -> Release:
    """Remove a loaded release; UsageError when a published night was mapped with it."""
    release = release_named(settings, name)
    users = published_with(settings).get(release.name)
    if users:
        raise UsageError(
            f"{release.name} is in use: the published night of {', '.join(users)} was mapped with it",
            hint="run a night with another release first (etl vocabulary use)",
        )
    with load_lock(settings):
        gone = release.folder.with_name(f".removed-{release.name}")  # a kill half-way leaves no half release
        shutil.rmtree(gone, ignore_errors=True)
        release.folder.rename(gone)
        shutil.rmtree(gone)
    return release
