"""Checks a hospital's merged YAML without any data and returns it typed, or every problem at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from croniter import croniter
from pydantic import BaseModel, ValidationError

from etl.cdm.shapes import ENTITIES, events, shapes
from etl.errors import ConfigError, MappingError, Problem
from etl.mapping.codemaps import MapRows, format_of, read_rows, with_file, written_rows
from etl.mapping.expression import ExpressionError, columns_of
from etl.mapping.load import Document, Path_, hospital_folders, read_head, read_hospital
from etl.mapping.model import (
    CodeMap,
    Column,
    Declarations,
    Entry,
    Hospital,
    HospitalMapping,
    Lookup,
    Ref,
    Source,
    Step,
    deletions_of,
)
from etl.mapping.problems import keys_of, model_of_entry, nearest, problems_of
from etl.mapping.queries import query_problems, with_extracted
from etl.mapping.references import problem_of, steps_of
from etl.mapping.units import conversion_problems


class _Checker:
    """Collects the problems of one hospital."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems = list(document.problems)
        self.broken: set[tuple[str, str]] = set()  # declarations with problems of their own: kind and name

    def names(self, kind: str, known: Iterable[str]) -> set[str]:
        """Names declared as `kind`, those with problems included."""
        return {*known, *(name for k, name in self.broken if k == kind)}

    def add(self, path: Path_, message: str) -> None:
        self.problems.append(self.document.problem(path, message))

    def validated(self, model: type[BaseModel], data: Any, prefix: Path_ = ()) -> Any:
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.problems += problems_of(error, prefix, self.document)
            return None

    def expression(self, path: Path_, sql: str, columns: Iterable[str], where: str) -> None:
        known = set(columns)
        try:
            for column in columns_of(sql, known):
                if column not in known:
                    self.add(path, f"column '{column}' is not in {where}{nearest(column, known)}")
        except ExpressionError as error:
            self.add(path, str(error))


def landed_columns(source: Source) -> dict[str, Column]:
    """Columns an entry may use: those that land, computed ones included (identifiers other than `person` do not)."""
    return {n: c for n, c in source.declared.items() if c.identifier in (None, "person")}


def person_columns(source: Source) -> list[str]:
    """Columns of a source that hold ids of persons."""
    return [n for n, c in source.declared.items() if c.identifier == "person"]


def entity_columns(source: Source, entity: str) -> list[str]:
    """Columns of a source that name providers, care sites or locations."""
    return [n for n, c in source.declared.items() if c.entity == entity]


def _check_source(check: _Checker, name: str, source: Source) -> None:
    path: Path_ = ("sources", name)
    known = landed_columns(source)
    usable = {*known, *(c for entity in ENTITIES for c in entity_columns(source, entity))}
    for column in source.key:
        if column not in usable:
            check.add((*path, "key"), f"column '{column}' is not in the source{nearest(column, usable)}")
    for column, computed in source.computed.items():
        check.expression((*path, "computed", column), computed.sql, source.columns, f"source '{name}'")
    persons = person_columns(source)
    if source.merges:
        for word, column in (("from", source.merges.from_), ("into", source.merges.into)):
            if column not in persons:
                check.add((*path, "merges", word), f"'{column}' is not declared `identifier: person`")
    for key, sql in (("version", source.version), ("deleted", source.deleted)):
        if sql:
            check.expression((*path, key), sql, known, f"source '{name}'")
    try:
        if "\n".encode(source.encoding) != b"\n":
            check.add((*path, "encoding"), f"'{source.encoding}' is not supported: a line end must be one byte")
    except LookupError:
        check.add((*path, "encoding"), f"Python knows no encoding '{source.encoding}'; try utf-8, cp949 or euc-kr")


def _check_step(check: _Checker, path: Path_, step: Step, known: Declarations) -> None:
    for kind, value, names in (
        ("map", step.map, check.names("maps", known.maps)),
        ("clean", step.clean, check.names("clean", known.clean)),
        ("through", step.through, check.names("masters", known.masters)),
    ):
        if value is not None and value not in names:
            check.add((*path, kind), f"there is no '{value}'{nearest(value, names)}")
    if step.map is None and step.vocabulary is None:
        check.add(path, "says neither `map` nor `vocabulary`: where is the code to be looked up?")


def _check_entry(check: _Checker, entry: Entry, known: Declarations) -> None:
    path: Path_ = ("entries", entry.label)
    source = known.sources.get(entry.from_)
    if ("sources", entry.from_) in check.broken:
        return
    if source is None:
        check.add((*path, "from"), f"there is no source '{entry.from_}'{nearest(entry.from_, known.sources)}")
        return
    columns = set(landed_columns(source))
    if entry.unpivot:
        for column in entry.unpivot.columns:
            if column not in columns:
                check.add((*path, "unpivot"), f"column '{column}' is not in '{entry.from_}'{nearest(column, columns)}")
        columns |= {entry.unpivot.name, entry.unpivot.value}
    where = f"source '{entry.from_}'"
    for rule, sql in entry.rules.items():
        check.expression((*path, "where", rule), sql, columns, where)
    for name, value in entry.said().items():
        _check_field(check, (*path, name), entry, name, value, source, columns, known)


