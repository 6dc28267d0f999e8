"""Code maps as rows, whether they stand in YAML, in a file that Usagi saved, or in a source_to_concept_map file.

A row says what a code stands for while it is valid. Rows that a reviewer has not approved are as if they were absent.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import json as arrow_json

from etl.errors import Problem
from etl.files import NO_FILE, NoFileError, packaged, read_bytes
from etl.mapping.language.codemaps import CodeMap, MapRows
from etl.mapping.language.places import Place
from etl.spreadsheets import read_back
from etl.sql import literal, quote

USAGI = "usagi"
TABLE = "source_to_concept_map"


# columns of the formats, in lower case, and whether a file may lack them
_COLUMNS: Mapping[str, Mapping[str, bool]] = {
    USAGI: {"sourcecode": False, "mappingstatus": False, "conceptid": False, "mappingtype": True},
    TABLE: {
        "source_code": False, "source_vocabulary_id": False, "target_concept_id": False, "source_concept_id": True,
        "valid_start_date": True, "valid_end_date": True, "invalid_reason": True,
    },
}  # fmt: skip
_Numbers = NDArray[np.int64]
_TYPES: dict[str, pa.DataType] = {
    "file": pa.string(), "line": pa.int64(), "code": pa.string(), "concept_id": pa.int64(), "kind": pa.string(),
    "source_id": pa.int64(), "valid_from": pa.date32(), "valid_to": pa.date32(),
}  # fmt: skip
_SCHEMA = pa.schema(_TYPES)


def format_of(code_map: CodeMap) -> tuple[str, str] | None:
    """The format of the map's file and the file, as the map names it; None when all of it stands in YAML."""
    for format_, file in ((USAGI, code_map.usagi), (TABLE, code_map.source_to_concept_map)):
        if file is not None:
            return format_, file
    return None


def written_rows(code_map: CodeMap, places: Mapping[str, Place]) -> MapRows:
    """The rows of the `codes` that stand in YAML, each at its place.

    By way of JSON: from Python's lists Arrow would make them only after it has imported pandas, for which whoever
    reads a mapping would wait.
    """
    rows = [
        {"file": places[code].file, "line": places[code].line, "code": _without_zeros(code), "concept_id": concept,
         "kind": "MAPS_TO"}
        for code, given in code_map.codes.items()
        for concept in (given if isinstance(given, tuple) else (given,))
    ]  # fmt: skip
    if not rows:
        return MapRows(_SCHEMA.empty_table())
    text = "\n".join(json.dumps(row) for row in rows).encode()
    read = arrow_json.ReadOptions(use_threads=False, block_size=len(text) + 1)
    return MapRows(
        arrow_json.read_json(
            io.BytesIO(text), read_options=read, parse_options=arrow_json.ParseOptions(explicit_schema=_SCHEMA)
        )
    )


def _without_zeros(code: str) -> str:
    """A code as it lands: without zero bytes, which no text of PostgreSQL's can hold."""
    return code.replace("\0", "")


def with_file(written: MapRows, file: MapRows) -> MapRows:
    """The rows of a file beside those in YAML, which replace what the file says of their codes."""
    known = pc.is_in(file.rows["code"], value_set=written.rows["code"].combine_chunks())
    rows = pa.concat_tables([written.rows, file.rows.filter(pc.invert(known))])
    return MapRows(rows, file.left_out, file.digest)


