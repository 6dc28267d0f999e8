"""Holds the rows that were read of a bundle's file against the CDM: mends what is safe, refuses the rest by line.

A file that is as it should be is looked at by column and not written again. What publishing, eras and look-ups rely on
is made sure here, once a release: keys that name one row, texts that fit, nothing missing that is required.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.cdm.spec import Field, Table
from etl.engine import one_number, rows_in
from etl.errors import InputError
from etl.sql import literal, one_file, quote
from etl.vocabulary.bundle import AGAIN, CPT4, BundleFile, copy_sorted, lines_where, read_rows

#: Keys that the specification does not declare; without one, a row as a whole must stand once.
_KEYS = {
    "concept_relationship": ("concept_id_1", "concept_id_2", "relationship_id"),
    "concept_ancestor": ("ancestor_concept_id", "descendant_concept_id"),
}
_NEEDED = {
    "concept": "no code would become a concept",
    "concept_relationship": "no code would become a standard concept",
    "concept_ancestor": "there would be no eras, and concept sets would lack their descendants",
    "vocabulary": "the release would have no version",
}
#: Texts that a person reads; they are cut where they are too long. All others are keys.
_READ = ("vocabulary_reference", "vocabulary_version", "source_code_description")
_RUN_CPT4 = "run the tool in the download (cpt4.jar, as Athena's mail says) and load the bundle again"
_AT_ONCE = 16_000_000  # keys whose marks are sorted in memory at a time: 4 bytes each, and as much to join them


@dataclass
class Found:
    """What a file needs: values for columns, which rows to keep, whether to drop doubled ones; and that in words."""

    values: dict[str, str] = field(default_factory=dict)
    keep: str = "true"
    doubled: bool = False
    notes: list[str] = field(default_factory=list)


def mended(con: DuckDBPyConnection, file: BundleFile, written: Path) -> tuple[int, list[str]]:
    """Check a file's rows, written as Parquet, and mend them in place; returns rows and notes, each a sentence.

    Raises InputError with file and line: a required value is missing, a key is too long, two rows of one key differ.
    """
    source = rows_in(written)
    rows = one_number(con, f"select count(*) from {source}")
    if file.path is None:
        return rows, []
    if not rows:
        return 0, _empty(file)
    found = Found()
    _zero_bytes(con, file, source, written, found)
    _days(con, file, source)
    _missing(con, file, source, written, found)
    _lengths(con, file, source, found)
    _doubles(con, file, source, rows, found)
    if found.notes:
        rows = _write_again(con, file, source, written, found)
    return rows, found.notes


def _empty(file: BundleFile) -> list[str]:
    lost = _NEEDED.get(file.table.name)
    if lost:
        raise InputError(f"{file.name}: has no rows, so {lost}", hint=AGAIN)
    return [f"{file.name} has no rows"]


def _zero_bytes(con: DuckDBPyConnection, file: BundleFile, source: str, written: Path, found: Found) -> None:
    """Zero bytes, which no text of PostgreSQL's can hold, are taken out before anything else is looked at."""
    texts = [quote(f.name) for f in file.table.fields if f.duckdb_type == "VARCHAR" and f.name in file.header]
    held = " or ".join(f"contains({text}, chr(0))" for text in texts) or "false"
    count = one_number(con, f"select count(*) from {source} where {held}")
    if count:
        taken = ", ".join(f"replace({text}, chr(0), '') as {text}" for text in texts)
        again = written.with_suffix(".mended")
        copy_sorted(con, file.table, f"select * replace ({taken}) from {source}", again)
        again.replace(written)
        found.notes.append(f"{file.name}: {count:,} rows held zero bytes, which were taken out")


def _days(con: DuckDBPyConnection, file: BundleFile, source: str) -> None:
    """Days of a year below 1000 are none."""
    for column in file.table.fields:
        name = quote(column.name)
        early = f"{name} < date '1000-01-01'"
        if column.duckdb_type == "DATE" and one_number(con, f"select count(*) from {source} where {early}"):
            [line] = lines_where(con, file, f"{name} < '10000101'", 1) or [0]
            raise InputError(f"{file.name}, line {line}: column '{column.name}' is no day", hint=AGAIN)


