"""Writing a delivery: files grow chunk by chunk under a temporary folder that is renamed when all is there."""

from __future__ import annotations

import codecs
import csv
import shutil
from datetime import date
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from etl.sample.dialect import Dialect, FileLayout
from etl.sample.frame import Texts
from etl.sample.render import Renderer


class Sink(Protocol):
    """A file that takes the rows of what the renderer currently has on offer."""

    rows: int

    def append(self, renderer: Renderer) -> None:
        """Write the rows of all parts."""

    def close(self) -> None:
        """Finish the file."""


class DelimitedSink:
    """A text file in the hospital's encoding, with header."""

    def __init__(self, path: Path, file: FileLayout, dialect: Dialect) -> None:
        self.rows = 0
        self._file, self._encoding = file, dialect.encoding
        self._out = path.open("wb")
        if dialect.bom:
            self._out.write(codecs.BOM_UTF8)
        self._out.write((dialect.delimiter.join(file.header) + dialect.line_end).encode(dialect.encoding))

    def append(self, renderer: Renderer) -> None:
        """Write the rows of all parts. The text of an Arrow column already lies in memory line by line."""
        for part in self._file.parts:
            for chunk in renderer.lines(self._file, part).chunks:
                self._out.write(self._encoded(chunk))
                self.rows += len(chunk)

    def close(self) -> None:
        """Finish the file."""
        self._out.close()

    def _encoded(self, chunk: Texts) -> bytes | memoryview:
        _, offsets, text = chunk.buffers()
        if offsets is None or text is None:
            return b""
        ends = memoryview(offsets).cast("i")
        joined = memoryview(text)[ends[chunk.offset] : ends[chunk.offset + len(chunk)]]
        if self._encoding == "utf-8":
            return joined
        # A character the encoding lacks becomes '?', as database exports do it.
        return codecs.decode(joined, "utf-8").encode(self._encoding, "replace")


class ParquetSink:
    """A Parquet file whose columns are all text."""

    def __init__(self, path: Path, file: FileLayout) -> None:
        self.rows = 0
        self._file = file
        schema = pa.schema([(name, pa.string()) for name in file.header])
        self._out = pq.ParquetWriter(path, schema, compression="zstd")

    def append(self, renderer: Renderer) -> None:
        """Write the rows of all parts."""
        for part in self._file.parts:
            table = renderer.rows(self._file, part)
            if len(table):
                self._out.write_table(table)
                self.rows += len(table)

    def close(self) -> None:
        """Finish the file."""
        self._out.close()


class DeliveryFolder:
    """The folder of one delivery while it grows. It gets its name only when complete() was called."""

    def __init__(self, out: Path, dialect: Dialect, night: date) -> None:
        self.path = out / dialect.hospital / night.isoformat()
        self._growing = self.path.with_name(f".{night.isoformat()}.partial")
        shutil.rmtree(self._growing, ignore_errors=True)
        self._growing.mkdir(parents=True)
        self._sinks: dict[str, tuple[FileLayout, Sink]] = {}
        for file in dialect.files:
            name = dialect.name_of(file, night)
            target = self._growing / name
            parquet = dialect.format == "parquet"
            self._sinks[name] = (file, ParquetSink(target, file) if parquet else DelimitedSink(target, file, dialect))

    def append(self, renderer: Renderer, tables: frozenset[str]) -> None:
        """Write what the renderer has to offer into the files made from `tables`."""
        for file, sink in self._sinks.values():
            if file.parts[0].table in tables:
                sink.append(renderer)

    def close(self) -> None:
        """Close all files; safe to call twice."""
        for _, sink in self._sinks.values():
            sink.close()

    def complete(self) -> dict[str, int]:
        """Write the manifest, give the folder its name, and return the rows of each file."""
        self.close()
        rows = {name: sink.rows for name, (_, sink) in self._sinks.items()}
        with (self._growing / "manifest.csv").open("w", encoding="utf-8", newline="") as lines:
            manifest = csv.writer(lines, lineterminator="\n")
            manifest.writerow(["file", "bytes", "rows"])
            manifest.writerows([name, (self._growing / name).stat().st_size, count] for name, count in rows.items())
        if self.path.exists():
            shutil.rmtree(self.path)
        self._growing.rename(self.path)
        return rows
