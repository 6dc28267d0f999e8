"""Takes a space away: first from sight, then its keys, then its files; a certificate says so."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from sqlalchemy.engine import URL

from etl.files import read_json, write_atomically
from etl.pages.disclosure import told_persons
from etl.research.concepts.usage import strictest_small_cell
from etl.research.spaces import kept, on_postgres, vault
from etl.research.spaces.certificate import Certificate
from etl.research.spaces.page import write_certificate
from etl.settings import Settings
from etl.store.ledger.ledger import now

_ORDER = "destroy.json"
CERTIFICATES = ".certificates"


def destroy(
    settings: Settings, project: str, by: str, reason: str, admin: URL | None = None
) -> tuple[Certificate, Path]:
    """Destroy a space with its keys; returns its certificate, and the page that is printed of it.

    One that was killed half-way is finished, with its own order's name and reason. `admin` as in `build`.
    """
    with kept.at_work(settings, project):
        if (done := finish(settings, project, admin)) is not None:
            return done
        said = kept.about(settings, project)
        cell = strictest_small_cell(settings)
        order = Certificate(
            said.name,
            said.title,
            told_persons(None if said.persons < cell else said.persons, cell),
            kept.told_rows(said.rows, cell),
            said.built_at,
            said.digests,
            by,
            reason,
            _moment(),
        )
        folder = kept.folder_of(settings, project)
        write_atomically(folder / _ORDER, _as_json(order))
        folder.replace(settings.spaces / f"{kept.LEAVING}{project}")
        done = finish(settings, project, admin)
        assert done is not None  # the folder was moved there a moment ago, and the turn is held
        return done


def finish(settings: Settings, project: str, admin: URL | None = None) -> tuple[Certificate, Path] | None:
    """Finish the destruction of a space that was ordered; None where none was. Its turn is held."""
    leaving, gone = (settings.spaces / f"{mark}{project}" for mark in (kept.LEAVING, kept.GONE))
    shutil.rmtree(gone, ignore_errors=True)  # of one that was killed when all else was done
    if not leaving.exists():
        return None
    vault.destroy(settings, project)
    order = read_json(leaving / _ORDER, Certificate)
    if read_json(leaving / kept.ABOUT, kept.About).schema is not None:
        on_postgres.remove(admin or settings.warehouse, project)
    for file in (kept.FILE, kept.SHUT, kept.TWIN):
        (leaving / file).unlink(missing_ok=True)
    done = replace(order, destroyed_at=_moment())
    # what was built twice may be destroyed twice within a second: each has its own certificate
    name = f"{project}-{order.ordered_at.replace(':', '')}-{order.digests[kept.FILE][:8]}"
    write_atomically(settings.spaces / CERTIFICATES / f"{name}.json", _as_json(done))
    page = write_certificate(settings.spaces / CERTIFICATES, name, done)
    leaving.replace(gone)  # half a folder could not say any more what it was
    shutil.rmtree(gone)
    return done, page


def certificate_of(settings: Settings, project: str, digest: str) -> Certificate | None:
    """The certificate of the space of a project whose file had a digest; None where that was not destroyed."""
    written = sorted((settings.spaces / CERTIFICATES).glob(f"{project}-*.json"), reverse=True)
    found = (read_json(file, Certificate) for file in written)
    return next((each for each in found if each.digests.get(kept.FILE) == digest), None)


def pending(settings: Settings) -> list[str]:
    """Projects whose space is being destroyed, or whose destruction was killed."""
    return sorted(f.name.removeprefix(kept.LEAVING) for f in settings.spaces.glob(f"{kept.LEAVING}*"))


def _as_json(certificate: Certificate) -> str:
    return json.dumps(asdict(certificate), ensure_ascii=False, indent=1)


def _moment() -> str:
    return now().isoformat(timespec="seconds")