def _missing(con: DuckDBPyConnection, file: BundleFile, source: str, written: Path, found: Found) -> None:
    """Required values that are not there: names have a stand-in, a synonym without a name says nothing."""
    nulls = dict(con.execute(
        "select path_in_schema, sum(coalesce(stats_null_count, 0))::bigint from "
        f"parquet_metadata({one_file(written)}) group by all").fetchall())  # fmt: skip
    for column in file.table.fields:
        name = quote(column.name)
        if column.name.endswith("_name"):
            # '!' is the first letter after the blank, so that few names are trimmed
            blank = f"({name} is null or {name} < '!' and trim({name}) = '')"
            count = one_number(con, f"select count(*) from {source} where {blank}")
            if count and file.table.name == "concept_synonym":
                found.keep = f"not ({blank})"
                found.notes.append(f"{file.name}: {count:,} rows without a name were left out")
            elif count:
                concepts = file.table.name == "concept"
                code = quote("concept_code" if concepts else _key(file.table)[0])
                found.values[column.name] = f"case when {blank} then {code} else {name} end"
                tool = f"; names of CPT4 are missing until its tool has run: {_RUN_CPT4}" if concepts else ""
                found.notes.append(f"{file.name}: {count:,} names were missing, codes stand in for them{tool}")
        elif column.required and nulls.get(column.name):
            [line] = lines_where(con, file, f"{name} is null", 1) or [0]
            raise InputError(f"{file.name}, line {line}: column '{column.name}' is empty", hint=AGAIN)


def _lengths(con: DuckDBPyConnection, file: BundleFile, source: str, found: Found) -> None:
    """Texts that are longer than the CDM allows. Bytes are looked at first: they are never fewer than letters."""
    texts = [f for f in file.table.fields if f.length and f.name in file.header]
    if not texts:
        return
    most = con.execute(f"select {', '.join(f'max(strlen({quote(f.name)}))' for f in texts)} from {source}").fetchone()
    for column, most_bytes in zip(texts, most or (), strict=True):
        if (most_bytes or 0) <= (column.length or 0):
            continue
        too_long = f"length({quote(column.name)}) > {column.length}"
        count = one_number(con, f"select count(*) from {source} where {too_long}")
        if count and not _is_read(column):
            [line] = lines_where(con, file, too_long, 1) or [0]
            most_letters = f"the {column.length} letters of the CDM"
            raise InputError(
                f"{file.name}, line {line}: column '{column.name}' is longer than {most_letters}", hint=AGAIN
            )
        if count:
            value = found.values.get(column.name, quote(column.name))
            found.values[column.name] = f"left({value}, {column.length})"
            found.notes.append(f"{file.name}: {count:,} texts were cut to the {column.length} letters of {column.name}")


def _is_read(column: Field) -> bool:
    return column.name.endswith("_name") or column.name in _READ


def _key(table: Table) -> tuple[str, ...]:
    declared = tuple(f.name for f in table.fields if f.primary_key)
    return declared or _KEYS.get(table.name) or table.columns


def _mark(table: Table) -> str:
    """SQL of 32 bits of a key; few keys share theirs with another one."""
    return f"(hash({', '.join(map(quote, _key(table)))}) >> 32)::uinteger"


