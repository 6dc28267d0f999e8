"""Writes a version into files for other programs; what leaves is in the clear, and in the audit log."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import uuid4

from duckdb import DuckDBPyConnection

from etl.engine import copy_to, open_reader
from etl.errors import UsageError, nearest, of_file_system
from etl.research.datasets import kept
from etl.research.datasets.kept import Manifest
from etl.settings import Settings
from etl.sql import literal, quote

_LABEL = 80  # letters that Stata lets a label have; SAS lets more


def formats() -> list[str]:
    """What can be written."""
    return sorted(_WRITERS)


def export(settings: Settings, manifest: Manifest, target: Path, form: str) -> list[Path]:
    """Write all tables of a version into a new folder, or into one new file of DuckDB; returns the files.

    UsageError where the target is there already, or the form is none of `formats()`.
    """
    if form not in _WRITERS:
        raise UsageError(f"'{form}' cannot be written{nearest(form, _WRITERS)}", hint=f"one of {', '.join(formats())}")
    if target.exists() or not target.absolute().parent.is_dir():
        raise UsageError(f"{target} is there already, or the folder above it is not", hint="choose another name")
    partial = target.with_name(f".{target.name}.{uuid4().hex[:8]}")
    try:
        partial.mkdir(mode=0o700)
        with open_reader(settings) as con:
            for file in manifest.files:
                rows = f"from {kept.rows_of(settings, manifest.name, manifest.version, file)}"
                _WRITERS[form](con, rows, partial, Path(file).stem, _labels(manifest))
        if form == "duckdb":
            (partial / _ONE).chmod(0o600)
            (partial / _ONE).replace(target)
        else:
            shutil.copyfile(
                kept.folder_of(settings, manifest.name, manifest.version) / kept.MANIFEST, partial / kept.MANIFEST
            )
            partial.replace(target)
    except OSError as error:
        raise of_file_system(error) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return [target] if form == "duckdb" else sorted(target.iterdir())


_ONE = "one.duckdb"


def _labels(manifest: Manifest) -> dict[str, str]:
    return {name: said["title"]["en"][:_LABEL] for name, said in manifest.columns.items()}


def _csv(con: DuckDBPyConnection, rows: str, folder: Path, name: str, _labels: Mapping[str, str]) -> None:
    con.execute(f"copy ({rows}) to {literal(str(folder / f'{name}.csv'))} (format csv, header)")


def _parquet(con: DuckDBPyConnection, rows: str, folder: Path, name: str, _labels: Mapping[str, str]) -> None:
    copy_to(con, rows, folder / f"{name}.parquet", encrypted=False)


def _duckdb(con: DuckDBPyConnection, rows: str, folder: Path, name: str, labels: Mapping[str, str]) -> None:
    con.execute(f"attach {literal(str(folder / _ONE))} as made")
    con.execute(f"create table made.{quote(name)} as {rows}")
    for column, label in labels.items() if name == Path(kept.DATA).stem else ():
        con.execute(f"comment on column made.{quote(name)}.{quote(column)} is {literal(label)}")
    con.execute("detach made")


def _foreign(con: DuckDBPyConnection, rows: str) -> tuple[str, list[str]]:
    """The rows as programs of statistics hold them: every number a double, which no person's number goes beyond."""
    described = con.execute(f"describe select * from ({rows})").fetchall()
    columns = [
        f"{quote(name)}{'' if kind in ('DATE', 'VARCHAR') else '::double'} as {quote(name)}"
        for name, kind, *_ in described
    ]
    return f"select {', '.join(columns)} from ({rows})", [name for name, *_ in described]


def _stata(con: DuckDBPyConnection, rows: str, folder: Path, name: str, labels: Mapping[str, str]) -> None:
    import pyreadstat  # noqa: PLC0415 - who writes another form does not wait for it

    query, names = _foreign(con, rows)
    said: list[str | None] = [labels.get(column, column) for column in names]
    pyreadstat.write_dta(con.execute(query).df(), str(folder / f"{name}.dta"), column_labels=said, version=15)


def _xpt(con: DuckDBPyConnection, rows: str, folder: Path, name: str, labels: Mapping[str, str]) -> None:
    import pyreadstat  # noqa: PLC0415

    query, names = _foreign(con, rows)
    said: list[str | None] = [labels.get(column, column) for column in names]
    pyreadstat.write_xport(
        con.execute(query).df(), str(folder / f"{name}.xpt"), column_labels=said, table_name=name[:32],
        file_format_version=8,
    )  # fmt: skip


_Writer = Callable[[DuckDBPyConnection, str, Path, str, Mapping[str, str]], None]
_WRITERS: Mapping[str, _Writer] = {
    "csv": _csv, "parquet": _parquet, "duckdb": _duckdb, "stata": _stata, "xpt": _xpt,
}  # fmt: skip
