"""Checks a hospital's merged YAML without any data and returns it typed, or every problem at once."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from croniter import croniter
from pydantic import ValidationError

from etl.errors import Problem, nearest
from etl.mapping.check.checker import Checker
from etl.mapping.check.conversions import conversion_problems
from etl.mapping.check.entries import check_entry, check_references, read_entries
from etl.mapping.check.lookups import read_map_rows
from etl.mapping.check.names import check_names
from etl.mapping.check.problems import keys_of, problems_of
from etl.mapping.check.sources import check_delivery, check_registration, check_source, check_used, with_deletions
from etl.mapping.language.hospital import Hospital
from etl.mapping.language.landed import landed_columns
from etl.mapping.language.mapping import Declarations, HospitalMapping
from etl.mapping.language.places import Path_
from etl.mapping.read.documents import Document
from etl.mapping.read.queries import query_problems, with_extracted


def check_declarations(check: Checker, known: Declarations) -> None:
    """Sources, cleaning rules, conversions and code masters name what is there."""
    for name, declared in known.sources.items():
        check_source(check, name, declared)
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


def read_declarations(check: Checker, data: dict[str, Any]) -> Declarations:
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


def check_document(document: Document, folder: str) -> tuple[HospitalMapping | None, list[Problem]]:
    """Type and check one hospital's merged YAML; the mapping is None when there are problems."""
    check = Checker(document)
    data = document.data
    for key in set(data) - set(keys_of(Hospital)) - set(keys_of(Declarations)) - {"entries"}:
        check.add((key,), f"unknown key{nearest(key, [*keys_of(Hospital), *keys_of(Declarations), 'entries'])}")
    hospital: Hospital | None = check.validated(Hospital, {k: v for k, v in data.items() if k in keys_of(Hospital)})
    if hospital is not None and not croniter.is_valid(hospital.schedule):
        check.add(("schedule",), f"'{hospital.schedule}' is no cron expression; expected five fields such as 0 2 * * *")
    if hospital is not None and hospital.hospital != folder:
        check.add(("hospital",), f"is '{hospital.hospital}' but the folder is '{folder}'")
    known = read_declarations(check, data)
    entries = read_entries(check, data.get("entries") or {})
    check_names(check, known, entries)
    check_declarations(check, known)
    map_rows = read_map_rows(check, known.maps)
    for entry in entries:
        check_entry(check, entry, known)
    check_references(check, entries)
    check_used(check, data, known)
    check_registration(check, known)
    for path, message in query_problems(document.root, document.places, hospital, known.sources):
        check.add(path, message)
    if hospital is not None:
        check_delivery(check, hospital, known)
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