def _doubles(con: DuckDBPyConnection, file: BundleFile, source: str, rows: int, found: Found) -> None:
    """Rows that share their key: those that are the same are dropped but for one, others are refused."""
    keys, mark = ", ".join(map(quote, _key(file.table))), _mark(file.table)
    con.execute("create or replace temp table suspect (mark uinteger)")
    for marks in _repeated(con, file.table, source, rows):
        con.register("marks", pa.table({"mark": marks}))
        con.execute("insert into suspect from marks")
        con.unregister("marks")
    if not one_number(con, "select count(*) from suspect"):
        return
    con.execute(
        "create or replace temp table doubled as select distinct mark from "
        f"(select {mark} as mark, {keys} from {source} where {mark} in (from suspect) group by all having count(*) > 1)"
    )
    shared = f"from {source} where {mark} in (from doubled)"
    con.execute(
        f"create or replace temp table differing as select {keys} from (select distinct * {shared}) "
        "group by all having count(*) > 1 order by all"
    )
    if count := one_number(con, "select count(*) from differing"):
        raise _two_rows(con, file, count)
    dropped = one_number(
        con, f"select (select count(*) {shared}) - (select count(*) from (select distinct * {shared}))"
    )
    if dropped:
        found.doubled = True
        found.notes.append(f"{file.name}: {dropped:,} doubled lines were dropped")


def _repeated(con: DuckDBPyConnection, table: Table, source: str, rows: int) -> Iterator[pa.Array[pa.UInt32Scalar]]:
    """Marks that more than one row has. Sorting them costs a quarter of grouping by keys, and no more than 128 MB."""
    parts = rows // _AT_ONCE + 1
    hashed = f"hash({', '.join(map(quote, _key(table)))})"
    for part in range(parts):
        reader = con.execute(
            f"select (h >> 32)::uinteger as mark from (select {hashed} as h from {source}) where h % {parts} = {part}"
        ).to_arrow_reader(1_000_000)
        pieces = [batch.column(0).to_numpy() for batch in reader]
        if not pieces:
            continue
        marks = np.concatenate(pieces)
        marks.sort()
        yield pa.array(np.unique(marks[1:][marks[1:] == marks[:-1]]), pa.uint32())


def _two_rows(con: DuckDBPyConnection, file: BundleFile, count: int) -> InputError:
    """The error of the keys in the table `differing`: how many, and two lines of the first, never what they are."""
    types = {f.name: f.duckdb_type for f in file.table.fields}
    row = con.execute("from differing limit 1").fetchone() or ()
    same = " and ".join(
        f"try_cast({quote(name)} as {types[name]}) is not distinct from {literal(str(value))}::{types[name]}"
        for name, value in zip(_key(file.table), row, strict=True)
    )
    first, second, *_ = [*lines_where(con, file, same, 2), 0, 0]
    keys = f"{count:,} keys stand" if count > 1 else "1 key stands"
    return InputError(
        f"{file.name}, line {second}: has the key of line {first} and other content; {keys} in lines that differ",
        hint="of such lines one is wrong: remove it, or " + AGAIN,
    )


def _write_again(con: DuckDBPyConnection, file: BundleFile, source: str, written: Path, found: Found) -> int:
    table = file.table
    replaced = ", ".join(f"{value} as {quote(name)}" for name, value in found.values.items())
    query = f"select * {f'replace ({replaced})' if replaced else ''} from {source} where {found.keep}"
    if found.doubled:
        doubled = f"{_mark(table)} in (from doubled)"
        query = f"{query} and not {doubled} union all select distinct * from ({query} and {doubled})"
    again = written.with_suffix(".mended")
    rows = copy_sorted(con, table, query, again)
    again.replace(written)
    return rows


def unmerged_cpt4(con: DuckDBPyConnection, bundle: Path, concept: Path) -> list[str]:
    """A note where the CPT4 concepts of a bundle lie beside CONCEPT.csv, and not in it."""
    beside = next((p for p in bundle.iterdir() if p.name.lower() == CPT4.lower()), None)
    if beside is None:
        return []
    known = f"select concept_id from {rows_in(concept)}"
    count = one_number(con, f"select count(*) from ({read_rows('concept', beside)}) where concept_id not in ({known})")
    if not count:
        return []
    return [f"{beside.name}: {count:,} concepts are not in CONCEPT.csv, so their codes become nothing: {_RUN_CPT4}"]
