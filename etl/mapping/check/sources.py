"""Checks the contract: keys, columns, encodings, what a night of changes needs."""

from __future__ import annotations

import re
from typing import Any

from etl.cdm.shapes import ENTITIES
from etl.errors import nearest
from etl.files import is_pattern
from etl.mapping.check.checker import Checker
from etl.mapping.language.contract import Source, deletions_of
from etl.mapping.language.hospital import Hospital
from etl.mapping.language.landed import entity_columns, landed_columns, person_columns
from etl.mapping.language.mapping import Declarations
from etl.mapping.language.places import Path_

_WORKBOOK = re.compile(r"\.xls[xm](!|$)", re.IGNORECASE)


def check_source(check: Checker, name: str, source: Source) -> None:
    """Keys, computed columns, merges, versions and the encoding of a source are as they have to be."""
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
    if _WORKBOOK.search(source.file) and not source.written_plainly:
        check.add(
            (*path, "file"), "a sheet is read as UTF-8 with commas; leave out `encoding`, `delimiter` and `quote`"
        )
    _check_files(check, (*path, "files"), source)
    try:
        if "\n".encode(source.encoding) != b"\n":
            check.add((*path, "encoding"), f"'{source.encoding}' is not supported: a line end must be one byte")
    except LookupError:
        check.add((*path, "encoding"), f"Python knows no encoding '{source.encoding}'; try utf-8, cp949 or euc-kr")


def _check_files(check: Checker, path: Path_, source: Source) -> None:
    """What is said of the number of files is said of a glob, and can be."""
    if source.files is None:
        return
    fewest, most = source.number_of_files
    if not is_pattern(source.file):
        check.add(path, "says how many files a glob has; `file` is none, such as LAB_*.csv")
    if most is not None and most < fewest:
        check.add(path, f"no number is at least {fewest:,} and at most {most:,}")


def check_delivery(check: Checker, hospital: Hospital, known: Declarations) -> None:
    """Sources that come as changes need a key; addresses that texts must not show have to come every night.

    Names and record numbers are known from the nights before, telephone numbers by how they are written.
    """
    for name, source in known.sources.items():
        path: Path_ = ("sources", name)
        if (source.delivery or hospital.delivery) == "full":
            continue
        if not source.key:
            check.add(path, "comes as changes (`delivery: delta`) and needs a `key` that tells which row is changed")
        addresses = [n for n, c in source.declared.items() if c.identifier == "address" and not c.entity]
        scrubbing = [s for s, other in known.sources.items() if any(c.scrub for c in other.declared.values())]
        if addresses and any(c.registers for c in source.declared.values()) and scrubbing:
            check.add(
                (*path, "delivery"),
                f"'{scrubbing[0]}' has free text in which this source's addresses are blanked out, so they must come "
                "with every night: say `delivery: full` here",
            )


def check_registration(check: Checker, known: Declarations) -> None:
    """Some column says who the patients are: without it, no row of any source would be somebody's."""
    persons = {name: columns for name, source in known.sources.items() if (columns := person_columns(source))}
    registers = (known.sources[n].declared[c].registers for n, columns in persons.items() for c in columns)
    if persons and not any(registers) and not any(kind == "sources" for kind, _ in check.broken):
        name, (column, *_) = next(iter(persons.items()))
        check.add(
            ("sources", name, "columns", column),
            "no column registers patients, so that nobody would get an id: say `registers: true` where their list is",
        )


def with_deletions(sources: dict[str, Source]) -> dict[str, Source]:
    """The sources, and one more for each that has files of deleted keys."""
    found = dict(sources)
    for name, source in sources.items():
        if source.deletions:
            keys = {c: source.columns.get(c) for c in source.key}
            found[deletions_of(name)] = source.model_copy(
                update={
                    "file": source.deletions, "files": None, "optional": True, "delivery": "full", "columns": keys,
                    "computed": {},
                    "query": source.deletions_query, "deletions_query": None,
                    "deletions": None, "deleted": None, "version": None, "merges": None,
                    "unused": "keys of deleted rows",
                }
            )  # fmt: skip
    return found


def check_used(check: Checker, data: dict[str, Any], known: Declarations) -> None:
    """Every source is read by an entry or a master, or says why not."""
    used = {e.get("from") for e in (data.get("entries") or {}).values() if isinstance(e, dict)}
    used |= {s.source for steps in known.masters.values() for s in steps}
    for entry in (data.get("entries") or {}).values():
        beside = entry.get("with") if isinstance(entry, dict) else None
        used |= {o.get("source") for o in beside.values() if isinstance(o, dict)} if isinstance(beside, dict) else set()
    unsure = any(kind == "masters" for kind, _ in check.broken)
    for name, source in known.sources.items():
        if name not in used and source.unused is None and source.merges is None and not unsure:
            check.add(("sources", name), "no entry or master reads it; say why with `unused: …`")
