"""Guesses what the files and columns of an export are, by the rules of `roles.yaml` and the figures of a profile."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath

import yaml

from etl.cdm.spec import tables
from etl.files import packaged
from etl.onboarding.profile.model import Column, FileProfile, Profile
from etl.onboarding.profile.rules import any_of, plain_name, rules

_UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Role:
    """A role of a column: patterns from the surest to the least sure, and the kinds of values it may have.

    `key`: in a file that is called like its kind, what names the file's rows has the role when no name fits.
    """

    names: tuple[re.Pattern[str], ...]
    kinds: tuple[str, ...]
    key: bool = False
    concept: int | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Coding:
    """A vocabulary that codes may be of, told by how they are written (`written`) or by their column's name (`column`).

    `fallback` holds steps of a look-up as YAML; `{code}` stands for the column.
    """

    vocabulary: str
    written: str | None = None
    column: str | None = None
    clean: str | None = None
    fallback: tuple[str, ...] = ()

    def fits(self, column: Column) -> bool:
        """Whether a column's codes may be of this vocabulary."""
        named = self.column is not None and re.fullmatch(self.column, plain_name(column.name)) is not None
        return named or (self.written is not None and self.written in column.codes)


@dataclass(frozen=True, slots=True)
class FileKind:
    """A kind of file; `event` of those that become one simple entry."""

    file: re.Pattern[str]
    needs: tuple[str, ...]
    roles: dict[str, Role]
    vocabularies: tuple[Coding, ...] = ()
    event: str | None = None


@dataclass(frozen=True, slots=True)
class Guess:
    """What a file seems to be: `kind` (or undecided), its name as source, and a column for each role that was found.

    `lacks` is the kind that an undecided file is called like, with what it would need to be one; `lists` names the
    files whose codes an undecided file lists.
    """

    file: FileProfile
    kind: str
    source: str
    columns: dict[str, str]
    lacks: tuple[str, tuple[str, ...]] | None = None
    lists: tuple[str, ...] = ()

    @property
    def decided(self) -> bool:
        """Whether a kind was found."""
        return self.kind != _UNDECIDED


def _role(data: Mapping[str, object]) -> Role:
    names, kinds = data["names"], data.get("kinds", ())
    assert isinstance(names, list) and isinstance(kinds, list | tuple)
    concept, unit = data.get("concept"), data.get("unit")
    return Role(
        tuple(re.compile(n) for n in names), tuple(kinds), data.get("key") is True,
        concept if isinstance(concept, int) else None, str(unit) if unit else None,
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
            {role: _role(said) for role, said in kind["columns"].items()}
            | {role: said for role, said in common.items() if role not in kind["columns"]},
            tuple(Coding(**{**c, "fallback": tuple(c.get("fallback", ()))}) for c in kind.get("vocabularies", ())),
            kind.get("event"),
        )
        for name, kind in data["files"].items()
    }


@cache
def likely() -> dict[str, dict[str, int]]:
    """Concepts that words of code lists most likely stand for, by map."""
    return dict(yaml.safe_load(packaged(__name__, "roles.yaml"))["likely"])


def _person(file: FileProfile, profile: Profile) -> str | None:
    """The column with the patient's number: called so, else called as in other files, else any that leads there."""
    here = [c.name for c in file.columns if c.hidden and c.hidden.kind == "person"]
    named = [name for name in here if rules().named(name) == "person"]
    others = {
        c.name for f in profile.files if f is not file for c in f.columns if c.hidden and c.hidden.kind == "person"
    }
    return next(iter([*named, *(name for name in here if name in others), *here]), None)


def _column(role: Role, columns: tuple[Column, ...], taken: set[str]) -> str | None:
    for pattern in role.names:
        for column in columns:
            fits = not role.kinds or column.kind in role.kinds
            if fits and column.name not in taken and pattern.fullmatch(plain_name(column.name)):
                return column.name
    return None


@dataclass(frozen=True, slots=True)
class _Tied:
    """The columns of a file that are known by what they tie together, not by their names."""

    person: str | None
    visit: str | None = None


