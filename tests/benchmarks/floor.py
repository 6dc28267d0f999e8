"""The floor: what any pipeline must do with these files, and nothing else. Run as a command, so that starting counts.

`read` reads CSV files with pyarrow and drops the rows, `write` also writes them as zstd Parquet, `vocabulary` reads an
Athena bundle with DuckDB and drops the rows.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

SCRIPT = str(Path(__file__).resolve())


def command(what: str, *folders: Path) -> list[str]:
    """The command of `read FOLDER`, `write FOLDER TARGET` or `vocabulary FOLDER`."""
    return [sys.executable, SCRIPT, what, *map(str, folders)]


def _files(folder: Path, delimiter: str) -> Iterator[tuple[Path, list[str]]]:
    """The CSV files of a folder and their columns."""
    for file in sorted(folder.glob("*.csv")):
        with file.open(encoding="utf-8") as stream:
            yield file, stream.readline().rstrip().split(delimiter)


def read(folder: Path, target: Path | None = None) -> None:
    """Read every file as text, batch by batch, and write it to `target` if there is one."""
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    for file, names in _files(folder, ","):
        options = pc.ConvertOptions(column_types={n: pa.string() for n in names})
        reader = pc.open_csv(file, convert_options=options)
        if target is None:
            for _ in reader:
                pass
            continue
        with pq.ParquetWriter(target / f"{file.stem}.parquet", reader.schema, compression="zstd") as writer:
            for batch in reader:
                writer.write_batch(batch)


def read_vocabulary(folder: Path) -> None:
    """Read every file of a bundle as text, with as many threads as a run uses."""
    import duckdb

    con = duckdb.connect(config={"threads": int(os.environ.get("ETL_THREADS", os.cpu_count() or 2))})
    for file, names in _files(folder, "\t"):
        columns = ", ".join(f"'{n}': 'VARCHAR'" for n in names)
        con.execute(
            f"select {', '.join(f'count({n})' for n in names)} from read_csv('{file}', auto_detect = false, "
            f"header = true, delim = '\t', quote = '', escape = '', columns = {{{columns}}})"
        ).fetchall()


if __name__ == "__main__":
    what, *folders = sys.argv[1], *map(Path, sys.argv[2:])
    if what == "vocabulary":
        read_vocabulary(folders[0])
    else:
        read(*folders)
