"""Checks of ours as they are written down: what they become, and what is refused, by file and line, before it runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from etl.errors import ConfigError
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import NIGHT
from etl.quality.battery.own.load import load_own
from etl.quality.battery.own.queries import QueryError, read_queries

REST = """\
  severity: convention
  category: Plausibility
  dimension: accuracy
  threshold: 1
  says: {en: Too many., ko: 너무 많음.}
  cause: {en: Nobody counted., ko: 아무도 세지 않음.}
"""
_IN = "table: measurement"
HEAD = "/*\nchecks:\n- check: one\n  table: measurement\n" + REST + "*/\n"


def one(folder: Path, text: str, name: str = "own.yaml") -> list[Check]:
    """The checks of one file."""
    (folder / name).write_text(text, encoding="utf-8")
    return load_own(folder)


def item(keys: str) -> str:
    """A check with some keys in front of the usual ones; its first key is in line 3."""
    return f"# a list\n- check: one\n{keys}{REST}"


def test_there_is_nothing_where_no_folder_is(tmp_path: Path) -> None:
    assert load_own(tmp_path / "none") == []


def test_a_condition_becomes_sql_and_says_what_it_needs(tmp_path: Path) -> None:
    keys = "  table: measurement\n  field: value_as_number\n  beside: [death]\n"
    (check,) = one(
        tmp_path,
        item(f"{keys}  violated: t.value_as_number > 3 and d.death_date < night\n  of: t.unit_concept_id = 0\n"),
    )
    assert check.own is not None
    assert (check.id, check.table, check.field, check.threshold) == ("one", "measurement", "value_as_number", 1)
    assert check.own.violated == f't."value_as_number" > 3 AND d."death_date" < {NIGHT}'
    assert check.own.of == 't."unit_concept_id" = 0'
    assert check.own.place == "own.yaml:2"
    assert check.own.beside == {"death": ("death_date",)}
    assert set(check.needs) == {
        ("measurement", ("value_as_number",)), ("measurement", ("unit_concept_id",)), ("measurement", ("person_id",)),
        ("death", ("death_date",)), ("death", ("person_id",)),
    }  # fmt: skip
    assert (check.sentence(), check.sentence("ko")) == ("Too many.", "너무 많음.")
    assert check.own.cause.ko == "아무도 세지 않음."


def test_one_item_stands_for_several_tables(tmp_path: Path) -> None:
    tables = "  each: [{table: death, field: death_date}, {table: note, field: note_date}]\n"
    text = item(tables + "  violated: t.{field} > night\n").replace("Too many.", "'Late in {table} by {field}.'")
    text = text.replace("check: one", "check: late_{table}")
    late = one(tmp_path, text)
    assert [c.id for c in late] == ["late_death", "late_note"]
    assert late[1].sentence() == "Late in note by note_date."
    assert late[1].own is not None
    assert late[1].own.violated == f't."note_date" > {NIGHT}'


def test_a_query_gives_rows_and_those_that_they_are_of(tmp_path: Path) -> None:
    (tmp_path / "odd.csv").write_text("concept_id,name\n7,a\n8,it's\n", encoding="utf-8")
    text = HEAD.replace("checks:", "reads: [odd]\nchecks:").replace(
        "  severity", "  reason: {en: 'of {name}', ko: '{name}'}\n  severity"
    )
    rows = (
        "select 1 << 24 as owner, 1 as n, o.name from measurement join odd o on o.concept_id = measurement_concept_id"
    )
    sql = f"{rows};\nselect person_id from measurement"
    (check,) = one(tmp_path, text + sql, "own.sql")
    assert check.own is not None
    assert check.own.query is not None
    assert check.own.query.weighted
    assert """"odd"("concept_id", "name") as (values (7, 'a'), (8, 'it''s'))""" in check.own.query.rows
    assert check.own.query.of == "SELECT person_id FROM measurement"
    assert check.needs == (("measurement", ()),)


@pytest.mark.parametrize(
    ("keys", "line", "said"),
    [
        ("  table: measurment\n", 3, "no table 'measurment'; did you mean 'measurement'"),
        ("  violated: 'true'\n", 2, "table: is missing"),
        ("  table: death\n  field: death_dat\n", 4, "no field 'death_dat'; did you mean 'death_date'"),
        ("  table: death\n  colour: red\n", 4, "colour: is no key of a check"),
        ("  table: death\n  violated: t.death_dat is null\n", 4, "no column 'death_dat'; did you mean 'death_date'"),
        ("  table: death\n  violated: death_date is null\n", 4, "'death_date' is no column of a row; write t.<column>"),
        ("  table: death\n  violated: p.year_of_birth > 1\n", 4, "'p.year_of_birth' is no column of a row"),
        ("  table: death\n  violated: t.death_date >\n", 4, "is no SQL expression"),
        ("  table: death\n  violated: 1 in (select 1)\n", 4, "may not hold"),
        ("  table: death\n  violated: read_text('/etc/passwd') <> ''\n", 4, "'read_text' is no function"),
        ("  table: death\n  violated: random() > 0.5\n", 4, "'random' is no function"),
        ("  table: death\n  violated: t.death_date > current_date\n", 4, "'current_date' is no function"),
        ("  table: death\n  violated: omop_try_number('1') > 0\n", 4, "omop_try_number does not exist"),
        ("  table: death\n  violated: count(*) > 1\n", 4, "may not hold count"),
        ("  table: death\n  violated: count(*) over () > 1\n", 4, "write a query in a .sql file"),
        ("  table: death\n  of: t.death_date > 5\n", 4, "Cannot compare values of type DATE"),
        ("  table: care_site\n  beside: [person]\n", 4, "care_site has no person_id, by which person is found"),
        ("  table: death\n  beside: [note]\n", 4, "beside: .*Input should be 'person'"),
        ("  table: death\n  reason: {en: x, ko: y}\n", 4, "of the rows of a query only"),
        ("  each: [{table: deth}]\n", 3, "no table 'deth'"),
        ('  each: [{table: "death; drop table death"}]\n', 3, "String should match pattern"),
        ("  each: []\n", 3, "at least 1 item"),
    ],
)
def test_what_is_not_understood_is_named_by_its_line(tmp_path: Path, keys: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"(?m)^own\.yaml:{line}  .*{said}") as raised:
        one(tmp_path, item(keys))
    assert raised.value.exit_code == 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("threshold: 1", "threshold: many", "own.yaml:7  threshold: Value error, is no number"),
        ("threshold: 1", "threshold: '1'", "own.yaml:7  threshold: Value error, is no number"),
        ("threshold: 1", "threshold: .nan", "own.yaml:7  threshold: Input should be"),
        ("threshold: 1", "threshold: 101", "own.yaml:7  threshold: Input should be less than"),
        ("  threshold: 1\n", "", "own.yaml:2  threshold: is missing"),
        ("dimension: accuracy", "dimension: beauty", "own.yaml:6  dimension: Input should be"),
        ("says: {en: Too many., ko: 너무 많음.}", "says: {en: Too many.}", "own.yaml:8  says: ko is missing"),
        ("en: Too many.", "en: 'Too {much}.'", "own.yaml:8  says: nothing fills '{much}'"),
        ("check: one", "check: One", "own.yaml:2  check: String should match"),
        ("check: one", "check: [", "own.yaml:4  -: is no YAML"),
        ("# a list\n- check: one", "check: one\nmore:", "own.yaml:1  -: has to be a list of checks"),
        ("# a list\n", "- a word\n", "own.yaml:1  -: has to be keys and values"),
    ],
)
def test_a_key_without_its_value_is_named_by_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = item("  table: death\n")
    assert old in text
    with pytest.raises(ConfigError, match=f"(?m)^{re.escape(said)}"):
        one(tmp_path, text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        (
            "select person_id from measurment",
            "own.sql:12  -: there is no table 'measurment'; did you mean 'measurement'",
        ),
        ("select person_id\nfrom measurement where person_i = 1", "own.sql:12  -: Binder Error: Referenced column"),
        ("select measurement_id from measurement", "own.sql:12  -: has to give person_id, or owner"),
        ("select 1 as owner from 'secrets.csv'", "own.sql:12  -: there is no table 'secrets.csv'"),
        ("select 1 as owner from read_csv('secrets.csv')", "own.sql:12  -: may read tables only"),
        ("select 1 as owner from information_schema.tables", "own.sql:12  -: may not read 'information_schema.tables'"),
        ("select getenv('HOME') as owner from person", "own.sql:12  -: 'getenv' is no function"),
        ("delete from person", "own.sql:12  -: may hold queries only, and no delete"),
        ("copy person to 'x'", "own.sql:12  -: may hold queries only"),
        ("select person_id from person where current_date > birth_datetime", "own.sql:12  -: may not hold current"),
        ("select person_id from person; select person_id from person; select 1", "own.sql:12  -: has to be a query"),
        ("select person_id from person using sample 10%", "own.sql:12  -: may not draw rows"),
        (
            "with recursive r as (select 1 as owner union all select owner + 1 from r) select owner from r",
            "own.sql:12  -: may not hold a recursive part",
        ),
        ("", "own.sql:12  -: has to be a query"),
        ("select person_id\nfrom person where (", "own.sql:13  -: is no SQL"),
    ],
)
def test_a_query_that_may_not_run_is_named_by_its_line(tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?m)^{re.escape(said)}"):
        one(tmp_path, HEAD.removesuffix("\n") + "\n" + sql, "own.sql")


REASON = HEAD.replace(_IN, _IN + "\n  reason: {en: 'so {x}', ko: '{x}'}")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("select person_id, 1 as x from person", "is told of hospitals only"),
        ("select person_id as owner, person_source_value as x from person", "'person_source_value' of single rows"),
        ("select person_id as owner, value_as_number || '' as x from measurement", "'value_as_number' of single rows"),
        ("select max(person_id) as owner, any_value(note_text) as x from note", "'note_text' of single rows"),
        ("with a as (select * from person) select 1 as owner, year_of_birth as x from a", "all columns of a table"),
        ("select 1 as owner, (select max(value_as_string) from observation) as x", "'value_as_string' of single rows"),
    ],
)
def test_a_reason_tells_no_value_of_a_patient(tmp_path: Path, sql: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"(?m)^own.sql:5  reason: .*{re.escape(said)}"):
        one(tmp_path, REASON + sql, "own.sql")


def test_a_reason_tells_what_is_made_of_many_rows(tmp_path: Path) -> None:
    rows = "select person_id >> 24 << 24 as owner, median(value_as_number) as x from measurement group by all"
    [check] = one(tmp_path, REASON + rows, "own.sql")
    assert check.own
    assert check.own.reason


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("/*", "", "own.sql:1  -: has to begin with a comment"),
        ("checks:", "reads: [lost]\nchecks:", "own.sql:2  -: reads: there is no list 'lost'; known: domains"),
        ("checks:", "reads: stays\nchecks:", "own.sql:2  -: reads: has to be a list of names"),
        ("checks:", "check:", "own.sql:2  -: check: is no key of a head; did you mean 'checks'"),
        (_IN, f"{_IN}\n  violated: t.number > 1", "own.sql:5  violated: 't' has no column 'number'"),
        (_IN, f"{_IN}\n  violated: t.person_id > date '2026-01-01'", "own.sql:5  violated: Binder Error"),
        (_IN, f"{_IN}\n  beside: [death]", "own.sql:5  beside: is for checks of .yaml files"),
        (_IN, f"{_IN}\n  reason: {{en: '{{x}}', ko: '{{x}}'}}", "own.sql:5  reason: the query gives no 'x'"),
    ],
)  # fmt: skip
def test_a_head_that_is_not_understood_is_named_by_its_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in HEAD
    with pytest.raises(ConfigError, match=f"(?m)^{re.escape(said)}"):
        one(tmp_path, HEAD.replace(old, new, 1) + "select person_id from person", "own.sql")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("concept_id,low\n7,1\n8,1O\n", "odd.csv:3  -: '1O' is no number"),
        ("concept_id,low\n7\n", "odd.csv:2  -: has 1 values for 2 columns"),
        ("concept id,low\n7,1\n", "odd.csv:1  -: has to begin with names"),
        ("concept_id,low\n", "odd.csv:1  -: has to begin with names"),
    ],
)
def test_a_list_that_is_not_understood_is_named_by_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "odd.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=f"(?m)^{re.escape(said)}"):
        one(tmp_path, HEAD.replace("checks:", "reads: [odd]\nchecks:") + "select person_id from person", "own.sql")


def test_a_name_is_there_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(item("  table: death\n"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"^own\.yaml:2  check: 'one' is there already: a\.yaml:2"):
        one(tmp_path, item("  table: note\n"))


@pytest.mark.parametrize(
    "sql",
    [
        "with hospital as (select * from hospital) select hospital_number as person_id from hospital",
        "select person_id, (with hospital as (select 1 as x) select max(x) from hospital) as n from person, hospital",
        "with a as (select * from hospital), hospital as (select 1 as x) select person_id from person, a",
        "select person_id from person, (select * from (with hospital as (select 1) select * from hospital), hospital)",
    ],
)
def test_a_part_of_a_query_lends_its_name_to_no_table_elsewhere(sql: str) -> None:
    with pytest.raises(QueryError, match="no table 'hospital'"):
        read_queries(sql, ())


def test_a_part_is_seen_where_it_is_one_and_a_table_is_read_elsewhere() -> None:
    [part] = read_queries("with x as (select * from person), y as (select * from X) select * from y, x", ())
    assert part.reads == ("person",)
    [same] = read_queries("with person as (select * from person) select person_id from person", ())
    assert same.reads == ("person",), "in the part itself the name is the table's"
    [inner] = read_queries("with x as (select 1 as a) select (select max(a) from x) as a from death", ())
    assert inner.reads == ("death",)


def test_a_query_reads_what_is_published_now() -> None:
    with pytest.raises(QueryError, match="another time"):
        read_queries("select * from person at (version => 3)", ())