def _found(kind: FileKind, file: FileProfile, tied: _Tied) -> dict[str, str]:
    """A column for each role, none of them twice."""
    found = {"person": tied.person} if tied.person else {}
    own = [k.columns[0] for k in file.keys if len(k.columns) == 1 and kind.file.search(_stem(file))]
    for name, role in kind.roles.items():
        taken = set(found.values())
        column = _column(role, file.columns, taken)
        if column is None and name == "visit":
            otherwise = [tied.visit, *own] if role.key else [tied.visit]
            column = next((c for c in otherwise if c and c not in taken), None)
        if column:
            found[name] = column
    return found


def _stem(file: FileProfile) -> str:
    return plain_name(re.sub(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", "", PurePath(file.name).stem))


def _kind(file: FileProfile, tied: _Tied) -> tuple[str, dict[str, str]]:
    """The kind whose name fits and most of whose columns are there; undecided when no kind has what it needs."""
    stem = _stem(file)
    best, columns, most = _UNDECIDED, ({"person": tied.person} if tied.person else {}), 3.0
    for name, kind in file_kinds().items():
        found = _found(kind, file, tied)
        if set(kind.needs) - set(found):
            continue
        score = 3.0 * bool(kind.file.search(stem)) + len(found)
        if score > most:
            best, columns, most = name, found, score
    return best, columns


def _lacks(file: FileProfile, tied: _Tied) -> tuple[str, tuple[str, ...]] | None:
    """The kind that a file is called like although it lacks something, the kind that lacks least."""
    stem, near = _stem(file), []
    for name, kind in file_kinds().items():
        missing = tuple(r for r in kind.needs if r not in _found(kind, file, tied))
        if kind.file.search(stem) and len(missing) < len(kind.needs):
            near.append((len(missing), name, missing))
    return min(near)[1:] if near else None


def _undecided(file: FileProfile, profile: Profile, source: str, tied: _Tied, columns: dict[str, str]) -> Guess:
    """A file of no known kind: a list of codes when other files' columns lead to it and it is about nobody."""
    lists = tuple(dict.fromkeys(j.file for j in profile.joins if j.to_file == file.name and j.file != file.name))
    if lists and tied.person is None:
        return Guess(file, _UNDECIDED, source, columns, lists=lists)
    return Guess(file, _UNDECIDED, source, columns, _lacks(file, tied))


def guess(profile: Profile) -> list[Guess]:
    """A guess per readable file; sources are named after their kinds, or after the file where that is not enough."""
    files = [file for file in profile.files if file.columns]
    tied = {file.name: _Tied(_person(file, profile)) for file in files}
    first = [(file, *_kind(file, tied[file.name])) for file in files]
    keys = {(file.name, columns["visit"]) for file, kind, columns in first if kind == "visits"}
    tied = {file.name: _Tied(tied[file.name].person, _visit(file, profile, keys)) for file in files}
    kinds = [(file, *_kind(file, tied[file.name])) for file in files]
    times = {kind: sum(k == kind for _, k, _ in kinds) for _, kind, _ in kinds}
    guesses = []
    for file, kind, columns in kinds:
        source = kind if times[kind] == 1 and kind != _UNDECIDED else _source_name(file, kind)
        decided = kind != _UNDECIDED
        known = Guess(file, kind, source, columns)
        guesses.append(known if decided else _undecided(file, profile, source, tied[file.name], columns))
    return guesses


def _visit(file: FileProfile, profile: Profile, keys: set[tuple[str, str]]) -> str | None:
    """The column that leads to a file of visits, or is called as what names the visits there."""
    led = (j.column for j in profile.joins if j.file == file.name and (j.to_file, j.to_column) in keys)
    own = {k.columns[0] for k in file.keys if len(k.columns) == 1}  # Id names other things in other files
    called = {column for _, column in keys} - own
    return next(iter([*led, *(c.name for c in file.columns if c.name in called)]), None)


def _source_name(file: FileProfile, kind: str) -> str:
    """A name made of the file's own, in letters that SQL and YAML need not quote."""
    stem = re.sub(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}", "", PurePath(file.name).stem)
    name = re.sub(r"\W+", "_", stem).strip("_").lower()
    name = name if re.match(r"[^\W\d]", name) else f"{kind}_{name}"
    return f"{name}_rows" if name in tables() else name  # which sources may not be called like