def read_rows(code_map: CodeMap, folder: Path, root: Path) -> tuple[MapRows | None, list[Problem]]:
    """The rows of the map's file, looked for from `folder`, or what is wrong with it; messages name it from `root`."""
    named = format_of(code_map)
    assert named is not None
    format_, path = named[0], folder / named[1]
    file = str(path.relative_to(root)) if path.is_relative_to(root) else named[1]
    try:
        content = read_bytes(path)
    except NoFileError:
        return None, [Problem(file, 1, format_, NO_FILE)]
    except OSError as error:
        return None, [Problem(file, 1, format_, f"cannot be read: {error.strerror}")]
    given, problems = _given(content, format_, code_map.encoding, file)
    if given is None:
        return None, problems
    with duckdb.connect() as con:
        con.register("given", given)
        wanted = literal(code_map.vocabulary) if code_map.vocabulary else "null::varchar"
        con.execute(f"create macro wanted_vocabulary() as {wanted}")
        con.execute(f"create macro omop_read_back(cell) as {read_back('cell')}")
        con.execute(packaged(__name__, f"codemap_{format_}.sql"))
        wrong = con.execute("select line, key, message from problem order by line").fetchall()
        if wrong:
            return None, [Problem(file, *row) for row in wrong]
        names = ", ".join(f"{quote(n)}" for n in _SCHEMA.names[1:])
        query = f"select {literal(file)} as file, {names} from counting order by line"
        rows = con.execute(query).to_arrow_table().cast(_SCHEMA)
        left_out = con.execute("select reason, count(*) from left_out group by 1 order by 2 desc, 1").fetchall()
    return MapRows(rows, dict(left_out), hashlib.sha256(content).hexdigest()), []


def _header(content: bytes, format_: str, encoding: str) -> tuple[list[str], str | None]:
    """The column names in lower case, and what is wrong with them."""
    try:
        first = content.split(b"\n", 1)[0].decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeError:
        return [], f"is not {encoding} text; say which `encoding` it has"
    except LookupError:
        return [], f"Python knows no encoding '{encoding}'; try utf-8 or cp949"
    names = [name.strip().lower() for name in next(csv.reader([first.rstrip("\r")]), [])]
    missing = [name for name, optional in _COLUMNS[format_].items() if not optional and name not in names]
    return names, f"column '{missing[0]}' is missing; the file is not of this format" if missing else None


def _given(content: bytes, format_: str, encoding: str, file: str) -> tuple[pa.Table | None, list[Problem]]:
    """The file's columns that count, all text, and the line each row begins in; or what is wrong."""
    header, wrong = _header(content, format_, encoding)
    if wrong:
        return None, [Problem(file, 1, format_, wrong)]
    broken: dict[int, tuple[int, str]] = {}

    def note(row: arrow_csv.InvalidRow) -> Literal["skip"]:
        broken[(row.number or 2) - 2] = (row.actual_columns, row.text)  # the header is row 1
        return "skip"

    names = [str(i) for i in range(len(header))]
    try:
        table = arrow_csv.read_csv(
            io.BytesIO(content),
            read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, skip_rows=1, encoding=encoding),
            parse_options=arrow_csv.ParseOptions(
                newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string())),
        )
    except (pa.ArrowInvalid, UnicodeError):
        return None, [Problem(file, 1, format_, f"is not {encoding} text of comma-separated values")]
    lines, number = _lines(table, broken)
    if broken:
        wide = f"columns instead of {len(header)}"
        return None, [Problem(file, int(lines[n]), format_, f"{c} {wide}") for n, (c, _) in sorted(broken.items())]
    given = pa.table({"line": pa.array(lines[number], pa.int64())})
    for name in _COLUMNS[format_]:
        column = table[str(header.index(name))] if name in header else pa.repeat("", len(table))
        column = pc.replace_substring(column, "\0", "")  # as codes land
        given = given.append_column(name, column)
    return given, []


def _lines(table: pa.Table, broken: Mapping[int, tuple[int, str]]) -> tuple[_Numbers, _Numbers]:
    """The line in which each record of the file begins, and the numbers of the records that could be read."""
    records = len(table) + len(broken)
    number = np.setdiff1d(np.arange(records), np.array(list(broken), dtype=np.int64))
    inside = np.zeros(records + 1, dtype=np.int64)
    for column in table.columns:
        inside[number] += np.asarray(pc.fill_null(pc.count_substring(column, "\n"), 0))
    for record, (_, text) in broken.items():
        inside[record] = text.count("\n")
    before = np.concatenate([[0], np.cumsum(inside)[:-1]])
    return 2 + np.arange(records + 1) + before, number
