"""What requests become on either warehouse: data that are built, tested, opened, shut and destroyed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asked_for
import duckdb
import psycopg
import pytest
import sqlalchemy as sa
from asked_for import CRITERIA, SEATS, day
from postgres_server import libpq
from sqlalchemy.engine import URL
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError, EtlError, TransientError, UsageError
from etl.operations.doctor import spaces as doctor
from etl.operations.doctor.examine import look_at
from etl.research.fulfilment import sweep as sweeping
from etl.research.fulfilment import work as working
from etl.research.fulfilment.access import must_use, settle
from etl.research.fulfilment.sweep import sweep
from etl.research.fulfilment.twins import make_twin, take_twin, twin_file
from etl.research.fulfilment.work import Worker, do
from etl.research.requests import actions, read
from etl.research.requests.actions import Overtaken, act, draft
from etl.research.requests.engine import Forbidden, NotYet
from etl.research.requests.forms import checked, pledge
from etl.research.requests.given import given
from etl.research.requests.read import show_request
from etl.research.requests.roles import set_role
from etl.research.spaces import kept, vault
from etl.store.audit.tables import ENTRY
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.requests import REQUEST_STEP

QUERY = "select person_id, min(visit_start_date) as index_date from visit_occurrence group by person_id"
PERIOD = {"from": "2000-01-01", "to": "2026-07-01"}
VARIABLES = ["person.gender_concept_id", "person.year_of_birth", "visit_occurrence.*",
             "condition_occurrence.*", "measurement.value_as_number"]  # fmt: skip


class Office:
    """A hospital that has published, and everybody of the chain."""

    def __init__(self, hospital: Tiny, database: URL) -> None:
        hospital.publish()
        self.settings, self.database = hospital.settings, database
        self.ledger = asked_for.people(Ledger(hospital.settings.ledger_url))
        set_role(self.ledger, "member3", "steward", actor="root", hospital="tiny", hospitals=["tiny"])
        self.is_server = self.settings.warehouse.get_backend_name() == "postgresql"

    def worker(self, by: str) -> Worker:
        return Worker(self.settings, self.ledger, by, "tester", self.database if self.is_server else None)

    def asked(self, **other: Any) -> int:
        said = {"hospitals": ["tiny"], "query": QUERY, "variables": VARIABLES, "level": "linked", "period": PERIOD}
        said = asked_for.form(**said | other)
        return draft(self.ledger, given(said, {}), actor="researcher", hospitals=["tiny"])

    def act(self, number: int, move: str, who: str, /, **said: Any) -> str:
        after = act(self.ledger, number, move, actor=who, said={"reason": "as tests do", **said}).after
        settle(self.settings, show_request(self.ledger, number))
        return after

    def approved(self, **conditions: Any) -> int:
        number = self.asked()
        self.act(number, "submit", "researcher")
        self.review(number, **conditions)
        return number

    def review(self, number: int, **conditions: Any) -> None:
        self.act(number, "irb", "irb_office", **asked_for.SAID["irb"])
        self.act(number, "open_review", "secretary", members=SEATS)
        for who in SEATS:
            self.act(number, "declare", who, conflict=False)
            self.act(number, "vote", who, vote="for", criteria=CRITERIA)
        self.act(number, "declare", "chair", conflict=False)
        said = {
            "hospitals": ["tiny"], "data_set": "visits", "place": "room", "recipients": ["researcher"],
            "variables": VARIABLES, "period": PERIOD, "until": day(100),
        }  # fmt: skip
        self.act(number, "approve", "chair", conditions=checked("conditions", said | conditions))

    def opened(self) -> int:
        number = self.approved()
        do(self.worker("secretary"), number, "build")
        do(self.worker("privacy_officer"), number, "test")
        for who in ("researcher", "colleague"):
            self.act(number, "pledge", who, name=who, text=pledge().version)
        do(self.worker("privacy_officer"), number, "open")
        return number

    def swept(self) -> list[str]:
        return [each.text for each in sweep(self.worker("etl"))]


@pytest.fixture
def office(either: Tiny, database: URL) -> Office:
    return Office(either, database)


@pytest.fixture
def embedded(hospital: Tiny, database: URL) -> Office:
    return Office(hospital, database)


@contextmanager
def login(database: URL, name: str) -> Iterator[psycopg.Connection]:
    """A login of the server that may connect as whoever it is let in."""
    with psycopg.connect(libpq(database), autocommit=True) as con:
        con.execute(f"create role {name} login password 'of-tests'")
        try:
            yield con
        finally:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")


def test_a_request_becomes_data_that_are_used_and_destroyed(office: Office, tmp_path: Path) -> None:
    number = office.approved()
    space = f"request_{number}"
    step = do(office.worker("secretary"), number, "build")
    assert (step.after, step.said["result"], step.entered_by) == ("built", "built", "tester")
    assert step.said["measures"]["k"] >= 1
    assert step.said["nights"] == {"tiny": "2026-07-01"}
    with pytest.raises(UsageError, match="not open for use"):
        must_use(show_request(office.ledger, number), "researcher")
    with pytest.raises(ConfigError, match="shut"):
        kept.write_attach(office.settings, space, tmp_path / "open.sql")
    tested = do(office.worker("privacy_officer"), number, "test")
    assert (tested.after, tested.said["result"]) == ("adequate", "passed")
    built, again = step.said["measures"], tested.said["measures"]
    assert [again[name] for name in ("k", "l", "t", "classes", "persons", "risks")] == [
        built[name] for name in ("k", "l", "t", "classes", "persons", "risks")
    ]
    for who in ("researcher", "colleague"):
        office.act(number, "pledge", who, name=who, text=pledge().version)
    assert do(office.worker("privacy_officer"), number, "open").after == "open"
    assert must_use(show_request(office.ledger, number), "researcher") == space
    with pytest.raises(Forbidden, match="no approved recipient"):
        must_use(show_request(office.ledger, number), "colleague")
    kept.write_attach(office.settings, space, tmp_path / "open.sql")
    with kept.open_space(office.settings, space) as con:
        assert [name for name, *_ in con.execute("describe person").fetchall()] == [
            "person_id", "gender_concept_id", "year_of_birth"
        ]  # fmt: skip
    assert asked_for.do(office.ledger, number, "check_outputs", "checker") == "outputs_checked"
    office.act(number, "close", "researcher")
    assert not kept.is_open(office.settings, space)
    done = do(office.worker("privacy_officer"), number, "destroy")
    assert (done.after, done.said["said"]["digests"][kept.FILE]) == ("destroyed", step.said["digest"])
    assert kept.spaces(office.settings) == []
    assert not vault.has_keys(office.settings, space)
    with office.ledger.engine.connect() as con:
        told = con.execute(sa.select(ENTRY.c.subject).where(ENTRY.c.kind == "request moved")).scalars().all()
    assert [f"request {number}: {work}" in told for work in ("build", "test", "open", "destroy")] == [True] * 4


def test_nobody_does_work_that_is_not_theirs_and_nothing_is_done_for_them(office: Office) -> None:
    number = office.approved()
    for who in asked_for.PEOPLE:
        if who != "secretary":
            with pytest.raises(Forbidden):
                do(office.worker(who), number, "build")
    assert kept.spaces(office.settings) == []
    do(office.worker("secretary"), number, "build")
    for work in ("test", "open", "destroy"):
        for who in asked_for.PEOPLE:
            if who != "privacy_officer" or work != "test":
                with pytest.raises(UsageError):
                    do(office.worker(who), number, work)
    assert show_request(office.ledger, number).state == "built"
    assert not kept.is_open(office.settings, f"request_{number}")


def test_only_what_was_approved_is_built(embedded: Office) -> None:
    number = embedded.approved(variables=["person.year_of_birth", "visit_occurrence.visit_concept_id"],
                               period={"from": "2020-01-01", "to": "2025-01-01"})  # fmt: skip
    do(embedded.worker("secretary"), number, "build")
    with kept.open_space(embedded.settings, f"request_{number}") as con:
        tables = {name for (name,) in con.execute("select table_name from duckdb_tables()").fetchall()}
        assert tables == {"person", "visit_occurrence", "cohort", "concept", "concept_ancestor"}
        columns = {name for name, *_ in con.execute("describe visit_occurrence").fetchall()}
        assert columns == {"visit_occurrence_id", "person_id", "visit_start_date", "visit_concept_id"}
        first, last = con.execute(
            "select min(visit_start_date), max(visit_start_date) from visit_occurrence"
        ).fetchall()[0]
        assert first is None or (str(first) >= "2020" and str(last) < "2025-01-02")


def test_data_that_do_not_hold_are_a_step_and_nothing_stands(embedded: Office) -> None:
    number = embedded.asked(level="strict")
    embedded.act(number, "submit", "researcher")
    embedded.review(number)
    step = do(embedded.worker("secretary"), number, "build")
    assert (step.after, step.said["result"], "k" in step.said["fails"]) == ("approved", "failed", True)
    assert not show_request(embedded.ledger, number).has_data
    assert kept.spaces(embedded.settings) == []
    assert embedded.act(number, "withdraw", "researcher") == "withdrawn"


@pytest.mark.parametrize("stop", ["suspend", "breach"])
def test_what_is_stopped_is_shut_and_opens_again_when_the_stop_is_lifted(embedded: Office, stop: str) -> None:
    number = embedded.opened()
    file = embedded.settings.spaces / f"request_{number}" / kept.FILE
    assert file.exists()
    embedded.act(number, stop, "privacy_officer")
    assert not file.exists()
    assert embedded.act(number, "resume", "privacy_officer") == "open"
    assert file.exists()


def test_a_hospital_that_is_kept_out_shuts_the_data_and_they_are_built_anew(embedded: Office) -> None:
    number = embedded.opened()
    before = show_request(embedded.ledger, number).newest("build")
    assert embedded.act(number, "keep_out", "member3", hospital="tiny") == "approved"
    assert not kept.is_open(embedded.settings, f"request_{number}")
    with pytest.raises(NotYet, match="every hospital"):
        do(embedded.worker("secretary"), number, "build")
    assert before
    assert kept.spaces(embedded.settings) == [f"request_{number}"], "what was built waits to be given up"
    embedded.act(number, "give_up", "researcher")
    assert do(embedded.worker("privacy_officer"), number, "destroy").after == "destroyed"


def test_data_of_a_request_that_changed_while_they_were_built_do_not_stay(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = embedded.approved()
    build = working.build_space

    def slow(*arguments: Any) -> Any:
        embedded.act(number, "suspend", "privacy_officer")
        return build(*arguments)

    monkeypatch.setattr(working, "build_space", slow)
    with pytest.raises(Overtaken):
        do(embedded.worker("secretary"), number, "build")
    assert kept.spaces(embedded.settings) == []
    assert not vault.has_keys(embedded.settings, f"request_{number}")


def test_two_who_build_at_once_do_not_take_away_what_the_other_built(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = embedded.approved()
    measures, told = working._measures, []

    def slow(*arguments: Any) -> Any:
        """Between the space that stands and the step that says so, another begins."""
        with pytest.raises(TransientError) as second:
            do(embedded.worker("secretary"), number, "build")
        told.append(second.value)
        return measures(*arguments)

    monkeypatch.setattr(working, "_measures", slow)
    assert do(embedded.worker("secretary"), number, "build").after == "built"
    assert len(told) == 1
    assert kept.spaces(embedded.settings) == [f"request_{number}"]


def test_data_that_a_build_in_vain_replaced_are_destroyed_by_their_own_certificate(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = embedded.approved()
    first = do(embedded.worker("secretary"), number, "build")
    file = kept.file_of(embedded.settings, f"request_{number}")
    file.write_bytes(file.read_bytes() + b"\0")
    do(embedded.worker("privacy_officer"), number, "test")
    build = working.build_space

    def slow(*arguments: Any) -> Any:
        embedded.act(number, "suspend", "privacy_officer")
        return build(*arguments)

    monkeypatch.setattr(working, "build_space", slow)
    with pytest.raises(Overtaken):
        do(embedded.worker("secretary"), number, "build")
    embedded.act(number, "give_up", "researcher")
    step = do(embedded.worker("privacy_officer"), number, "destroy")
    assert (step.after, step.said["said"]["digests"][kept.FILE]) == ("destroyed", first.said["digest"])


def test_a_file_that_was_changed_since_it_was_built_does_not_pass(embedded: Office) -> None:
    number = embedded.approved()
    do(embedded.worker("secretary"), number, "build")
    file = kept.file_of(embedded.settings, f"request_{number}")
    file.write_bytes(file.read_bytes() + b"\0")
    step = do(embedded.worker("privacy_officer"), number, "test")
    assert (step.after, step.said["fails"]) == ("approved", ["changed since it was built"])


def test_rows_of_the_server_that_are_not_those_of_the_file_do_not_pass(office: Office) -> None:
    if not office.is_server:
        pytest.skip("the rows lie in the file only")
    number = office.approved()
    do(office.worker("secretary"), number, "build")
    with psycopg.connect(libpq(office.database), autocommit=True) as con:
        con.execute(f"update space_request_{number}.person set year_of_birth = 1900 where person_id = 1")
    step = do(office.worker("privacy_officer"), number, "test")
    assert (step.after, step.said["fails"]) == ("approved", ["person of the server is not that of the file"])


def test_on_the_server_rows_are_seen_by_recipients_and_only_while_the_request_is_open(office: Office) -> None:
    if not office.is_server:
        pytest.skip("there the file is shut")
    with login(office.database, "researcher"), login(office.database, "colleague"):
        number = office.opened()
        count = f"select count(*) from space_request_{number}.person"

        def seen(who: str = "researcher") -> int:
            place = office.database.set(username=who, password="of-tests")
            with psycopg.connect(libpq(place)) as con:
                row = con.execute(count).fetchone()
                return int(row[0]) if row else -1

        assert seen() > 0
        with pytest.raises(psycopg.Error):
            seen("colleague")
        act(office.ledger, number, "suspend", actor="privacy_officer", said={"reason": "as tests do"})
        assert seen() == 0
        act(office.ledger, number, "resume", actor="privacy_officer", said={"reason": "as tests do"})
        assert seen() > 0
        with office.ledger.engine.begin() as con:
            over = REQUEST_STEP.c.until - timedelta(days=300)
            con.execute(sa.update(REQUEST_STEP).where(REQUEST_STEP.c.request == number).values(until=over))
        assert seen() == 0, "its last day has passed, and nobody has written it down"


def test_the_gate_of_the_server_knows_the_states_in_which_data_are_used(office: Office) -> None:
    if not office.is_server:
        pytest.skip("of the server")
    number = office.opened()
    with psycopg.connect(libpq(office.database), autocommit=True) as con:
        states = con.execute("select distinct after from office.request_step union select 'outputs_checked'").fetchall()
        for (state,) in states:
            con.execute("update office.request_step set after = %s where request = %s", [state, number])
            row = con.execute("select gate.request_is_open(%s)", [number]).fetchone()
            assert row == (state in read.IN_USE,), state


def test_what_is_ordered_in_the_office_is_done_in_the_name_of_who_ordered_it(embedded: Office) -> None:
    number = embedded.approved()
    embedded.act(number, "order_build", "secretary")
    with pytest.raises(NotYet, match="begun already"):
        embedded.act(number, "order_build", "secretary")
    assert "build: built, to be tested" in embedded.swept()
    step = show_request(embedded.ledger, number).newest("build")
    assert step
    assert (step.actor, step.entered_by) == ("secretary", "tester")
    assert embedded.swept() == [], "what was done is not done again"
    embedded.act(number, "order_test", "privacy_officer")
    assert any("adequate" in text for text in embedded.swept())


def test_the_doctor_tells_that_nobody_does_what_was_ordered_and_that_a_space_is_open_by_mistake(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def said() -> list[str]:
        return [f"{found.what}: {found.text}" for found in doctor.check_orders(look_at(embedded.settings, []))]

    number = embedded.approved()
    embedded.act(number, "order_build", "secretary")
    assert said() == []
    monkeypatch.setattr(doctor, "_WAITS", timedelta(0))
    assert said() == [f"request {number}: what was ordered is not done for more than an hour"]
    embedded.swept()
    assert said() == []
    kept.set_open(embedded.settings, f"request_{number}", opened=True)
    assert said() == [f"request {number}: it is not in use, and its space is open"]


def test_an_order_of_somebody_who_may_not_any_more_is_not_done(embedded: Office) -> None:
    number = embedded.approved()
    embedded.act(number, "order_build", "secretary")
    set_role(embedded.ledger, "secretary", "secretary", actor="root", given=False)
    swept = list(sweep(embedded.worker("etl")))
    assert any(isinstance(each.error, Forbidden) for each in swept)
    assert kept.spaces(embedded.settings) == []


def test_a_request_whose_last_day_has_passed_is_shut_by_itself(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = embedded.opened()
    later = asked_for.last_day(day(101))
    for module in (actions, read):
        monkeypatch.setattr(module, "today", lambda: later)
    texts = embedded.swept()
    assert texts[:2] == ["its last day has passed: expired", "its space was shut"]
    assert [s.move for s in show_request(embedded.ledger, number).steps].count("expire") == 1
    assert embedded.swept() == []


def test_a_space_that_no_request_knows_of_is_taken_away_later(
    embedded: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = embedded.approved()
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(working, "_measures", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
        do(embedded.worker("secretary"), number, "build")
    assert kept.spaces(embedded.settings) == [f"request_{number}"], "killed before the step was written"
    embedded.swept()
    assert kept.spaces(embedded.settings) == [f"request_{number}"], "it may be being written down"
    monkeypatch.setattr(sweeping, "_GRACE", timedelta(0))
    assert "its space was destroyed: no request has it" in embedded.swept()
    assert kept.spaces(embedded.settings) == []


def test_the_twin_is_there_from_the_submission_on_for_who_is_named(embedded: Office, tmp_path: Path) -> None:
    number = embedded.asked()
    assert embedded.swept() == []
    embedded.act(number, "submit", "researcher")
    assert embedded.swept() == ["its dummy twin was made"]
    case = show_request(embedded.ledger, number)
    with pytest.raises(Forbidden):
        take_twin(embedded.settings, case, "checker", tmp_path / "no.duckdb")
    take_twin(embedded.settings, case, "colleague", tmp_path / "twin.duckdb")
    with duckdb.connect(str(tmp_path / "twin.duckdb"), read_only=True) as con:
        row = con.execute(f"select count(*) from ({QUERY})").fetchone()
        assert row
        assert row[0] > 0, "it has rows of the request's own cohort"
    with pytest.raises(UsageError, match="already"):
        take_twin(embedded.settings, case, "colleague", tmp_path / "twin.duckdb")
    asked_for.do(embedded.ledger, number, "withdraw", "researcher")
    assert embedded.swept() == []
    assert not twin_file(embedded.settings, case).exists()


def test_a_twin_is_of_the_newest_version(embedded: Office) -> None:
    number = embedded.asked()
    embedded.act(number, "submit", "researcher")
    first = show_request(embedded.ledger, number)
    make_twin(embedded.settings, first, lambda *_: None)
    changed = asked_for.form(hospitals=["tiny"], query=QUERY, variables=["person.*", "visit_occurrence.*"],
                             level="linked", period=PERIOD)  # fmt: skip
    actions.change(embedded.ledger, number, given(changed, {}), actor="researcher", hospitals=["tiny"])
    embedded.swept()
    second = show_request(embedded.ledger, number)
    assert (twin_file(embedded.settings, first).exists(), twin_file(embedded.settings, second).exists()) == (
        False,
        True,
    )


@pytest.mark.parametrize("error", [ConfigError("as tests do"), OSError("disk"), duckdb.Error("x"), KeyError("y")])
def test_one_request_that_fails_stops_no_other(
    embedded: Office, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    sound, broken = embedded.asked(), embedded.asked()  # the newest is looked at first
    for number in (broken, sound):
        embedded.act(number, "submit", "researcher")
    make = sweeping.make_twin

    def made(settings: Any, case: Any, tell: Any) -> int | None:
        if case.number == broken:
            raise error
        return make(settings, case, tell)

    monkeypatch.setattr(sweeping, "make_twin", made)
    swept = list(sweep(embedded.worker("etl")))
    assert {each.request: isinstance(each.error, EtlError) for each in swept} == {broken: True, sound: False}


def test_what_has_ended_is_shut_before_anything_is_built(embedded: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = embedded.opened()
    ordered = embedded.approved()
    embedded.act(ordered, "order_build", "secretary")
    monkeypatch.delattr(sweeping, "do")
    act(embedded.ledger, ended, "suspend", actor="privacy_officer", said={"reason": "as tests do"})
    told = [(each.request, each.text) for each in sweep(embedded.worker("etl"))]
    assert told[0] == (ended, "its space was shut")


@pytest.mark.parametrize(
    "query",
    [
        f"select * from ({QUERY}) where (select count(*) from death) < 0",
        f"select person_id, index_date + case when exists (select 1 from person) then 'x' end::integer from ({QUERY})",
        QUERY.replace("group by", "where person_id = 16777217 group by"),
    ],
)
def test_before_the_approval_nothing_of_the_warehouse_is_told_by_what_a_query_finds(
    embedded: Office, query: str
) -> None:
    """Nobody has looked at the query yet: were the twin of its persons, or its errors told, it would be answered."""
    asked, plain = embedded.asked(query=query), embedded.asked()
    for number in (asked, plain):
        embedded.act(number, "submit", "researcher")
    assert not [each.error for each in sweep(embedded.worker("etl")) if each.error]
    sizes = []
    for number in (asked, plain):
        file = twin_file(embedded.settings, show_request(embedded.ledger, number))
        with duckdb.connect(str(file), read_only=True) as con:
            sizes.append(con.execute("select distinct visit_concept_id from visit_occurrence order by 1").fetchall())
    assert sizes[0] == sizes[1]


def test_the_twin_of_what_is_approved_is_of_its_cohort(embedded: Office) -> None:
    number = embedded.asked()
    embedded.act(number, "submit", "researcher")
    assert embedded.swept() == ["its dummy twin was made"]
    before = twin_file(embedded.settings, show_request(embedded.ledger, number))
    embedded.review(number)
    assert embedded.swept() == ["its dummy twin was made"]
    assert not before.exists()
    assert twin_file(embedded.settings, show_request(embedded.ledger, number)).exists()


def test_who_queries_a_space_reads_no_file_beside_it_and_writes_none(
    embedded: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process can read the vault and the warehouse, and write where files leave: a query must not."""
    number = embedded.opened()
    home, out = embedded.settings.home, tmp_path / "out"
    key = home / "vault" / f"request_{number}.json"
    monkeypatch.setenv("ETL_HOME", str(home))
    assert CliRunner().invoke(app, ["request", "sql", str(number), "from person", "--by", "researcher"]).exit_code == 0
    for query in (
        f"select * from read_text('{key}')", f"select * from glob('{home}/*')", f"copy person to '{out}'",
        f"export database '{out}'", f"attach '{out}' as other", "set enable_external_access = true",
        f"set temp_directory = '{tmp_path}'", f"select 1; copy person to '{out}'",
    ):  # fmt: skip
        told = CliRunner().invoke(app, ["request", "sql", str(number), query, "--by", "researcher"])
        assert told.exit_code == 2, query
    assert not out.exists()


