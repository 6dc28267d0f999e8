"""The data dictionary says what the warehouse holds, and nothing of few persons."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
import raw_identifiers
import tiny
from duckdb import DuckDBPyConnection
from typer.testing import CliRunner

from etl.cdm.spec import hospital_tables, tables
from etl.cli import app
from etl.mapping.load import load_mappings
from etl.research.dictionary.document import Dictionary, FieldEntry, describe, rules
from etl.research.dictionary.measure import TOP, measure
from etl.research.dictionary.page import page_of
from etl.settings import PROJECT, Settings
from etl.sql import quote
from etl.store.postgres.connect import attach
from etl.store.warehouse.open import open_warehouse

SMALL = 5


@pytest.fixture(scope="module")
def con(consortium: Settings) -> Iterator[DuckDBPyConnection]:
    with open_warehouse(consortium).reader() as reader:
        yield reader


@pytest.fixture(scope="module")
def dictionary(con: DuckDBPyConnection, consortium: Settings) -> Dictionary:
    return describe(con, load_mappings(consortium.mappings))


@pytest.fixture(scope="module")
def page(dictionary: Dictionary) -> str:
    return page_of(dictionary)


def field(dictionary: Dictionary, name: str) -> FieldEntry:
    table, _, column = name.partition(".")
    [found] = [f for t in dictionary.tables if t.name == table for f in t.fields if f.spec.name == column]
    return found


def counted(con: DuckDBPyConnection, query: str) -> list[tuple[int, ...]]:
    return con.execute(query).fetchall()


def test_it_has_every_table_and_field_of_the_specification(dictionary, page):
    assert {t.name: tuple(f.spec for f in t.fields) for t in dictionary.tables} == {
        name: table.fields for name, table in tables().items()
    }
    assert all(f'id="{t.name}.{f.spec.name}"' in page for t in dictionary.tables for f in t.fields)


@pytest.mark.parametrize("name", hospital_tables())
def test_rows_by_hospital_are_those_of_the_warehouse_unless_they_are_of_few(name, con, dictionary):
    owner = hospital_tables()[name].owner
    rows = counted(con, f"select ({owner}) >> 24, count(*), count(distinct {owner}) from {name} group by 1")
    figures = next(t.figures for t in dictionary.tables if t.name == name)
    assert {h: (f.rows, f.hidden) for h, f in figures.by_hospital.items()} == {
        h: (0, True) if persons < SMALL else (n, False) for h, n, persons in rows
    }
    assert figures.rows.rows == sum(n for _, n, persons in rows if persons >= SMALL)


@pytest.mark.parametrize(
    "name",
    [
        "measurement.value_as_number", "measurement.visit_occurrence_id", "drug_exposure.quantity",
        "visit_occurrence.discharged_to_concept_id", "provider.specialty_source_value", "person.location_id",
        "note.note_title",
    ],
)  # fmt: skip
def test_a_field_is_filled_and_differs_as_in_the_warehouse(name, con, dictionary):
    table, _, column = name.partition(".")
    owner = hospital_tables()[table].owner
    [(rows, kinds, persons)] = counted(
        con, f"select count({column}), count(distinct {column}), count(distinct {owner}) from {table} "
        f"where {column} is not null",
    )  # fmt: skip
    assert persons >= SMALL
    figures = field(dictionary, name).figures
    assert (figures.filled.rows, figures.kinds) == (rows, kinds)
    by = counted(con, f"select ({owner}) >> 24, count({column}) from {table} group by 1")
    assert {h: f.rows for h, f in figures.by_hospital.items() if not f.hidden}.items() <= dict(by).items()


@pytest.mark.parametrize("name", ["condition_occurrence.condition_concept_id", "measurement.unit_concept_id"])
def test_concepts_are_the_most_frequent_ones_of_five_persons_or_more(name, con, dictionary):
    table, _, column = name.partition(".")
    rows = counted(
        con, f"select {column}, c.concept_name, count(*) from {table} join concept c on c.concept_id = {column} "
        f"group by 1, 2 having count(distinct person_id) >= {SMALL} order by 3 desc, 1 limit {TOP}",
    )  # fmt: skip
    figures = field(dictionary, name).figures
    assert [(c.id, c.name, c.rows) for c in figures.concepts] == rows
    assert [(figures.kinds,)] == counted(con, f"select count(distinct {column}) from {table}")


def test_no_concept_of_fewer_than_five_persons_is_told(con, dictionary):
    told = 0
    for name, table in hospital_tables().items():
        for entry in next(t.fields for t in dictionary.tables if t.name == name):
            concepts = [c.id for c in entry.figures.concepts]
            told += len(concepts)
            if concepts:
                [(fewest,)] = counted(
                    con, f"select min(n) from (select count(distinct {table.owner}) n from {name} "
                    f"where {entry.spec.name} in ({', '.join(map(str, concepts))}) group by {entry.spec.name})",
                )  # fmt: skip
                assert fewest >= SMALL, entry.spec.name
    assert told > 100


def test_what_few_persons_have_is_hidden_field_by_field(con, dictionary):
    [(persons, rows)] = counted(con, "select count(distinct person_id), count(*) from death where person_id >> 24 = 1")
    assert 0 < persons < SMALL, "the sample has few deaths in a hospital"
    figures = next(t.figures for t in dictionary.tables if t.name == "death")
    assert figures.by_hospital[1].hidden
    assert figures.incomplete
    strict = dict(measure(con, 10_000))
    assert {f.hidden for name in hospital_tables() for f in [strict[name].rows] if strict[name].whole} == {True}
    hidden = [f for name in hospital_tables() for f in strict[name].fields.values()]
    assert not [f for f in hidden if f.concepts or f.first or f.kinds is not None or f.filled.rows]
    assert rows > 0


def test_the_shared_warehouse_gives_the_same_figures(con, consortium_in_postgres):
    with duckdb.connect() as reader:
        attach(reader, consortium_in_postgres, "warehouse", read_only=True)
        reader.execute("use warehouse.cdm_read")
        assert dict(measure(reader, SMALL)) == dict(measure(con, SMALL))


def test_the_total_does_not_give_a_hidden_hospital_away(dictionary, page):
    row = re.search(r'<tr><th scope="row"><a href="#death">.*?</tr>', page, re.DOTALL)
    assert row
    cells = [re.sub(r"<.*?>", "", c).strip() for c in re.findall(r"<td.*?</td>", row[0])]
    assert "&lt;5" in cells
    shown = sum(int(c) for c in cells[:-1] if c.isdigit())
    assert cells[-1] == f"≥ {shown}" or cells[-1] == "few"


def empty_warehouse() -> DuckDBPyConnection:
    con = duckdb.connect()
    for name, table in tables().items():
        con.execute(f"create table {name} ({', '.join(f'{quote(f.name)} {f.duckdb_type}' for f in table.fields)})")
    return con


def test_nothing_else_on_the_page_gives_a_hidden_hospital_away():
    with empty_warehouse() as con:
        for number, persons in ((1, SMALL - 3), (2, 11)):
            con.execute(
                "insert into death (person_id, death_date, death_type_concept_id) "
                f"select {number << 24} + i, date '2026-01-01', 32817 from range({persons}) as t (i)"
            )
        con.execute(f"insert into specimen (specimen_id, person_id) select i, {1 << 24} from range(17) as t (i)")
        page = page_of(describe(con, load_mappings(PROJECT / "mappings")))
    shown = {
        name: re.search(rf'<section id="{name}".*?</section>', page, re.DOTALL)[0] for name in ("death", "specimen")
    }
    assert "at least 11 rows" in shown["death"]
    assert "few rows" in shown["specimen"]
    numbers = {name: set(re.findall(r"(?<![\w.-])\d+(?![\w.-])", text)) for name, text in shown.items()}
    assert ("13" in numbers["death"], "17" in numbers["specimen"]) == (False, False)


def test_dates_are_told_by_month_and_births_not_at_all(con, dictionary):
    [(first, last)] = counted(con, "select min(visit_start_date), max(visit_start_date) from visit_occurrence")
    figures = field(dictionary, "visit_occurrence.visit_start_date").figures
    assert (figures.first, figures.last) == (first.replace(day=1), last.replace(day=1))
    assert field(dictionary, "person.birth_datetime").figures.first is None


def test_a_field_says_which_column_of_which_hospital_fills_it(dictionary):
    origins = field(dictionary, "person.year_of_birth").origins
    assert {text: [h.short for h in o.hospitals] for o in origins for text in o.texts}["patients: BIRTH"] == [
        "snubh", "snuh",
    ]  # fmt: skip
    assert field(dictionary, "person.person_source_value").why
    assert all("synthea" not in t.made_by for t in dictionary.tables)


def test_no_identifier_and_no_value_of_a_text_is_on_the_page(consortium, con, page):
    exports = consortium.home / "exports"
    [night] = {folder.name for folder in exports.glob("*/*")}
    planted = raw_identifiers.planted(exports, night)
    assert all(len(values) > 100 for values in planted.values())
    assert not any(raw_identifiers.leaked(planted, page).values())
    columns = {"note": "note_text", "note_nlp": "snippet", "provider": "provider_name", "care_site": "care_site_name"}
    texts = {text for n, c in columns.items() for (text,) in counted(con, f"select distinct {c} from {n}") if text}
    assert len(texts) > 30
    assert not [text for text in texts if len(text) > 5 and text in page]


def test_conventions_are_those_of_the_page(dictionary):
    text = (PROJECT / "docs" / "conventions.md").read_text(encoding="utf-8").replace("`", "")
    assert [(str(r.number), r.title) for r in rules()] == re.findall(r"^## (\d+)\. (.*)$", text, re.MULTILINE)
    assert {name for r in rules() for name in r.tables} - {"*"} <= set(tables())


def test_the_command_writes_the_page(hospital, monkeypatch):
    hospital.publish()
    monkeypatch.setenv("ETL_HOME", str(hospital.settings.home))
    monkeypatch.setenv("ETL_MAPPINGS", str(hospital.settings.mappings))
    done = CliRunner().invoke(app, ["dictionary"])
    assert done.exit_code == 0, done.output
    assert done.stdout.strip() == str(hospital.settings.reports / "dictionary.html")
    written = (hospital.settings.reports / "dictionary.html").read_text(encoding="utf-8")
    persons = len(tiny.warehouse_rows(hospital.settings, ["person"])["person"])
    shown = persons if persons >= SMALL else f"&lt;{SMALL}"
    assert f"<dt>Persons</dt><dd><b>{shown}</b>" in written


def test_a_warehouse_without_a_night_has_the_specification_only():
    with empty_warehouse() as empty:
        found = describe(empty, load_mappings(PROJECT / "mappings"))
    assert (found.hospitals, found.fields[0]) == ((), 0)
    assert "No night is published yet" in page_of(replace(found, source={}))
