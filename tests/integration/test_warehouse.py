"""The embedded warehouse: several publishers at once, readers that never see half a night, DDL, export."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import date
from pathlib import Path

import duckdb
import pytest

from etl.cdm.spec import tables
from etl.errors import ConfigError
from etl.operations.keys.at_rest import add_key
from etl.settings import load_settings
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.protocol import Publication

NIGHTS = 4
HOSPITALS = (1, 2, 3)
SOURCE = {
    "cdm_source_name": "Test",
    "cdm_source_abbreviation": "T",
    "cdm_holder": "Test",
    "cdm_version_concept_id": 756265,
    "vocabulary_version": "none",
}
PUBLISH = """
import sys, pathlib, datetime
from etl.settings import load_settings
from etl.store.warehouse.ducklake.warehouse import DuckLake
from etl.store.warehouse.protocol import Publication
folder, number, nights, source = pathlib.Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), eval(sys.argv[4])
lake = DuckLake.of(load_settings())
lake.initialise()
for night in range(1, nights + 1):
    files = {t: folder / f"{t}-{number}-{night}.parquet" for t in ("person", "condition_occurrence")}
    day = datetime.date(2026, 1, night)
    publication = Publication(f"h{number}", number, f"run-{number}-{night}", day, files)
    lake.publish(publication, source | {"source_release_date": day, "cdm_release_date": day})
"""


def write_night(folder: Path, number: int, night: int) -> dict[str, Path]:
    """A candidate in which every row of both tables names its night: the year of birth, the condition's concept."""
    first = number << 24
    persons = (
        f"select {first} + n as person_id, 0 as gender_concept_id, {night} as year_of_birth, 0 as race_concept_id, "
    )
    persons += f"0 as ethnicity_concept_id from range({100 * night}) r(n)"
    conditions = f"select (({first} + n) << 23) as condition_occurrence_id, {first} + n as person_id, "
    conditions += (
        f"{night} as condition_concept_id, date '2026-01-01' as condition_start_date, 0 as condition_type_concept_id "
    )
    conditions += f"from range({100 * night}) r(n)"
    files = {}
    with duckdb.connect() as con:
        for name, query in (("person", persons), ("condition_occurrence", conditions)):
            given = {r[0] for r in con.execute(f"describe {query}").fetchall()}
            columns = ", ".join(
                f"{f.name}::{f.duckdb_type} as {f.name}" if f.name in given else f"null::{f.duckdb_type} as {f.name}"
                for f in tables()[name].fields
            )
            files[name] = folder / f"{name}-{number}-{night}.parquet"
            con.execute(f"copy (select {columns}, 1::smallint as _entry, 1 as _row from ({query})) to '{files[name]}'")
    return files


def nights_seen(lake: DuckLake) -> list[tuple[int, int, int, int]]:
    """Per hospital: lowest and highest night in person and in condition_occurrence, read in one transaction."""
    with lake.reader() as con:
        return con.execute(
            """
            with p as (select person_id >> 24 h, min(year_of_birth) a, max(year_of_birth) b, count(*) n
                       from person group by 1),
              c as (select person_id >> 24 h, min(condition_concept_id) a, max(condition_concept_id) b, count(*) n
                    from condition_occurrence group by 1)
            select p.a, p.b, c.a, c.b, p.n, c.n from p full join c using (h)
            """
        ).fetchall()


@pytest.mark.parametrize("encrypted", [False, True])
def test_publishers_at_once_and_a_reader_who_never_sees_a_mixture(tmp_path, monkeypatch, encrypted):
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    if encrypted:
        add_key(tmp_path / "keys")
        monkeypatch.setenv("ETL_AT_REST_KEY_FILE", str(tmp_path / "keys"))
    for number in HOSPITALS:
        for night in range(1, NIGHTS + 1):
            write_night(tmp_path, number, night)
    lake = DuckLake.of(load_settings())
    lake.initialise()
    script = tmp_path / "publish.py"
    script.write_text(textwrap.dedent(PUBLISH), encoding="utf-8")
    publishers = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), str(n), str(NIGHTS), repr(SOURCE)], stderr=subprocess.PIPE
        )
        for n in HOSPITALS
    ]
    reads = 0
    while any(p.poll() is None for p in publishers):
        for a, b, c, d, persons, conditions in nights_seen(lake):
            assert a == b == c == d
            assert persons == conditions == 100 * a
        reads += 1
    assert [p.returncode for p in publishers] == [0, 0, 0], [p.stderr.read() for p in publishers]
    assert reads > 3
    assert nights_seen(lake) == [(NIGHTS, NIGHTS, NIGHTS, NIGHTS, 100 * NIGHTS, 100 * NIGHTS)] * len(HOSPITALS)
    with lake.reader() as con:
        assert con.execute("select count(*), max(source_release_date) from cdm_source").fetchone() == (
            1,
            date(2026, 1, NIGHTS),
        )


