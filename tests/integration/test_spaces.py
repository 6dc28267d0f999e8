"""`etl space`: built of the published nights, opened with the vault's key only, destroyed for good."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg
import pytest
import tiny
from postgres_server import libpq
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.engine import extension_file
from etl.errors import ConfigError, GateClosed, TransientError
from etl.operations.doctor.examine import look_at
from etl.operations.doctor.spaces import check_spaces
from etl.research.spaces import build as building
from etl.research.spaces import destroy as destroying
from etl.research.spaces import kept, vault
from etl.research.spaces.build import build, check
from etl.research.spaces.definition import Definition, read_definition
from etl.research.spaces.destroy import destroy
from etl.research.spaces.kept import open_space
from etl.store.warehouse.postgres.init import initialise

STUDY = """
name: study
title: A study
purpose: What follows
hospitals: {tiny: 2026-07-01}
cohort: select person_id, min(visit_start_date) as index_date from visit_occurrence group by person_id
tables:
  person: [gender_concept_id, year_of_birth]
  visit_occurrence: '*'
  condition_occurrence: '*'
  measurement: [measurement_concept_id, value_as_number, visit_occurrence_id]
period: {from: 2000-01-01, to: 2026-07-01}
policy: linked
until: 2030-01-01
"""


def silent(*_: str) -> None:
    pass


def study(hospital: Tiny, old: str = "", new: str = "") -> Path:
    file = hospital.settings.home / "study.yaml"
    assert old in STUDY
    file.write_text(STUDY.replace(old, new, 1) if old else STUDY, encoding="utf-8")
    return file


def defined(hospital: Tiny, old: str = "", new: str = "") -> Definition:
    return read_definition(study(hospital, old, new))


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory, vocabulary: Path) -> Tiny:
    hospital = tiny.make(tmp_path_factory.mktemp("spaces") / "home", vocabulary)
    hospital.publish()
    return hospital


@pytest.fixture
def published(night: Tiny) -> Iterator[Tiny]:
    """The hospital with its night, and no space yet."""
    yield Tiny(night.settings, night.tables, night.drops)
    for folder in (night.settings.spaces, night.settings.vault_folder):
        shutil.rmtree(folder, ignore_errors=True)


def invoke(hospital: Tiny, monkeypatch: pytest.MonkeyPatch, *arguments: str):
    for name in ("home", "mappings", "expectations", "warehouse_url"):
        if (value := getattr(hospital.settings, name)) is not None:
            monkeypatch.setenv(f"ETL_{name.upper()}", str(value))
    return CliRunner().invoke(app, ["space", *arguments])


def test_a_space_holds_what_its_definition_says_on_either_warehouse(every_way: Tiny):
    every_way.publish()
    built = build(every_way.settings, defined(every_way), "kim", silent)
    whole = tiny.warehouse_rows(every_way.settings, ("visit_occurrence", "condition_occurrence", "measurement"))
    persons = {row[1] for row in whole["visit_occurrence"]}
    assert built.measured.persons == len(persons)
    assert built.rows["visit_occurrence"] == len(whole["visit_occurrence"])
    with open_space(every_way.settings, "study") as con:
        assert con.execute("select count(*), max(person_id) from person").fetchall() == [(len(persons), len(persons))]
        assert [name for name, *_ in con.execute("describe person").fetchall()] == [
            "person_id", "gender_concept_id", "year_of_birth"
        ]  # fmt: skip
        values = con.execute("select value_as_number from measurement order by all").fetchall()
        with pytest.raises(duckdb.Error):
            con.execute("delete from person")
    numbers = [row[1] for row in whole["measurement"]]
    assert len(values) == sum(person in persons for person in numbers)


def test_on_postgresql_a_space_is_a_schema_that_its_role_may_read_and_nobody_else(hospital: Tiny, database: URL):
    initialise(database, database)
    url = database.render_as_string(hide_password=False)
    hospital.settings = hospital.settings.model_copy(update={"warehouse_url": url})
    hospital.publish()
    built = build(hospital.settings, defined(hospital, "name: study", "name: pg_study"), "kim", silent, database)
    with psycopg.connect(libpq(database), autocommit=True) as con:
        count = con.execute("select count(*) from space_pg_study.person").fetchone()
        assert count == (built.measured.persons,)
        con.execute("create role reader_of_pg_study login in role space_pg_study")
        try:
            con.execute("set role reader_of_pg_study")
            assert con.execute("select count(*) from space_pg_study.person").fetchone() == count
            for refused in (
                "delete from space_pg_study.person", "select * from cdm.person", "select * from cdm_read.person",
                "create table space_pg_study.x (i int)",
            ):  # fmt: skip
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    con.execute(refused)
            con.execute("set role etl_analyst")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                con.execute("select * from space_pg_study.person")
            con.execute("reset role")
        finally:
            con.execute("reset role")
            con.execute("drop role reader_of_pg_study")
        destroy(hospital.settings, "pg_study", "kim", "it has ended", database)
        left = "select nspname::text from pg_namespace where nspname like %s union all select rolname from pg_roles "
        assert con.execute(f"{left} where rolname like %s", ["%pg_study", "%pg_study"]).fetchall() == []


def test_the_file_opens_with_its_key_only_and_holds_nothing_in_the_clear(published: Tiny):
    build(published.settings, defined(published), "kim", silent)
    file = published.settings.spaces / "study" / kept.SHUT
    content = file.read_bytes()
    assert not any(word in content for word in (b"condition_occurrence", b"visit_start_date", b"Essential"))
    with duckdb.connect() as con:
        con.execute(f"load '{extension_file('httpfs')}'")
        with pytest.raises(duckdb.Error):
            con.execute(f"attach '{file}' as s (read_only)")
        with pytest.raises(duckdb.Error):
            con.execute(f"attach '{file}' as s (encryption_key 'another', read_only)")


def test_keys_are_read_by_their_owner_only_and_are_nowhere_else(published: Tiny, tmp_path: Path):
    published.settings = published.settings.model_copy(update={"vault": tmp_path / "safe"})
    build(published.settings, defined(published), "kim", silent)
    file = tmp_path / "safe" / "study.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    keys = json.loads(file.read_text(encoding="utf-8"))
    for other in (f for f in published.settings.home.rglob("*") if f.is_file()):
        content = other.read_bytes()
        assert not any(key.encode() in content for key in keys.values()), other
    assert keys["file"] not in repr(vault.take(published.settings, "study"))
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="others can read"):
        vault.take(published.settings, "study")


def test_a_space_below_its_policy_does_not_open_and_leaves_its_report(published: Tiny):
    with pytest.raises(
        GateClosed, match=r"does not hold what its policy asks: .*k.*fewer than|too few others"
    ) as closed:
        build(published.settings, defined(published, "policy: linked", "policy: strict"), "kim", silent)
    assert closed.value.exit_code == 3
    assert kept.spaces(published.settings) == []
    assert not vault.has_keys(published.settings, "study")
    refused = published.settings.spaces / kept.REFUSED / "study"
    assert not list(refused.glob("*.duckdb*"))
    assert "정책의 요구를 지키지 못해" in (refused / "report.ko.html").read_text(encoding="utf-8")
    assert json.loads((refused / "report.json").read_text(encoding="utf-8"))["holds"] is False


def test_a_check_leaves_nothing(published: Tiny):
    before = sorted(published.settings.home.rglob("*.duckdb"))
    found = check(published.settings, defined(published, "policy: linked", "policy: strict"), silent)
    assert "k" in found.failures
    assert sorted(published.settings.home.rglob("*.duckdb")) == before
    assert not published.settings.vault_folder.exists()


def test_a_night_published_meanwhile_makes_the_build_begin_again(published: Tiny, monkeypatch: pytest.MonkeyPatch):
    states = iter(range(9))
    monkeypatch.setattr(building, "_state", lambda *_: next(states))
    with pytest.raises(TransientError, match="a night was published"):
        build(published.settings, defined(published), "kim", silent)
    assert kept.spaces(published.settings) == []


@pytest.mark.parametrize("last", ["write_tables", "measure", "write_twin", "_stand"])
def test_a_build_that_is_killed_leaves_nothing_that_is_seen(
    published: Tiny, monkeypatch: pytest.MonkeyPatch, last: str
):
    said = defined(published)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(building, last, killed)
        patched.setattr(building.shutil, "rmtree", lambda *_, **__: None)  # who is killed does not tidy up
        if last == "_stand":  # between the vault and the name
            patched.setattr(building, last, lambda s, b, f, k, *_: (vault.keep(s, "study", k), killed()))
        with pytest.raises(KeyboardInterrupt):
            build(published.settings, said, "kim", silent)
    assert kept.spaces(published.settings) == []
    build(published.settings, said, "kim", silent)
    assert kept.spaces(published.settings) == ["study"]
    assert not list(published.settings.spaces.glob(f"{kept.BUILDING}*"))


def test_what_is_destroyed_is_gone_with_its_keys_and_a_certificate_says_so(published: Tiny):
    said = defined(published)
    build(published.settings, said, "kim", silent)
    digest = kept.digest(published.settings.spaces / "study" / kept.SHUT)
    certificate, page = destroy(published.settings, "study", "lee", "it has ended")
    assert (certificate.by, certificate.reason, certificate.digests[kept.FILE]) == ("lee", "it has ended", digest)
    assert certificate.digests["definition"] == said.digest
    assert kept.spaces(published.settings) == []
    assert not list(published.settings.home.rglob("study.json"))
    assert digest in page.read_text(encoding="utf-8")
    assert "파기 확인서" in page.with_name(page.name.replace(".en.", ".ko.")).read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="no space 'study'"):
        destroy(published.settings, "study", "lee", "again")


@pytest.mark.parametrize("last", ["destroy", "write_certificate"])
def test_a_destruction_that_is_killed_is_finished_by_the_next(
    published: Tiny, monkeypatch: pytest.MonkeyPatch, last: str
):
    build(published.settings, defined(published), "kim", silent)

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    place = {"destroy": destroying.vault, "write_certificate": destroying}[last]
    with monkeypatch.context() as patched:
        patched.setattr(place, last, killed)
        with pytest.raises(KeyboardInterrupt):
            destroy(published.settings, "study", "lee", "it has ended")
    assert kept.spaces(published.settings) == []
    assert destroying.pending(published.settings) == ["study"]
    certificate, _ = destroy(published.settings, "study", "park", "again")
    assert (certificate.by, certificate.reason) == ("lee", "it has ended")
    assert destroying.pending(published.settings) == []
    assert not vault.has_keys(published.settings, "study")
    assert not list(published.settings.spaces.rglob("*.duckdb"))


def test_what_is_left_of_a_folder_whose_destruction_is_certified_goes_with_the_next_command(
    published: Tiny, monkeypatch: pytest.MonkeyPatch
):
    build(published.settings, defined(published), "kim", silent)
    with monkeypatch.context() as patched:
        patched.setattr(destroying.shutil, "rmtree", lambda *_, **__: None)
        destroy(published.settings, "study", "lee", "it has ended")
    assert len(list(published.settings.spaces.rglob("study-*.json"))) == 1
    assert destroying.pending(published.settings) == kept.spaces(published.settings) == []
    build(published.settings, defined(published), "kim", silent)
    assert not list(published.settings.spaces.glob(f"{kept.GONE}*"))


def test_all_that_is_wrong_in_a_definition_is_told_at_once(hospital: Tiny):
    file = study(hospital, "tables:", "tables:\n  note: '*'\n  death: [death_day]")
    file.write_text(file.read_text(encoding="utf-8").replace("policy: linked", "policy: lnked"), encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        read_definition(file)
    assert all(word in str(wrong.value) for word in ("3 problem", "'linked'", "tables.note", "'death_day'"))


@pytest.mark.parametrize("cohort", ["delete from person", "select * from read_csv('x')", "select 1; select 2", "selec"])
def test_a_cohort_that_is_no_query_over_the_cdm_is_refused(hospital: Tiny, cohort: str):
    query = STUDY.split("cohort: ")[1].splitlines()[0]
    with pytest.raises(ConfigError, match="cohort"):
        defined(hospital, query, cohort)


def test_a_space_whose_last_day_has_passed_is_not_built(published: Tiny):
    with pytest.raises(ConfigError, match="last day"):
        build(published.settings, defined(published, "until: 2030-01-01", "until: 2026-01-01"), "kim", silent)


def test_the_doctor_tells_which_spaces_should_be_gone(published: Tiny):
    def said() -> list[str]:
        return [found.text for found in check_spaces(look_at(published.settings, []))]

    build(published.settings, defined(published), "kim", silent)
    assert said() == []
    folder = published.settings.spaces / "study"
    about = (folder / kept.ABOUT).read_text(encoding="utf-8")
    (folder / kept.ABOUT).write_text(about.replace("2030-01-01", "2026-01-01"), encoding="utf-8")
    vault.destroy(published.settings, "study")
    assert said() == ["its last day, 2026-01-01, has passed", "the vault does not hold its keys"]
    folder.rename(published.settings.spaces / f"{kept.LEAVING}study")
    assert said() == ["its destruction was broken off"]


def test_the_commands_check_and_show(published: Tiny, monkeypatch: pytest.MonkeyPatch):
    assert json.loads(invoke(published, monkeypatch, "check", str(study(published)), "--json").stdout)["opens"] is True
    build(published.settings, defined(published), "kim", silent)
    shown = json.loads(invoke(published, monkeypatch, "show", "study", "--json").stdout)
    assert (shown["name"], shown["over"], shown["keys"], shown["policy"]) == ("study", False, True, "linked")
    key = json.loads((published.settings.vault_folder / "study.json").read_text(encoding="utf-8"))["file"]
    assert key not in invoke(published, monkeypatch, "show", "study").output
    strict = str(study(published, "policy: linked", "policy: strict"))
    answer = invoke(published, monkeypatch, "check", strict)
    assert (answer.exit_code, "k-anonymity" in answer.output) == (3, True)


def test_what_opens_a_space_is_written_for_its_owner_alone(published: Tiny, tmp_path: Path):
    build(published.settings, defined(published), "kim", silent)
    with pytest.raises(ConfigError, match="is shut"):
        kept.write_attach(published.settings, "study", tmp_path / "open.sql")
    kept.set_open(published.settings, "study", opened=True)
    kept.write_attach(published.settings, "study", tmp_path / "open.sql")
    key = json.loads((published.settings.vault_folder / "study.json").read_text(encoding="utf-8"))["file"]
    assert key in (tmp_path / "open.sql").read_text(encoding="utf-8")
    assert stat.S_IMODE((tmp_path / "open.sql").stat().st_mode) == 0o600


def test_the_twin_has_the_tables_of_the_space(published: Tiny):
    built = build(published.settings, defined(published), "kim", silent)
    assert kept.about(published.settings, "study").in_twin == built.in_twin
    twin = published.settings.spaces / "study" / kept.TWIN
    with open_space(published.settings, "study") as space, duckdb.connect(str(twin), read_only=True) as dummy:
        for table in ("person", "visit_occurrence", "condition_occurrence", "measurement"):
            assert dummy.execute(f"describe {table}").fetchall() == space.execute(f"describe {table}").fetchall()
