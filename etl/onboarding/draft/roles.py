"""Guesses what the files and columns of an export are, by the rules of `roles.yaml` and the figures of a profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

import yaml

from etl.files import packaged
from etl.onboarding.profile.model import Column, FileProfile, Profile
from etl.onboarding.profile.rules import any_of, plain_name

_UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a column: patterns from the surest to the least sure, and the kinds of values it may have."""

    names: tuple[re.Pattern[str], ...]
    kinds: tuple[str, ...]
    concept: int | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file."""

    file: re.Pattern[str]
    needs: tuple[str, ...]
    roles: dict[str, Role]


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file seems to be: `kind` (or undecided), its name as source, and a column for each role that was found."""

    file: FileProfile
    kind: str
    source: str
    columns: dict[str, str]

    @property
    def decided(self) -> bool:
        """Whether a kind was found."""
        return self.kind != _UNDECIDED


def _role(data: Mapping[str, object]) -> Role:
    names, kinds = data["names"], data.get("kinds", ())
    assert isinstance(names, list) and isinstance(kinds, list | tuple)
    concept, unit = data.get("concept"), data.get("unit")
    return Role(
        tuple(re.compile(n) for n in names), tuple(kinds), concept if isinstance(concept, int) else None,
        str(unit) if unit else None,
    )  # fmt: skip


@cache
def file_kinds() -> dict[str, FileKind]:
    """Kinds of files by name, each with the roles that any file may have."""
    data = yaml.safe_load(packaged(__name__, "roles.yaml"))
    common = {name: _role(role) for name, role in data["columns"].items()}
    return {
        name: FileKind(
            any_of(kind["file"]),
            tuple(kind["needs"]),
            {role: _role(said) for role, said in kind["columns"].items()} | common,
        )
        for name, kind in data["files"].items()
    }


def _person(file: FileProfile, profile: Profile) -> str | None:
    """The column with the patient's record number: by its name, else because it leads to one."""
    named = next((c.name for c in file.columns if c.hidden and c.hidden.kind == "person"), None)
    if named:
        return named
    persons = {(f.name, c.name) for f in profile.files for c in f.columns if c.hidden and c.hidden.kind == "person"}
    return next((j.column for j in profile.joins if j.file == file.name and (j.to_file, j.to_column) in persons), None)


def _column(role: Role, columns: tuple[Column, ...], taken: set[str]) -> str | None:
    for pattern in role.names:
        for column in columns:
            fits = not role.kinds or column.kind in role.kinds
            if fits and column.name not in taken and pattern.fullmatch(plain_name(column.name)):
                return column.name
    return None


def _found(kind: FileKind, file: FileProfile, person: str | None) -> dict[str, str]:
    """A column for each role, none of them twice."""
    found = {"person": person} if person else {}
    for name, role in kind.roles.items():
        column = _column(role, file.columns, set(found.values()))
        if column:
            found[name] = column
    return found


def _stem(file: FileProfile) -> str:
    return plain_name(re.sub(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", "", PurePath(file.name).stem))


def _kind(file: FileProfile, profile: Profile) -> tuple[str, dict[str, str]]:
    """The kind whose name fits and most of whose columns are there; undecided when no kind has what it needs."""
    person, stem = _person(file, profile), _stem(file)
    best, columns, most = _UNDECIDED, ({"person": person} if person else {}), 3.0
    for name, kind in file_kinds().items():
        found = _found(kind, file, person)
        if set(kind.needs) - set(found):
            continue
        score = 3.0 * bool(kind.file.search(stem)) + len(found)
        if score > most:
            best, columns, most = name, found, score
    return best, columns


def guess(profile: Profile) -> list[Guess]:
    """A guess per readable file; sources are named after their kinds, or after the file where that is not enough."""
    kinds = [(file, *_kind(file, profile)) for file in profile.files if file.columns]
    times = {kind: sum(k == kind for _, k, _ in kinds) for _, kind, _ in kinds}
    guesses = []
    for file, kind, columns in kinds:
        source = kind if times[kind] == 1 and kind != _UNDECIDED else _source_name(file, kind)
        guesses.append(Guess(file, kind, source, columns))
    return guesses


def _source_name(file: FileProfile, kind: str) -> str:
    """A name made of the file's own, in letters that SQL and YAML need not quote."""
    stem = re.sub(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", "", PurePath(file.name).stem)
    name = re.sub(r"\W+", "_", stem).strip("_").lower()
    return name if re.match(r"[^\W\d]", name) else f"{kind}_{name}"