def test_every_table_of_the_specification_is_there_with_its_columns_and_types(tmp_path):
    lake = DuckLake(tmp_path / "warehouse")
    lake.initialise()
    with lake.reader() as con:
        found = con.execute(
            "select table_name, column_name, data_type, is_nullable from duckdb_columns() "
            "where database_name = 'warehouse' and schema_name = 'main' and table_name <> 'hospital'"
        ).fetchall()
    made = {(t, c): (kind, nullable) for t, c, kind, nullable in found}
    wanted = {(t.name, f.name): (f.duckdb_type, not f.required) for t in tables().values() for f in t.fields}
    assert made == wanted
    assert len(tables()) == 39


def test_who_asks_finds_which_hospital_is_of_which_night(tmp_path):
    lake = DuckLake(tmp_path / "warehouse", keep=2)
    lake.initialise()
    for number, night in ((1, 2), (2, 3), (2, 4)):
        publication = Publication(
            f"h{number}", number, f"run-{number}-{night}", date(2026, 1, night), write_night(tmp_path, number, night),
            names=(f"{number}번 병원", f"Hospital {number}"),
        )  # fmt: skip
        lake.publish(
            publication, SOURCE | {"source_release_date": publication.night, "cdm_release_date": publication.night}
        )
    asked = "select hospital_number, hospital, name_ko, name_en, day(night), days_behind from hospital order by 1"
    dates = "select day(source_release_date), day(cdm_release_date) from cdm_source"
    lake.export(tmp_path / "plain.duckdb")
    with duckdb.connect(str(tmp_path / "plain.duckdb"), read_only=True) as plain, lake.reader() as con:
        for reader in (plain, con):
            assert reader.execute(asked).fetchall() == [
                (1, "h1", "1번 병원", "Hospital 1", 2, 2), (2, "h2", "2번 병원", "Hospital 2", 4, 0)
            ]  # fmt: skip
            assert reader.execute(dates).fetchall() == [(2, 4)]
    lake.rollback("h2", 2, 1)
    lake.clear("h1", 1)
    with lake.reader() as con:
        assert con.execute(asked).fetchall() == [(2, "h2", "2번 병원", "Hospital 2", 3, 0)]
        assert con.execute(dates).fetchall() == [(3, 3)]


def test_an_export_has_the_rows_and_the_primary_keys(tmp_path):
    lake = DuckLake(tmp_path / "warehouse")
    lake.initialise()
    files = write_night(tmp_path, 1, 2)
    night = date(2026, 1, 2)
    dates = {"source_release_date": night, "cdm_release_date": night}
    counts = lake.publish(Publication("h1", 1, "run", night, files), SOURCE | dates)
    assert counts == {"person": 200, "condition_occurrence": 200}
    lake.export(tmp_path / "plain.duckdb")
    with duckdb.connect(str(tmp_path / "plain.duckdb"), read_only=True) as con:
        assert con.execute("select count(*) from person").fetchone() == (200,)
        keys = con.execute(
            "select table_name from duckdb_constraints() where constraint_type = 'PRIMARY KEY'"
        ).fetchall()
        assert {k for (k,) in keys} >= {"person", "measurement", "concept", "visit_occurrence"}


def test_an_export_replaces_a_file_that_a_killed_program_was_writing(tmp_path):
    lake = DuckLake(tmp_path / "warehouse")
    lake.initialise()
    target = tmp_path / "plain.duckdb"
    lake.export(target)
    write = f"con = duckdb.connect({str(target)!r}); con.execute('create table mine as select 1')"
    subprocess.run([sys.executable, "-c", f"import os, duckdb; {write}; os._exit(9)"], check=False)
    assert target.with_name("plain.duckdb.wal").exists()
    lake.export(target)
    with duckdb.connect(str(target)) as con:
        assert con.execute("select count(*) from duckdb_tables() where table_name = 'mine'").fetchone() == (0,)


def test_a_reader_cannot_write(tmp_path):
    lake = DuckLake(tmp_path / "warehouse")
    lake.initialise()
    with lake.reader() as con, pytest.raises(duckdb.Error):
        con.execute("insert into cohort values (1, 1, date '2026-01-01', date '2026-01-01')")


def test_a_warehouse_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="no warehouse"), DuckLake(tmp_path / "nothing").reader():
        pass


def test_what_a_killed_publisher_left_is_removed_by_the_next(tmp_path):
    lake = DuckLake(tmp_path / "warehouse")
    lake.initialise()
    files = write_night(tmp_path, 1, 2)
    night = date(2026, 1, 2)
    dates = {"source_release_date": night, "cdm_release_date": night}
    lake.publish(Publication("h1", 1, "first", night, files), SOURCE | dates)
    left = lake.data / "h1" / "killed-12345678"
    left.mkdir()
    (left / "person.parquet").write_bytes(b"half")
    lake.publish(Publication("h1", 1, "second", night, files), SOURCE | dates)
    assert not left.exists()
    assert nights_seen(lake) == [(2, 2, 2, 2, 200, 200)]