def _check_references(check: _Checker, entries: list[Entry]) -> None:
    for entry in entries:
        for field in entry.said():
            if entry.shape.kinds[field] == "visit":
                continue  # a hospital without visits leaves it empty
            for i, (target, _) in enumerate(steps_of(entry, field)):
                path = ("entries", entry.label, field, *(("fallback", i - 1) if i else ()))
                problem = problem_of(entries, entry, target)
                if problem:
                    check.add(path, problem)


def _check_field(
    check: _Checker, path: Path_, entry: Entry, name: str, value: Any, source: Source, columns: set[str],
    known: Declarations,
) -> None:  # fmt: skip
    where = f"source '{entry.from_}'"
    kind = entry.shape.kinds[name]
    if kind == "person":
        persons = [n for n, c in landed_columns(source).items() if c.identifier == "person"]
        if value not in persons:
            check.add(path, f"'{value}' is not declared `identifier: person` in {where}{nearest(value, persons)}")
    elif kind in ENTITIES:
        named = entity_columns(source, kind)
        if value not in named:
            check.add(path, f"'{value}' is not declared `entity: {kind}` in {where}{nearest(value, named)}")
    elif isinstance(value, Lookup):
        check.expression((*path, "code"), value.code, columns, where)
        if value.description:
            check.expression((*path, "description"), value.description, columns, where)
        _check_step(check, path, value, known)
        for i, step in enumerate(value.fallback):
            _check_step(check, (*path, "fallback", i), step, known)
            if step.code:
                check.expression((*path, "fallback", i, "code"), step.code, columns, where)
    elif isinstance(value, Ref):
        check.expression((*path, "key"), value.key, columns, where)
        for i, ref in enumerate(value.fallback):
            check.expression((*path, "fallback", i, "key"), ref.key, columns, where)
    elif isinstance(value, str):
        check.expression(path, value, columns, where)


def _check_declarations(check: _Checker, known: Declarations) -> None:
    for name, declared in known.sources.items():
        _check_source(check, name, declared)
    for name, sql in known.clean.items():
        check.expression(("clean", name), sql, ["code"], "a cleaning rule, which sees only `code`")
    for path_, message in conversion_problems(known.conversions):
        check.add(path_, message)
    for name, steps in known.masters.items():
        for i, step in enumerate(steps):
            path: Path_ = ("masters", name, i)
            source = known.sources.get(step.source)
            if ("sources", step.source) in check.broken:
                continue
            if source is None:
                check.add(path, f"there is no source '{step.source}'{nearest(step.source, known.sources)}")
                continue
            for sql in filter(None, (step.code, step.to, step.valid_from, step.valid_to, step.where)):
                check.expression(path, sql, landed_columns(source), f"source '{step.source}'")


def _entries(check: _Checker, raw: dict[str, Any]) -> list[Entry]:
    entries = []
    for name, data in raw.items():
        model = model_of_entry(data)
        if model is None:
            kind = next((k for k in ("event", "table") if isinstance(data, dict) and data.get(k)), None)
            word = data[kind] if kind else None
            words = [*events(), *shapes()]
            said = (
                f"unknown `event` or `table` '{word}'{nearest(str(word), words)}"
                if word
                else "needs `event` or `table`"
            )
            check.add(("entries", name, *((kind,) if kind else ())), said)
        elif (entry := check.validated(model, data, ("entries", name))) is not None:
            entries.append(entry)
    return entries


def _declarations(check: _Checker, data: dict[str, Any]) -> Declarations:
    """What can be read of the declarations; one with problems is left out and noted in `check.broken`."""
    raw = {k: v for k, v in data.items() if k in keys_of(Declarations)}
    try:
        return Declarations.model_validate(raw)
    except ValidationError as error:
        check.problems += problems_of(error, (), check.document)
        wrong = {tuple(map(str, item["loc"][:2])) for item in error.errors()}
    kept = {k: v for k, v in raw.items() if (k,) not in wrong}
    check.broken |= {(k, name) for k, group in kept.items() for name in group if (k, name) in wrong}
    return Declarations.model_validate(
        {k: {name: v for name, v in group.items() if (k, name) not in wrong} for k, group in kept.items()}
    )


