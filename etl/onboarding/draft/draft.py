"""A first draft of a hospital's mappings, from a profile of its export: `etl new`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from etl.errors import UsageError
from etl.mapping.read.documents import Document, hospital_folders, read_file, read_head
from etl.onboarding.draft.contract import draft_contract, draft_differences, free_name, scalar, sql_name
from etl.onboarding.draft.layouts import Layout, known_layout
from etl.onboarding.draft.roles import Guess, file_kinds, guess, likely
from etl.onboarding.profile.model import Column, FileProfile, Profile
from etl.onboarding.profile.rules import plain_name, rules

_TEMPLATES = Path(__file__).with_name("templates")
#: Files of entries, each written when one of its kinds of files is there.
_ENTRIES = {
    "people": ("patients", "deaths", "departments", "staff"),
    "visits": ("visits", "ward_moves"),
    "diagnoses": ("diagnoses",),
    "drugs": ("drug_orders",),
    "measurements": ("results", "vital_signs"),
    "orders": ("orders",),
    "events": ("immunizations", "devices", "allergies", "care_plans"),
}
#: The shared map that a role's codes are looked up in.
_MAPS = {
    "sex": "sex", "kind": "visit_type", "from": "admitted_from", "to": "discharge", "route": "route",
    "foreigner": "nationality", "intensive": "level_of_care", "race": "race", "ethnicity": "ethnicity",
}  # fmt: skip
_SHIFTED = 2100  # visits after this year: the export's days are not the true ones
_MAPPED = ("patients", "staff", "visits", "ward_moves", "drug_orders")


@dataclass(frozen=True, slots=True)
class Request:
    """Who the new hospital is; what is not given is drafted and marked."""

    hospital: str
    number: int | None = None
    name_en: str | None = None
    name_ko: str | None = None
    layout: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """Texts of the new folder by file name, the layout that was recognised, and what each file was taken for."""

    files: dict[str, str]
    layout: Layout | None
    guesses: list[Guess] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Coded:
    """How the codes of a file are looked up when no code master leads anywhere: a vocabulary, or a map to be filled."""

    vocabulary: str = ""
    clean: str = ""
    fallback: tuple[str, ...] = ()
    map: str = ""


@dataclass(frozen=True, slots=True)
class _Said:
    """A guess as the templates see it: `c` holds columns as YAML, `q` as SQL, `t` read as times, by role."""

    source: str
    columns: dict[str, str]
    c: dict[str, str]
    q: dict[str, str]
    t: dict[str, str]
    start: str
    end: str
    birth: str
    status: str
    vitals: list[dict[str, Any]]
    coded: Coded
    event: str | None
    always: bool  # every row says when it began
    area: str  # names of columns that the draft makes
    item: str
    value: str


def _when(file: FileProfile, columns: dict[str, str], role: str) -> str:
    """SQL of a time that may be written in two columns, or otherwise than a contract reads by itself."""
    if role not in columns:
        return ""
    if f"{role}_time" in columns:
        day = _parsed(file.column(columns[role]))
        said = f"strftime({day}, '%Y-%m-%d')" if day else sql_name(columns[role])
        return f"concat_ws(' ', {said}, {sql_name(columns[f'{role}_time'])})"
    if f"{role}_later" in columns:
        one, later = file.column(columns[role]), file.column(columns[f"{role}_later"])
        first = read_time(one) if _parsed(one) else f"omop_blank({sql_name(one.name)})"
        return f"coalesce({first}, {read_time(later) if _parsed(later) else sql_name(later.name)})"
    return read_time(file.column(columns[role]))


def _parsed(column: Column) -> str | None:
    """SQL of the moment in formats that a contract does not read by itself; of several that fit the first."""
    formats = [rules().format(name.split(" or ")[0]) for name, _ in column.formats]
    if all(f.native for f in formats):
        return None
    parse = ", ".join(f"'{f.parse}'" for f in formats)
    return f"try_strptime(omop_blank({sql_name(column.name)}), [{parse}])"


def read_time(column: Column) -> str:
    """SQL that reads a column of times: the column itself, or its own formats."""
    moment = _parsed(column)
    return f"strftime({moment}, '%Y-%m-%d %H:%M:%S')" if moment else column.name


def _read_birth(column: Column) -> str:
    """SQL of a date of birth; years of two digits lie in the past."""
    moment = _parsed(column)
    if moment is None or not any("%y" in rules().format(name.split(" or ")[0]).parse for name, _ in column.formats):
        return read_time(column)
    past = f"case when {moment} > omop_night() then {moment} - interval 100 year else {moment} end"
    return f"strftime({past}, '%Y-%m-%d')"


def _birth(found: Guess) -> str:
    """SQL of a date of birth, of the year that an age in a year leaves, or of the one that landing computes."""
    columns = found.columns
    if "birth" in columns:
        return _read_birth(found.file.column(columns["birth"]))
    if "age" in columns and "age_year" in columns:
        year, age = sql_name(columns["age_year"]), sql_name(columns["age"])
        return f"(try_cast({year} as integer) - try_cast({age} as integer))::varchar"
    numbered = any(c.hidden and c.hidden.kind == "rrn" for c in found.file.columns)
    return free_name(found.file, "BIRTH") if numbered else "null"


def ambiguous(found: Guess) -> list[str]:
    """Columns of times in which day and month may stand either way round."""
    used = set(found.columns.values())
    return [c.name for c in found.file.columns if c.name in used and any(" or " in name for name, _ in c.formats)]


def _coded(found: Guess, *, korean: bool) -> Coded:
    """Korean hospitals write KCD and EDI; elsewhere the codes themselves tell, or a map takes them."""
    kind = file_kinds()[found.kind]
    if "code" not in found.columns:
        return Coded()
    column = found.file.column(found.columns["code"])
    for coding in kind.vocabularies:
        if coding.fits(column) and not (korean and coding.clean):
            steps = tuple(step.replace("{code}", sql_name(column.name)) for step in coding.fallback)
            return Coded(coding.vocabulary, coding.clean or "", steps)
    return Coded(map=f"{found.source}_codes") if column.values and not korean else Coded()


def _status(q: dict[str, str]) -> str:
    unsure = f"when {q['confirmed']} = 'N' then 'tentative' " if "confirmed" in q else ""
    return f"case {unsure}when {q['main']} = 'Y' then 'main' else 'additional' end" if "main" in q else ""


def _said(found: Guess, *, korean: bool) -> _Said:
    columns = found.columns
    q = {role: sql_name(column) for role, column in columns.items()}
    roles = file_kinds()[found.kind].roles
    vitals = [
        {"column": scalar(columns[r]), "literal": "'" + columns[r].replace("'", "''") + "'", "unit": role.unit}
        for r, role in roles.items()
        if role.unit and r in columns
    ]
    return _Said(
        found.source, columns, {role: scalar(column) for role, column in columns.items()}, q,
        {role: scalar(read_time(found.file.column(column))) for role, column in columns.items()},
        scalar(_when(found.file, columns, "start")),
        scalar(_when(found.file, columns, "end")) if "end" in columns else "",
        scalar(_birth(found)), _status(q), vitals, _coded(found, korean=korean), file_kinds()[found.kind].event,
        "start" in columns and found.file.column(columns["start"]).empty == 0,
        *(free_name(found.file, name) for name in ("AREA", "item", "value")),
    )  # fmt: skip


def _masters(guesses: Sequence[Guess], *, korean: bool) -> dict[str, list[_Said]]:
    """Code masters; an order master that leads to prices is followed by the price master."""
    by_kind: dict[str, list[Guess]] = {}
    for found in guesses:
        by_kind.setdefault(found.kind, []).append(found)
    masters = {
        name: [_said(by_kind[kind][0], korean=korean)]
        for name, kind in (("diagnosis", "diagnosis_codes"), ("drug", "drug_codes"), ("order", "order_codes"))
        if kind in by_kind
    }
    if "order" in masters and "prices" in by_kind:
        masters["order"].append(_said(by_kind["prices"][0], korean=korean))
    return masters


@cache
def _shared(root: Path) -> dict[str, dict[str, Any]]:
    document = Document()
    for file in sorted((root / "shared" / "maps").glob("*.yaml")):
        read_file(file, root, document)
    return {name: dict(said.get("codes") or {}) for name, said in (document.data.get("maps") or {}).items()}


def _maps(root: Path, guesses: Sequence[Guess], *, korean: bool) -> dict[str, list[tuple[str, int, str]]]:
    """Codes and names that the shared maps lack: code, concept (0: undecided), what the export says of it."""
    shared = _shared(root)
    found: dict[str, dict[str, tuple[int, str]]] = {}
    for item in guesses:
        roles = file_kinds()[item.kind].roles if item.decided else {}
        own = _coded(item, korean=korean).map if item.decided else ""
        for value, rows in item.file.column(item.columns["code"]).values if own else ():
            found.setdefault(own, {})[value] = (0, f"{rows:,} rows")
        for role, column in item.columns.items():
            told = roles.get(role)
            if told is not None and told.concept and column not in shared.get("vitals", {}):
                found.setdefault("vitals", {}).setdefault(column, (told.concept, f"{role}, by its name"))
            elif role in _MAPS and item.kind in _MAPPED:
                for value, rows in item.file.column(column).values:
                    if value not in shared.get(_MAPS[role], {}):
                        about = f"{column} of {item.source}: {rows:,} rows"
                        concept = likely().get(_MAPS[role], {}).get(plain_name(value), 0)
                        about += ", proposed by its word" if concept else ""
                        found.setdefault(_MAPS[role], {}).setdefault(value, (concept, about))
    return {
        name: [(scalar(code), concept, about) for code, (concept, about) in codes.items()]
        for name, codes in found.items()
    }


def _numbers(root: Path) -> set[object]:
    """The numbers that hospitals have."""
    return {read_head(folder).data.get("number") for folder in hospital_folders(root)}


def _free_number(root: Path) -> int:
    """The smallest number that no hospital has."""
    taken = _numbers(root)
    return next(n for n in range(1, 64) if n not in taken)


def _years(guesses: Sequence[Guess]) -> tuple[int, int] | None:
    """The first and the last year of visits."""
    found = [g.file.column(g.columns["start"]).years for g in guesses if g.kind == "visits" and "start" in g.columns]
    years = [y for y in found if y]
    return (min(y[0] for y in years), max(y[1] for y in years)) if years else None


def _one_each(guesses: Sequence[Guess]) -> list[Guess]:
    """One guess per source: files of several nights or parts that share a name are read together."""
    kept: dict[str, Guess] = {}
    for found in guesses:
        kept.setdefault(found.source, found)
    return list(kept.values())


def make_draft(root: Path, profile: Profile, request: Request) -> Draft:
    """Draft the texts of `root`/<hospital>; raises UsageError when there is such a folder already."""
    folder = root / request.hospital
    if folder.exists():
        raise UsageError(f"{folder} is there already", hint="choose another name; a draft never overwrites")
    if request.number is not None and request.number in _numbers(root):
        raise UsageError(
            f"number {request.number} belongs to another hospital",
            hint="leave --number out: the draft takes a free one",
        )
    layout = known_layout(root, profile)
    if request.layout is not None and (layout is None or layout.name != request.layout):
        raise UsageError(
            f"the export does not follow layout {request.layout}" + (f", but {layout.name}" if layout else ""),
            hint="leave --layout out to draft a contract of its own",
        )
    guesses = _one_each(guess(profile))
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES), undefined=jinja2.ChainableUndefined, trim_blocks=True,
        keep_trailing_newline=True, autoescape=False,
    )  # fmt: skip
    environment.filters["y"] = scalar
    head = environment.get_template("hospital.yaml.j2").render(
        files=len(profile.files), hospital=request.hospital, number=request.number or _free_number(root),
        ko=scalar(request.name_ko or request.hospital), en=scalar(request.name_en or request.hospital),
        named=bool(request.name_ko and request.name_en), layout=layout.name if layout else None,
        matched=len(layout.files) if layout else 0, sources=layout.sources if layout else 0,
        years=_years(guesses), shifted=_SHIFTED,
    )  # fmt: skip
    if layout is not None:
        return Draft({"hospital.yaml": head, "sources.yaml": draft_differences(profile, layout)}, layout)
    files = {"hospital.yaml": head, "sources.yaml": draft_contract(profile, guesses)}
    return Draft(files | _entries(environment, root, guesses, korean=profile.korean), None, guesses)


def _entries(environment: jinja2.Environment, root: Path, guesses: Sequence[Guess], *, korean: bool) -> dict[str, str]:
    masters, maps = _masters(guesses, korean=korean), _maps(root, guesses, korean=korean)
    kinds: dict[str, list[_Said]] = {kind: [] for kind in file_kinds()}
    for found in guesses:
        if found.decided:
            kinds[found.kind].append(_said(found, korean=korean))
    known = {
        **kinds, "masters": masters, "maps": maps, "known_maps": {*maps, *_shared(root)},
        "ambiguous": {found.source: ambiguous(found) for found in guesses if ambiguous(found)},
        "drug_master": next((m for m in ("drug", "order") if m in masters), None),
    }  # fmt: skip
    wanted = {name: any(kinds[kind] for kind in used) for name, used in _ENTRIES.items()}
    wanted |= {"masters": bool(masters), "maps": bool(maps)}
    return {
        f"{name}.yaml": environment.get_template(f"{name}.yaml.j2").render(known).rstrip("\n") + "\n"
        for name, there in wanted.items()
        if there
    }
