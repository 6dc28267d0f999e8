"""Whether all of a delivery has come that its contract asks for, told without reading a file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from etl.errors import InputError
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import unread
from etl.night.folder import files_in
from etl.night.land.counts import counted, too_few
from etl.operations.plan import looks_of, missing
from etl.settings import Settings


def lacking(settings: Settings, mapping: HospitalMapping, folder: Path, settle_seconds: float) -> str | None:
    """What a delivery still lacks: as `missing` tells it, then by the contract's numbers of files; None: nothing."""
    return missing(folder, settle_seconds, looks_of(settings)) or lacking_files(mapping, folder)


def lacking_files(mapping: HospitalMapping, folder: Path) -> str | None:
    """The first source of which fewer files lie in a folder than its contract says; None where there is none.

    What cannot be told, as an archive is damaged or the folder holds what is no file, is told when it is opened.
    """
    asked = {name: source for name, source in mapping.sources.items() if source.files is not None}
    if not asked:
        return None
    with suppress(InputError):
        came = [file for n, path in enumerate(files_in(folder)) for file in unread(folder, path, n)]
        for name, source in asked.items():
            if said := too_few(name, source, counted(source, came)):
                return f"{said} in {folder}"
    return None