def test_no_recipient_keeps_data_from_being_destroyed(office: Office) -> None:
    """Of a role that is named in another database of the server nothing would be dropped, not even the rows."""
    if not office.is_server:
        pytest.skip("of the server")
    with login(office.database, "researcher") as admin:
        number = office.opened()
        space, elsewhere = f"space_request_{number}", office.database.set(database="postgres")
        theirs = elsewhere.set(username="researcher", password="of-tests")
        with psycopg.connect(libpq(theirs), autocommit=True) as con:
            con.execute(f"alter default privileges grant select on tables to {space}")
        try:
            office.act(number, "give_up", "researcher")
            assert do(office.worker("privacy_officer"), number, "destroy").after == "destroyed"
            left = "select (select count(*) from pg_namespace where nspname = %s), "
            members = "(select count(*) from pg_auth_members where roleid = to_regrole(%s))"
            assert admin.execute(left + members, [space, space]).fetchone() == (0, 0)
        finally:
            with psycopg.connect(libpq(elsewhere), autocommit=True) as con:
                con.execute("drop owned by researcher")
                con.execute(f"drop role if exists {space}")


def test_an_older_certificate_says_nothing_of_what_was_built_since(embedded: Office, tmp_path: Path) -> None:
    """A home that moved, or came back from a back-up, holds the end of the data of before only."""
    number = embedded.approved()
    for _ in range(2):
        do(embedded.worker("secretary"), number, "build")
        built = show_request(embedded.ledger, number)
        embedded.act(number, "suspend", "privacy_officer")
        with embedded.ledger.engine.begin() as con:  # back to where it is built anew, as after a test that failed
            con.execute(sa.update(REQUEST_STEP).where(REQUEST_STEP.c.number == built.last + 1).values(after="approved"))
    space = embedded.settings.spaces / f"request_{number}"
    space.rename(tmp_path / "elsewhere")
    embedded.act(number, "give_up", "researcher")
    with pytest.raises(ConfigError, match="is not here"):
        do(embedded.worker("privacy_officer"), number, "destroy")
    (tmp_path / "elsewhere").rename(space)
    assert do(embedded.worker("privacy_officer"), number, "destroy").after == "destroyed"