def _check_delivery(check: _Checker, hospital: Hospital, known: Declarations) -> None:
    """Sources that come as changes need a key; names that texts must not show have to come every night."""
    for name, source in known.sources.items():
        path: Path_ = ("sources", name)
        if (source.delivery or hospital.delivery) == "full":
            continue
        if not source.key:
            check.add(path, "comes as changes (`delivery: delta`) and needs a `key` that tells which row is changed")
        names = [n for n, c in source.declared.items() if c.identifier in ("name", "phone", "address") and not c.entity]
        scrubbing = [s for s, other in known.sources.items() if any(c.scrub for c in other.declared.values())]
        if names and any(c.registers for c in source.declared.values()) and scrubbing:
            check.add(
                (*path, "delivery"),
                f"'{scrubbing[0]}' has free text in which this source's names are blanked out, so the names must come "
                "with every night: say `delivery: full` here",
            )


def with_deletions(sources: dict[str, Source]) -> dict[str, Source]:
    """The sources, and one more for each that has files of deleted keys."""
    found = dict(sources)
    for name, source in sources.items():
        if source.deletions:
            keys = {c: source.columns.get(c) for c in source.key}
            found[deletions_of(name)] = source.model_copy(
                update={
                    "file": source.deletions, "optional": True, "delivery": "full", "columns": keys, "computed": {},
                    "query": source.deletions_query, "deletions_query": None,
                    "deletions": None, "deleted": None, "version": None, "merges": None,
                    "unused": "keys of deleted rows",
                }
            )  # fmt: skip
    return found


def _map_rows(check: _Checker, maps: Mapping[str, CodeMap]) -> dict[str, MapRows]:
    """The rows of every code map; what is wrong with a CSV file is a problem of that file."""
    found: dict[str, MapRows] = {}
    for name, code_map in maps.items():
        path: Path_ = ("maps", name)
        if code_map.usagi and code_map.source_to_concept_map:
            check.add(path, "says both `usagi` and `source_to_concept_map`; keep one")
            continue
        if not code_map.model_fields_set & {"codes", "usagi", "source_to_concept_map"}:
            check.add(path, "says neither `codes` nor `usagi` nor `source_to_concept_map`: what do its codes become?")
        codes: Path_ = (*path, "codes")
        found[name] = written_rows(code_map, {c: check.document.place((*codes, c)) for c in code_map.codes})
        named = format_of(code_map)
        if named:
            root, beside = check.document.root, check.document.place((*path, named[0])).file
            rows, wrong = read_rows(code_map, (root / beside).parent, root)
            check.problems += wrong
            found[name] = with_file(found[name], rows) if rows else found[name]
    return found


def _check_used(check: _Checker, data: dict[str, Any], known: Declarations) -> None:
    """Every source is read by an entry or a master, or says why not."""
    used = {e.get("from") for e in (data.get("entries") or {}).values() if isinstance(e, dict)}
    used |= {s.source for steps in known.masters.values() for s in steps}
    unsure = any(kind == "masters" for kind, _ in check.broken)
    for name, source in known.sources.items():
        if name not in used and source.unused is None and source.merges is None and not unsure:
            check.add(("sources", name), "no entry or master reads it; say why with `unused: …`")


def check_document(document: Document, folder: str) -> tuple[HospitalMapping | None, list[Problem]]:
    """Type and check one hospital's merged YAML; the mapping is None when there are problems."""
    check = _Checker(document)
    data = document.data
    for key in set(data) - set(keys_of(Hospital)) - set(keys_of(Declarations)) - {"entries"}:
        check.add((key,), f"unknown key{nearest(key, [*keys_of(Hospital), *keys_of(Declarations), 'entries'])}")
    hospital: Hospital | None = check.validated(Hospital, {k: v for k, v in data.items() if k in keys_of(Hospital)})
    if hospital is not None and not croniter.is_valid(hospital.schedule):
        check.add(("schedule",), f"'{hospital.schedule}' is no cron expression; expected five fields such as 0 2 * * *")
    if hospital is not None and hospital.hospital != folder:
        check.add(("hospital",), f"is '{hospital.hospital}' but the folder is '{folder}'")
    known = _declarations(check, data)
    entries = _entries(check, data.get("entries") or {})
    _check_declarations(check, known)
    map_rows = _map_rows(check, known.maps)
    for entry in entries:
        _check_entry(check, entry, known)
    _check_references(check, entries)
    _check_used(check, data, known)
    for path, message in query_problems(document.root, document.places, hospital, known.sources):
        check.add(path, message)
    if hospital is not None:
        _check_delivery(check, hospital, known)
    if check.problems or hospital is None:
        return None, check.problems
    said = {"data": data, "files": {n: r.digest for n, r in map_rows.items() if r.digest}}
    text = json.dumps(said if said["files"] else data, sort_keys=True, ensure_ascii=False, default=str)
    return (
        HospitalMapping(
            hospital, with_deletions(with_extracted(known.sources)), known.masters, known.maps, known.clean,
            tuple(entries),
            hashlib.sha256(text.encode()).hexdigest(), known.conversions, map_rows,
            document.places,
        ),
        [],
    )  # fmt: skip


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
        raise MappingError(problems)
    return found
