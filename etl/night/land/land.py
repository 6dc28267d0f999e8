"""The stage `land`: raw files to Parquet, every row accounted as landed or rejected."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.engine import IN_SCRATCH, copy_to, leave_room
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import Delivery
from etl.night.lake.layers import write_layer
from etl.night.lake.names import COLUMNS, REJECTED
from etl.night.land import identifiers
from etl.night.land.columns import columns_of
from etl.night.land.contract import SourceFile, open_sources
from etl.night.land.decode import as_utf8
from etl.night.land.freetext.known import learn_names, scrubber
from etl.night.land.freetext.scrub import define_scrubbing
from etl.night.land.judge import check_readable
from etl.night.land.lines import check_line_count, check_promised_rows, placed
from etl.night.land.read import Reject, check_rejects, reading, rejected, relation
from etl.night.land.sample import plain_columns, take_sample
from etl.night.land.unchanged import unchanged
from etl.night.land.undeclared import check_undeclared, create_numbers
from etl.night.land.written import check_written
from etl.store.keys.keystore import KeyStore
from etl.store.ledger.records import Accounts

_REJECT_COLUMNS = {"source": pa.string(), "file": pa.string(), "line": pa.int64(), "reason": pa.string()}

_EACH = 150  # bytes that are held of a person


@dataclass(frozen=True, slots=True)
class Landed:
    """One file that landed."""

    source: str
    file: str
    bytes: int
    rows: int
    rejects: tuple[Reject, ...]


def land(
    con: DuckDBPyConnection, mapping: HospitalMapping, delivery: Delivery, keys: KeyStore, target: Path, number: int,
    progress: Callable[[str], None] | None = None,
) -> Accounts:  # fmt: skip
    """Land a delivery into the folder `target`: `<source>/<n>.parquet` per file, `rejected.parquet`, `columns.json`,
    `layer.json`.

    `number` is its place in the order of arrival (see `etl.night.lake.layers`).

    Every file and header is held against the contract before the first row is read. Raises InputError naming file,
    line and column when a file cannot be used.
    """
    with unchanged(delivery):
        opened = open_sources(mapping, delivery)
        _leave_room(con, mapping, opened)
        landed = _land_files(con, mapping, opened, keys, target, progress)
    _write_rejects(con, landed, target / REJECTED)
    (target / COLUMNS).write_text(json.dumps(columns_of(mapping.sources, opened, keys)), encoding="utf-8")
    names = {n: [f.file.name for f in files] for n, files in opened.items()}
    write_layer(target, number, delivery, keys.marks(), names)
    return _accounts(landed)


def _leave_room(con: DuckDBPyConnection, mapping: HospitalMapping, opened: dict[str, list[SourceFile]]) -> None:
    """Of who is registered identifiers, names and numbers are held in memory to the end, beside the engine."""
    registering = (n for n in opened if identifiers.registers(mapping.sources[n]))
    leave_room(con, _EACH * sum(file.file.lines for name in registering for file in opened[name]))


def _land_files(
    con: DuckDBPyConnection, mapping: HospitalMapping, opened: dict[str, list[SourceFile]], keys: KeyStore,
    target: Path, progress: Callable[[str], None] | None,
) -> list[Landed]:  # fmt: skip
    """The files, judged and landed; those that register nobody are judged while the others register."""
    first = sorted(opened, key=lambda name: not identifiers.registers(mapping.sources[name]))
    with ThreadPoolExecutor(2) as pool:
        judged = {
            n: [pool.submit(check_readable, con.cursor(), mapping.sources[n], f) for f in opened[n]] for n in first
        }
        _register(con, mapping, opened, keys, judged)
        for verdict in chain.from_iterable(judged.values()):
            verdict.result()
    create_numbers(con)
    _learn(con, mapping, keys)
    work = [(n, i, f) for n, files in opened.items() for i, f in enumerate(files)]
    work.sort(key=lambda item: -item[2].file.bytes)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(_land_file, con, mapping, n, i, f, target, progress) for n, i, f in work]
        return [task.result() for task in tasks]


def _register(
    con: DuckDBPyConnection, mapping: HospitalMapping, opened: dict[str, list[SourceFile]], keys: KeyStore,
    judged: dict[str, list[Future[None]]],
) -> None:  # fmt: skip
    """Hand out ids for the identifiers of the files that register them, each when it is judged, and seal them."""
    identifiers.create_tables(con)
    for naming in (False, True) if mapping.is_delta else (False,):
        for name, source in mapping.sources.items():
            if not identifiers.registers(source, naming=naming):
                continue
            for file, verdict in zip(opened[name], judged[name], strict=True):
                verdict.result()
                with as_utf8(file.file.content, source.encoding) as path, reading(source, file):
                    identifiers.register(con, keys, source, file, relation(source, file, path, None), naming=naming)
    identifiers.seal(con)


def _learn(con: DuckDBPyConnection, mapping: HospitalMapping, keys: KeyStore) -> None:
    """Learn the names of the delivery; what texts are scrubbed of is kept only where any are."""
    known = learn_names(con, keys)
    if any(column.scrub for source in mapping.sources.values() for column in source.declared.values()):
        define_scrubbing(con, scrubber(keys, known))


def _land_file(
    con: DuckDBPyConnection, mapping: HospitalMapping, name: str, position: int, file: SourceFile, target: Path,
    progress: Callable[[str], None] | None,
) -> Landed:  # fmt: skip
    source = mapping.sources[name]
    folder = target / name
    folder.mkdir(exist_ok=True)
    cursor = con.cursor()
    cursor.execute(IN_SCRATCH)
    table = f"rejects_{uuid4().hex}"
    with as_utf8(file.file.content, source.encoding) as path, reading(source, file):
        read = relation(source, file, path, table)
        query = identifiers.landing_query(source, file, read)
        landed = folder / f"{position:04}.parquet"
        rows = copy_to(cursor, query, landed)
    rejects = placed(source, file, rows, rejected(cursor, table)) if source.format == "csv" else []
    check_line_count(cursor, source, file, rows, rejects)
    check_rejects(source, file, rows, rejects)
    check_promised_rows(source, file, rows, rejects)
    if columns := plain_columns(source):
        poor = take_sample(cursor, columns, landed)
        check_undeclared(cursor, name, source, file, mapping.hospital.undeclared_numbers, columns, landed, poor)
        check_written(cursor, name, columns, landed, poor)
    cursor.close()
    if progress:
        progress(f"{file.name}: {rows:,} rows")
    return Landed(name, file.name, file.file.bytes, rows, tuple(rejects))


def _write_rejects(con: DuckDBPyConnection, landed: list[Landed], file: Path) -> None:
    rows = [(f.source, f.file, r.line, r.reason) for f in landed for r in f.rejects]
    columns = [[row[i] for row in rows] for i in range(len(_REJECT_COLUMNS))]
    arrays = [pa.array(c, t) for c, t in zip(columns, _REJECT_COLUMNS.values(), strict=True)]
    con.register("all_rejects", pa.table(dict(zip(_REJECT_COLUMNS, arrays, strict=True))))
    copy_to(con, "from all_rejects", file)
    con.unregister("all_rejects")


def _accounts(landed: list[Landed]) -> Accounts:
    files = [
        {"source": f.source, "file": f.file, "bytes": f.bytes, "rows": f.rows + len(f.rejects)}
        for f in sorted(landed, key=lambda f: (f.source, f.file))
    ]
    counts: dict[tuple[str, str], int] = {}
    for f in landed:
        for r in f.rejects:
            counts[f.source, r.reason] = counts.get((f.source, r.reason), 0) + 1
    source: list[dict[str, Any]] = [
        {"source": s, "outcome": "rejected", "reason": reason, "rows": n} for (s, reason), n in sorted(counts.items())
    ]
    return Accounts(files=files, source=source)
