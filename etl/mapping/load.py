"""Loads the mappings of hospitals: read, merged, checked and typed, or every problem of all of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.errors import ConfigError, MappingError, Problem, nearest
from etl.mapping.check.document import check_document
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.read.documents import hospital_folders, read_head, read_hospital


def load_mappings(root: Path, names: Sequence[str] | None = None) -> dict[str, HospitalMapping]:
    """Read and check hospitals under `root` (all, or `names`); raise MappingError with every problem of all of them."""
    folders = {f.name: f for f in hospital_folders(root)}
    if not folders:
        raise ConfigError(f"no hospital.yaml below {root}", hint="set ETL_MAPPINGS to the folder of the mappings")
    unknown = [n for n in names or () if n not in folders]
    if unknown:
        raise ConfigError(f"there is no hospital '{unknown[0]}' in {root}{nearest(unknown[0], folders)}")
    problems: list[Problem] = []
    numbers: dict[int, str] = {}
    found: dict[str, HospitalMapping] = {}
    for name, folder in folders.items():
        wanted = not names or name in names
        document = read_hospital(folder) if wanted else read_head(folder)
        number = document.data.get("number")
        owner = numbers.setdefault(number, name) if isinstance(number, int) else name
        # two hospitals that fight over a number stop each other, not everybody else's night
        if owner != name and (not names or {name, owner} & set(names)):
            problems.append(document.problem(("number",), f"{number} belongs to '{owner}' already"))
        if not wanted:
            continue
        if document.unreadable:  # what one problem has broken does not make others
            problems += document.problems
            continue
        mapping, wrong = check_document(document, name)
        problems += wrong
        if mapping is not None:
            found[name] = mapping
    if problems:
        raise MappingError(list(dict.fromkeys(problems)))  # what hospitals share is wrong once
    return found
