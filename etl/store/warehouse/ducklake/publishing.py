"""What happens in the one transaction in which a hospital's night takes the place of the one before."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from duckdb import DuckDBPyConnection

from etl.cdm.spec import hospital_tables, tables
from etl.engine import rows_in
from etl.sql import literal, quote
from etl.store.marks import Marks, further, marks_from
from etl.store.warehouse.protocol import Night, Publication, compare


def replace_rows(
    con: DuckDBPyConnection, publication: Publication, files: Mapping[str, Path], filled: Collection[str], *, copy: bool
) -> dict[str, int]:
    """Replace the publication's rows by those in `files`; returns the rows that the hospital then has by table.

    Tables that hold nothing, as those that are not among the `filled` ones, are left alone. The files become the
    warehouse's, unless it is to `copy` their rows.
    """
    touched = [name for name in hospital_tables() if name in filled or name in files]
    for name in touched:
        con.execute(f"delete from {quote(name)} where {publication.replaced(hospital_tables()[name])}")
        if name in files:
            (insert if copy else register)(con, name, files[name])
    counts = dict.fromkeys(touched, 0) | _count(con, {n: publication.mine(hospital_tables()[n]) for n in touched})
    row = con.execute(
        "select coalesce(step, 0) + 1 from admin.published where hospital = ?", [publication.hospital]
    ).fetchone()
    step = int(row[0]) if row else 1
    night = Night(publication.run_id, publication.night, step=step, mappings=publication.mappings)
    make_published(con, publication.hospital, night)
    _keep_names(con, publication)
    _keep_marks(con, publication)
    compare(counts, publication.rows)
    return counts


def make_published(con: DuckDBPyConnection, hospital: str, night: Night) -> None:
    """Say which run the hospital's rows are of."""
    con.execute("delete from admin.published where hospital = ?", [hospital])
    con.execute(
        "insert into admin.published (hospital, run_id, night, step, mappings) values (?, ?, ?, ?, ?)",
        [hospital, night.run_id, night.night, night.step, night.mappings],
    )


def _keep_names(con: DuckDBPyConnection, publication: Publication) -> None:
    """Keep what the hospital is called, where that is new."""
    said = [publication.hospital, publication.number, *(publication.names or ())]
    known = con.execute(
        "select hospital, number, name_ko, name_en from admin.hospital_name where hospital = ?", said[:1]
    ).fetchone()
    if publication.names and known != tuple(said):
        con.execute("delete from admin.hospital_name where hospital = ?", said[:1])
        con.execute("insert into admin.hospital_name (hospital, number, name_ko, name_en) values (?, ?, ?, ?)", said)


def read_marks(con: DuckDBPyConnection, hospital: str) -> Marks | None:
    """How far the key store of a hospital's ids had come when it was published last; None: nothing says it."""
    query = "select namespace, store, highest, chain from admin.key_mark where hospital = ?"
    return marks_from(con.execute(query, [hospital]).fetchall())


def _keep_marks(con: DuckDBPyConnection, publication: Publication) -> None:
    """Keep the marks of the publication's ids, unless they are of an earlier night than those that are kept."""
    known = read_marks(con, publication.hospital)
    if known is not None and publication.check_keys:
        publication.check_keys(known)
    new = further(known, publication.marks)
    if new is None or new == known:
        return
    forget_marks(con, publication.hospital)
    rows = [[publication.hospital, *row] for row in new.rows()]
    con.executemany("insert into admin.key_mark (hospital, namespace, store, highest, chain) values (?, ?, ?, ?, ?)",
                    rows)  # fmt: skip


def forget_marks(con: DuckDBPyConnection, hospital: str) -> None:
    """Forget the marks of a hospital."""
    con.execute("delete from admin.key_mark where hospital = ?", [hospital])


def link(file: Path, target: Path) -> Path:
    """A second name of a file, which costs nothing; a copy of it on another file system."""
    try:
        os.link(file, target)
    except OSError:  # another file system
        shutil.copyfile(file, target)
    return target


def register(con: DuckDBPyConnection, table: str, file: Path) -> None:
    """Make the rows of a Parquet file rows of a table, without copying them."""
    arguments = f"'warehouse', {literal(table)}, {literal(str(file))}"
    con.execute(f"call ducklake_add_data_files({arguments}, ignore_extra_columns => true)")


def insert(con: DuckDBPyConnection, table: str, file: Path) -> None:
    """Write the rows of a Parquet file into a table."""
    columns = ", ".join(map(quote, tables()[table].columns))
    con.execute(f"insert into {quote(table)} ({columns}) select {columns} from {rows_in(file)}")


def _count(con: DuckDBPyConnection, wanted: Mapping[str, str]) -> dict[str, int]:
    """Rows by table, of those that its condition names."""
    parts = [f"select {literal(t)}, count(*) from {quote(t)} where {mine}" for t, mine in wanted.items()]
    return dict(con.execute(" union all ".join(parts)).fetchall()) if parts else {}


def replace_source(con: DuckDBPyConnection, source: Mapping[str, object]) -> None:
    """The one row of cdm_source, dated by what is published."""
    names, marks = ", ".join(source), ", ".join("?" for _ in source)
    con.execute("delete from cdm_source")
    con.execute(f"insert into cdm_source ({names}) values ({marks})", list(source.values()))
    date_source(con)


def date_source(con: DuckDBPyConnection) -> None:
    """What is published reaches as far as its oldest night everywhere, and was changed last by its newest."""
    con.execute(
        "update cdm_source set source_release_date = p.oldest, cdm_release_date = p.newest from (select "
        "min(night) as oldest, max(night) as newest from admin.published) p where p.oldest is not null"
    )
