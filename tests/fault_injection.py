"""Makes a fault of the catalogue in a copy of a delivery that the sample wrote."""

from __future__ import annotations

import csv
import io
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from fault_catalogue import Change, Fault

from etl.sample.dialect import LAYOUTS, Dialect, dialects
from etl.sql import literal, quote

MONTH = 35  # days before the night of an old file
_PARTS = 1_000_000
OTHER = {"boramae": "dumc", "snuh": "snubh", "cbnuh": "cnuh", "dsmc": "eumc"}  # of the same layout


@dataclass(frozen=True)
class Exports:
    """Deliveries as the sample wrote them: `folder/<hospital>/<night>/`."""

    folder: Path
    hospital: str
    night: date

    @property
    def dialect(self) -> Dialect:
        """How the hospital writes files."""
        return dialects(LAYOUTS)[self.hospital]

    @property
    def delivery(self) -> Path:
        """The folder of the night."""
        return self.folder / self.hospital / self.night.isoformat()

    def file(self, name: str) -> Path:
        """The file of a layout's name."""
        (layout,) = (f for f in self.dialect.files if f.name == name)
        return self.delivery / self.dialect.name_of(layout, self.night)

    def of(self, *, hospital: str | None = None, days: int = 0) -> Exports:
        """Of another hospital, or some days before."""
        return Exports(self.folder, hospital or self.hospital, self.night - timedelta(days=days))


def inject(fault: Fault, clean: Exports, target: Path, share: float) -> Path:
    """Write the night's delivery with the fault below `target`; returns its folder."""
    there = Exports(target, clean.hospital, clean.night)
    shutil.rmtree(there.delivery, ignore_errors=True)
    shutil.copytree(clean.of(days=1).delivery if fault.stale else clean.delivery, there.delivery)
    if fault.stale:
        for layout in clean.dialect.files:
            before = there.delivery / clean.dialect.name_of(layout, clean.of(days=1).night)
            before.rename(there.file(layout.name))
    for change in fault.change:
        if change.take is not None:
            shutil.copyfile(_other(change, clean).file(change.file), there.file(change.file))
        elif change.bytes is not None:
            _strike_bytes(change, there, share)
        else:
            _strike_rows(fault, change, there, share)
    if fault.manifest:
        write_manifest(there)
    return there.delivery


def _other(change: Change, clean: Exports) -> Exports:
    if change.take == "other_hospital":
        return clean.of(hospital=OTHER[clean.hospital])
    return clean.of(days=MONTH)


def _strike_bytes(change: Change, there: Exports, share: float) -> None:
    file, dialect = there.file(change.file), there.dialect
    content = file.read_bytes()
    end = dialect.line_end.encode()
    header, _, body = content.partition(end)
    match change.bytes:
        case "gone":
            file.unlink()
            return
        case "cut":
            content = content[: int(len(content) * (1 - share))]
        case "tail":
            content = content[: content.rindex(end, 0, int(len(content) * (1 - share))) + len(end)]
        case "empty":
            content = b""
        case "header_only":
            content = header + end
        case "no_header":
            content = body
        case "recode":
            other = "utf-8" if dialect.encoding == "cp949" else "cp949"
            content = content.decode(dialect.encoding, "replace").encode(other, "replace")
        case "bom":
            content = b"\xef\xbb\xbf" + content
        case "delimiter":
            content = content.replace(dialect.delimiter.encode(), b";")
        case "quote":
            place = content.index(end, len(content) // 2) + len(end)
            content = content[:place] + b'"' + content[place:]
    file.write_bytes(content)


def _strike_rows(fault: Fault, change: Change, there: Exports, share: float) -> None:
    with duckdb.connect() as con:
        for layout in there.dialect.files:
            if there.file(layout.name).exists():
                _load(con, there, layout.name)
        con.execute(f"create view t as from {quote(change.file)}")
        hit = f"(({change.where}) and hash(_n, {literal(fault.id)}) % {_PARTS} < {int(share * _PARTS)})"
        result = con.execute(_statement(change, hit))
        names = [c[0] for c in result.description or () if c[0] not in ("_n", "hit")]
        table = result.to_arrow_table().select(names)
    file = there.file(change.file)
    if there.dialect.format == "parquet":
        pq.write_table(table, file, compression="zstd")
        return
    out = io.StringIO()
    writer = csv.writer(out, delimiter=there.dialect.delimiter, lineterminator=there.dialect.line_end)
    writer.writerow(names)
    columns = [c.to_pylist() for c in table.columns]
    writer.writerows(zip(*columns, strict=True) if columns else ())
    mark = b"\xef\xbb\xbf" if there.dialect.bom else b""
    file.write_bytes(mark + out.getvalue().encode(there.dialect.encoding, "replace"))


def _statement(change: Change, hit: str) -> str:
    if change.drop:
        return f"select * from t where not coalesce({hit}, false) order by _n"
    new = ", ".join(f"({sql})::varchar as {quote(name)}" for name, sql in (change.set or change.add or {}).items())
    replaced = f" replace ({new})" if new else ""
    if change.add is not None:
        return f"select * from (from t union all by name select *{replaced} from t where {hit}) order by _n"
    if change.set is not None:
        kept = ", ".join(
            f"case when {hit} then ({sql})::varchar else {quote(name)} end as {quote(name)}"
            for name, sql in change.set.items()
        )
        return f"select * replace ({kept}) from t order by _n"
    return str(change.sql).replace("{hit}", hit)


def _load(con: duckdb.DuckDBPyConnection, there: Exports, name: str) -> None:
    """A file as a table of texts, with `_n` its rows' numbers from 1."""
    file, dialect = there.file(name), there.dialect
    if dialect.format == "parquet":
        read = pq.read_table(file)
    else:
        lines = csv.reader(
            io.StringIO(file.read_bytes().decode(dialect.encoding).removeprefix("\ufeff"), newline=""),
            delimiter=dialect.delimiter,
        )
        header, *rows = lines
        columns = zip(*rows, strict=True) if rows else ([] for _ in header)
        read = pa.table(
            {h: pa.array([v or None for v in c], pa.string()) for h, c in zip(header, columns, strict=True)}
        )
    con.register(f"_{name}", read)
    con.execute(f"create table {quote(name)} as select *, row_number() over () as _n from {quote(f'_{name}')}")


def write_manifest(there: Exports) -> None:
    """The manifest of what lies there, as the hospital would write it."""
    with (there.delivery / "manifest.csv").open("w", encoding="utf-8", newline="") as lines:
        manifest = csv.writer(lines, lineterminator="\n")
        manifest.writerow(["file", "bytes", "rows"])
        for file in sorted(there.delivery.iterdir()):
            if file.name != "manifest.csv":
                manifest.writerow([file.name, file.stat().st_size, ""])
