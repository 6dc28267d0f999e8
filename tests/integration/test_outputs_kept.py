"""Outputs on both ledgers: the check before, two checkers at once, stops, who fetches what, ten thousand batches."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import asked_for
import postgres_server
import psycopg
import pytest
import sqlalchemy as sa
from asked_for import do, walk
from handed_in import LATER, OTHER, RULES, SMALL, TABLE, by, decide, hand_in, released, state
from sqlalchemy.engine import URL
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import ConfigError, EtlError, UsageError
from etl.research.outbox import actions, read
from etl.research.outbox.actions import decide as decide_on
from etl.research.outbox.actions import withdraw
from etl.research.outbox.engine import Said
from etl.research.outbox.fetch import contents, write_to
from etl.research.outbox.given import Handed
from etl.research.outbox.hand_in import NotTaken, check_beside
from etl.research.outbox.hand_in import hand_in as hand_in_files
from etl.research.outbox.policy import policy
from etl.research.outbox.read import list_batches, show_batch
from etl.research.requests import actions as request_actions
from etl.research.requests import read as request_read
from etl.research.requests.actions import draft
from etl.research.requests.chain import chain
from etl.research.requests.engine import Forbidden, NotYet
from etl.research.requests.read import show_request
from etl.settings import Settings
from etl.store.audit.tables import ENTRY
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.outputs import OUTPUT_BATCH, OUTPUT_CONTENT, OUTPUT_FILE, OUTPUT_STEP
from etl.store.ledger.requests import REQUEST_STEP, REQUEST_VERSION
from etl.store.warehouse.postgres.init import initialise
from etl.store.warehouse.postgres.roles import make_login

REQUESTS, BATCHES = 1_000, 10_000
SECRET = "a-password-of-tests"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    url = None
    if request.param == "postgresql":
        database: URL = request.getfixturevalue("database")
        initialise(database, database)
        url = database.render_as_string(hide_password=False)
    return asked_for.people(Ledger(Settings(home=tmp_path, warehouse_url=url, _env_file=None).ledger_url))


@pytest.fixture
def file_ledger(tmp_path: Path) -> Ledger:
    return asked_for.people(Ledger(Settings(home=tmp_path, _env_file=None).ledger_url))


def told(ledger: Ledger) -> list[tuple[str, str]]:
    """What the audit log says of outputs, in its order."""
    query = sa.select(ENTRY.c.kind, ENTRY.c.actor).where(ENTRY.c.kind.like("output %")).order_by(ENTRY.c.number)
    return [(row["kind"], row["actor"]) for row in ledger.read(query)]


def test_a_batch_goes_from_its_author_over_two_checkers_to_its_people(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    batch = hand_in(ledger, request, TABLE, OTHER)
    assert [each.content for each in contents(ledger, batch, "open", by("checker"))] == [TABLE.content, OTHER.content]
    assert decide(ledger, batch, "checker", "release", seen=1).after == "waiting"
    assert decide(ledger, batch, "checker2", "release", seen=1).after == "released"
    case = show_request(ledger, request)
    step = case.steps[-1]
    digest = show_batch(ledger, batch, "colleague").batch.digest
    assert (case.state, step.actor, step.said) == (
        "outputs_checked", "checker2", {"result": "passed", "digest": digest, "batch": batch})  # fmt: skip
    assert contents(ledger, batch, "fetch", by("colleague"), file=2) == [OTHER]
    assert told(ledger) == [
        ("output handed in", "researcher"), ("output opened", "checker"), ("output decided", "checker"),
        ("output decided", "checker2"), ("output released", "checker2"), ("output fetched", "colleague"),
    ]  # fmt: skip
    said = "".join(row["details"] + (row["reason"] or "") for row in ledger.read(sa.select(ENTRY)))
    assert "table1" not in said
    assert "release" not in said, "how somebody decided is not in the log"


def test_what_the_check_refuses_is_not_taken_and_explained(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    with pytest.raises(NotTaken) as raised:
        hand_in(ledger, request, OTHER, SMALL)
    assert {(each.file, each.rule) for each in raised.value.checked.refused} >= {("small.csv", "threshold")}
    assert raised.value.exit_code == 3
    assert list_batches(ledger, "researcher") == []


def test_files_are_checked_beside_what_left_before_of_the_same_request(ledger: Ledger) -> None:
    request, other = walk(ledger, "open"), walk(ledger, "open")
    assert not check_beside(ledger, request, [LATER], by("researcher"), RULES).refused
    released(ledger, request, TABLE)
    assert {each.rule for each in check_beside(ledger, request, [LATER], by("researcher"), RULES).refused} == {
        "differencing"
    }
    with pytest.raises(NotTaken):
        hand_in(ledger, request, LATER)
    assert hand_in(ledger, other, LATER), "what left of another request is not beside it"


def test_what_left_since_it_was_handed_in_is_checked_whenever_somebody_would_release_it(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    waiting = hand_in(ledger, request, LATER)
    released(ledger, request, TABLE)
    for who in ("checker", "checker2"):  # the first as the second, or the error would tell what the first decided
        with pytest.raises(NotYet, match=r"differencing.*nothing was changed"):
            decide(ledger, waiting, who, "release")
        assert state(ledger, waiting) == "waiting"
        decide(ledger, waiting, who, "refuse")
    assert (state(ledger, waiting), show_request(ledger, request).state) == ("refused", "open")


def test_two_who_differ_twice_release_nothing(ledger: Ledger) -> None:
    batch = hand_in(ledger, walk(ledger, "open"))
    for verdicts in (("release", "refuse"), ("refuse", "release")):
        for who, verdict in zip(("checker", "checker2"), verdicts, strict=True):
            decide(ledger, batch, who, verdict)
    with pytest.raises(NotYet):
        contents(ledger, batch, "fetch", by("researcher"))
    shown = show_batch(ledger, batch, "researcher")
    assert shown.batch.has_differed
    assert {step.comment for step in shown.steps} == {None, "why checker refuses", "why checker2 refuses"}


def at_once(tries: list[Callable[[], Any]]) -> list[str]:
    """What comes of things done at the same moment: the state since, or the name of the error."""

    def told_of(each: Callable[[], Any]) -> str:
        try:
            return str(each().after)
        except EtlError as error:
            return type(error).__name__

    with ThreadPoolExecutor(len(tries)) as pool:
        return sorted(pool.map(told_of, tries))


def test_checkers_who_decide_at_the_same_moment_lose_nothing(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    batches = [hand_in(ledger, request, Handed("t.csv", b"sex,n\nwomen,%d\nmen,%d\n" % (400 + 50 * n, 700 + 50 * n)))
               for n in range(3)]  # fmt: skip
    for batch in batches:
        found = at_once([lambda w=who, b=batch: decide(ledger, b, w, "release", seen=1)
                         for who in ("checker", "checker2")])  # fmt: skip
        assert found == ["released", "waiting"]
    one = hand_in(ledger, request, OTHER)
    assert at_once([lambda: decide(ledger, one, "checker", "release")] * 3) == ["NotYet", "NotYet", "waiting"]
    assert at_once([lambda w=who: decide(ledger, one, w, "release") for who in ("checker2", "checker3")]) in (
        ["NotYet", "released"], ["Forbidden", "released"])  # fmt: skip


def test_batches_handed_in_at_one_moment_have_numbers_of_their_own(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(lambda _n: hand_in(ledger, request, TABLE, OTHER), range(6)))
    assert sorted(numbers) == list(range(1, 7))
    assert {len(show_batch(ledger, number, "auditor").batch.files) for number in numbers} == {2}


def test_an_author_who_withdraws_while_a_checker_decides(ledger: Ledger) -> None:
    batch = hand_in(ledger, walk(ledger, "open"))
    decide(ledger, batch, "checker", "release")
    found = at_once([lambda: decide(ledger, batch, "checker2", "release"),
                     lambda: withdraw(ledger, batch, by("researcher"))])  # fmt: skip
    assert found in (["NotYet", "released"], ["NotYet", "withdrawn"])
    assert state(ledger, batch) == found[1]


@pytest.mark.parametrize("stop", ["suspend", "breach"])
def test_a_stopped_request_releases_nothing_and_nothing_is_lost(ledger: Ledger, stop: str) -> None:
    request = walk(ledger, "open")
    before, batch = released(ledger, request, OTHER), hand_in(ledger, request)
    decide(ledger, batch, "checker", "release")
    do(ledger, request, stop, "privacy_officer")
    for tried in (
        lambda: decide(ledger, batch, "checker2", "release"), lambda: hand_in(ledger, request),
        lambda: contents(ledger, before, "fetch", by("researcher")),
    ):  # fmt: skip
        with pytest.raises(NotYet, match=f"request {request} is"):
            tried()
    assert state(ledger, batch) == "waiting"
    do(ledger, request, "resume", "privacy_officer")
    assert decide(ledger, batch, "checker2", "release").after == "released"
    assert contents(ledger, before, "fetch", by("researcher")) == [OTHER]


def test_what_was_made_of_data_that_were_built_anew_since_does_not_leave(file_ledger: Ledger) -> None:
    ledger, request = file_ledger, walk(file_ledger, "open")
    batch = hand_in(ledger, request)
    do(ledger, request, "keep_out", "steward")
    for move, who in (("build", "secretary"), ("test", "privacy_officer"), ("open", "privacy_officer")):
        do(ledger, request, move, who)
    for who in ("checker", "checker2"):
        with pytest.raises(NotYet, match="built anew"):
            decide(ledger, batch, who, "release")
        decide(ledger, batch, who, "refuse")
    assert state(ledger, batch) == "refused"
    assert released(ledger, request, OTHER)


def test_an_expired_request_releases_nothing_and_what_left_before_is_fetched(
    file_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = walk(file_ledger, "open")
    before, batch = released(file_ledger, request, OTHER), hand_in(file_ledger, request)
    decide(file_ledger, batch, "checker", "release")
    for module in (request_actions, request_read):
        monkeypatch.setattr(module, "today", lambda: date.fromisoformat(asked_for.day(101)))
    with pytest.raises(NotYet, match="expired"):
        decide(file_ledger, batch, "checker2", "release")
    with pytest.raises(NotYet, match="expired"):
        hand_in(file_ledger, request)
    assert list_batches(file_ledger, "checker2", mine=True) == list_batches(file_ledger, "checker2", late=True) == []
    assert contents(file_ledger, before, "fetch", by("colleague")) == [OTHER]
    assert withdraw(file_ledger, batch, by("researcher")).after == "withdrawn"


@pytest.mark.parametrize("place", ["_end", "released_of"])
def test_a_request_stopped_during_the_last_decision_releases_nothing(
    file_ledger: Ledger, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The stop comes after everything was looked at: before the work on the step of the request, or in it."""
    ledger = file_ledger
    request = walk(ledger, "open")
    batch = hand_in(ledger, request)
    decide(ledger, batch, "checker", "release")

    def stop_first(*said: Any) -> Any:
        monkeypatch.undo()
        do(ledger, request, "suspend", "privacy_officer")
        return end(*said)

    end = getattr(actions, place)
    monkeypatch.setattr(actions, place, stop_first)
    with pytest.raises(NotYet, match="suspended"):
        decide(ledger, batch, "checker2", "release")
    assert (state(ledger, batch), show_request(ledger, request).state) == ("waiting", "suspended")


def test_bytes_that_are_not_those_handed_in_are_not_released(file_ledger: Ledger) -> None:
    ledger = file_ledger
    batch = hand_in(ledger, walk(ledger, "open"))
    decide(ledger, batch, "checker", "release")
    with ledger.engine.begin() as con:
        con.execute(sa.update(OUTPUT_CONTENT).values(content=SMALL.content))
    for tried in (lambda: decide(ledger, batch, "checker2", "release"),
                  lambda: contents(ledger, batch, "open", by("checker"))):  # fmt: skip
        with pytest.raises(ConfigError, match="not those that were handed in"):
            tried()
    assert state(ledger, batch) == "waiting"


# Who may --------------------------------------------------------------------------------------------------------------


TRIED: dict[str, Callable[[Ledger, dict[str, int], str], Any]] = {
    "check": lambda ledger, made, who: check_beside(ledger, made["request"], [OTHER], by(who), RULES),
    "hand_in": lambda ledger, made, who: hand_in(ledger, made["request"], OTHER, who=who),
    "see": lambda ledger, made, who: show_batch(ledger, made["waiting"], who),
    "open": lambda ledger, made, who: contents(ledger, made["waiting"], "open", by(who)),
    "decide": lambda ledger, made, who: decide(ledger, made["waiting"], who, "release"),
    "fetch": lambda ledger, made, who: contents(ledger, made["released"], "fetch", by(who)),
    "withdraw": lambda ledger, made, who: withdraw(ledger, made["waiting"], by(who)),
}


def test_each_role_may_do_what_its_cell_says(file_ledger: Ledger) -> None:
    ledger = file_ledger
    rows = csv.DictReader((Path(__file__).parents[1] / "data" / "outbox" / "moves.csv").open(encoding="utf-8"))
    rights = {row["move"]: row for row in rows}
    assert set(rights) == set(TRIED) == set(policy().moves)
    request = walk(ledger, "open")
    made = {
        "request": request,
        "released": released(ledger, request, TABLE),
        "waiting": hand_in(ledger, request, OTHER),
    }
    for move, tried in TRIED.items():
        for role in chain().roles:
            if rights[move][role] == "yes":
                assert tried(ledger, made, role)
            else:
                with pytest.raises(UsageError):
                    tried(ledger, made, role)
            assert (list_batches(ledger, role) != []) == (rights["see"][role] == "yes"), role


def test_who_is_named_on_a_request_does_not_check_it_and_others_do_not_see_it(file_ledger: Ledger) -> None:
    ledger = file_ledger
    for name in ("checker", "privacy_officer", "steward"):
        asked_for.set_role(ledger, name, "researcher", actor="root")
    people = [{"account": n, "name": "N", "part": part, "affiliation": "A"} for n, part in
              (("researcher", "principal"), ("checker", "researcher"), ("colleague", "recipient"))]  # fmt: skip
    request = draft(ledger, asked_for.with_form(people=people), actor="researcher", hospitals=asked_for.HOSPITALS)
    others = hand_in(ledger, walk(ledger, "open"))
    with ledger.engine.begin() as con:  # it comes to be open as others do; who pledges is not what this is about
        newest = con.execute(sa.select(REQUEST_STEP).where(REQUEST_STEP.c.after == "open")).mappings().first()
        con.execute(sa.insert(REQUEST_STEP).values(dict(newest or {}) | {"request": request, "number": 2}))
    batch = hand_in(ledger, request, who="checker")
    for who in ("checker", "researcher", "steward"):
        with pytest.raises(Forbidden):
            decide(ledger, batch, who, "release")
        with pytest.raises(Forbidden):
            contents(ledger, batch, "open", by(who))
    with pytest.raises(Forbidden, match="principal or researcher"):
        hand_in(ledger, request, OTHER, who="colleague")
    assert [each.number for each in list_batches(ledger, "steward")] == [], "who is a researcher of neither"
    assert [each.number for each in list_batches(ledger, "colleague")] == [batch, others]
    assert [each.number for each in list_batches(ledger, "checker", mine=True)] == [others]


def test_a_login_of_the_office_adds_to_outputs_and_changes_nothing(database: URL, tmp_path: Path) -> None:
    initialise(database, database)
    name = f"office_{uuid4().hex[:8]}"
    make_login(database, name, "office", SECRET)

    def opened(url: URL) -> Ledger:
        shown = url.render_as_string(hide_password=False)
        return Ledger(Settings(home=tmp_path, warehouse_url=shown, _env_file=None).ledger_url)

    loader, office = opened(database), opened(database.set(username=name, password=SECRET))
    try:
        batch = released(asked_for.people(loader), walk(loader, "open"))
        one = hand_in(office, 1, OTHER)
        for who in ("checker", "checker2"):
            decide(office, one, who, "refuse")
        assert (state(office, batch), state(office, one)) == ("released", "refused")
        for table in (OUTPUT_BATCH, OUTPUT_FILE, OUTPUT_CONTENT, OUTPUT_STEP):
            column = next(iter(table.columns))
            for change in (sa.update(table).values({column: column}), sa.delete(table)):
                with pytest.raises(ConfigError), office.engine.begin() as con:
                    con.execute(change)
    finally:
        for each in (loader, office):
            each.engine.dispose()
        with psycopg.connect(postgres_server.libpq(database), autocommit=True) as con:
            con.execute(f"drop owned by {name}")
            con.execute(f"drop role {name}")


# Many -----------------------------------------------------------------------------------------------------------------


def test_ten_thousand_batches_are_listed_and_one_is_shown_at_once(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    released(ledger, request)
    hand_in(ledger, request, OTHER)
    decide(ledger, 2, "checker", "release")
    with ledger.engine.begin() as con:
        asked_for.by_hand(con)
        for table in (REQUEST_VERSION, REQUEST_STEP):
            _many(con, table, "request", 1, REQUESTS)
        for table in (OUTPUT_FILE, OUTPUT_STEP):
            _many(con, table, "batch", 2, BATCHES)
        _many(con, OUTPUT_BATCH, "number", 2, BATCHES)
        _many(con, OUTPUT_CONTENT, "request", 1, REQUESTS)
        con.execute(sa.update(OUTPUT_BATCH).values(request=1 + OUTPUT_BATCH.c.number % REQUESTS))
    list_batches(ledger, "checker")  # the holidays of these years are worked out once
    for asked in (
        lambda: list_batches(ledger, "checker"), lambda: list_batches(ledger, "checker2", mine=True),
        lambda: list_batches(ledger, "researcher", late=True) or 1, lambda: show_batch(ledger, BATCHES, "researcher"),
        lambda: list_batches(ledger, "colleague", request=7), lambda: show_request(ledger, REQUESTS),
    ):  # fmt: skip
        assert asked()
        assert min(_seconds(asked) for _ in range(3)) < 1
    assert len(list_batches(ledger, "checker")) == BATCHES
    assert len(list_batches(ledger, "checker2", mine=True)) == BATCHES // 2
    assert list_batches(ledger, "checker", mine=True) == [], "has decided on all of them"


def _seconds(asked: Callable[[], Any]) -> float:
    began = time.monotonic()
    asked()
    return time.monotonic() - began


def _many(con: sa.Connection, table: sa.Table, key: str, made: int, many: int) -> None:
    """Rows again for each number up to `many`: of the last that was made, or of the odd and even one in turn."""
    numbers = sa.select(sa.literal(made + 1).label("n")).cte("numbers", recursive=True)
    numbers = numbers.union_all(sa.select(numbers.c.n + 1).where(numbers.c.n < many))
    source = 2 - numbers.c.n % 2 if made == 2 else sa.literal(1)
    columns = [numbers.c.n.label(key) if c.name == key else c for c in table.columns]
    con.execute(sa.insert(table).from_select(
        [c.name for c in table.columns],
        sa.select(*columns).select_from(numbers.join(table, table.c[key] == source))))  # fmt: skip


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    monkeypatch.delenv("ETL_WAREHOUSE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    for each in (TABLE, SMALL, LATER, OTHER):
        (tmp_path / each.name).write_bytes(each.content)
    return asked_for.people(Ledger(Settings(home=tmp_path, _env_file=None).ledger_url))


def etl(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["output", *words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_the_command_leads_files_out(at_home: Ledger, tmp_path: Path) -> None:
    walk(at_home, "open")
    assert "✗ a count of too few persons" in etl("check", "1", "small.csv", "--by", "researcher", code=3)
    assert "0 to correct" in etl("check", "1", "table1.csv", "--by", "researcher")
    refused = etl("hand-in", "1", "small.csv", "--note", "n", "--by", "researcher", "--json", code=3)
    assert json.loads(refused)["refused"]
    assert "it waits for the checkers" in etl("hand-in", "1", "table1.csv", "--note", "표 1", "--by", "researcher")
    etl("open", "1", "--to", "look", "--by", "checker")
    assert (tmp_path / "look" / "table1.csv").read_bytes() == TABLE.content
    assert "waits for the checkers" in etl("release", "1", "--on", "1=the total is fine", "--by", "checker")
    told = json.loads(etl("show", "1", "--by", "checker2", "--json"))
    assert ([s["verdict"] for s in told["steps"]], told["may"], told["seen"]) == ([None], ["decide", "open"], 1)
    assert "refuse" not in etl("show", "1", "--by", "researcher")
    etl("refuse", "1", "--by", "checker2", code=2)
    etl("refuse", "1", "--on", "1", "--by", "checker2", code=2)
    assert "released" in etl("release", "1", "--by", "checker2", "--seen", "1")
    etl("release", "1", "--by", "checker3", code=3)
    etl("get", "1", "--to", "paper", "--by", "auditor", code=2)
    etl("get", "1", "--to", "paper", "--by", "colleague")
    assert (tmp_path / "paper" / "table1.csv").read_bytes() == TABLE.content
    etl("get", "1", "--to", "paper", "--by", "colleague", code=2)
    assert "the total is fine" in etl("show", "1", "--by", "researcher")
    etl("hand-in", "1", "other.csv", "--note", "n", "--by", "researcher")
    assert [each["number"] for each in json.loads(etl("list", "--mine", "--by", "checker3", "--json"))] == [2]
    assert "withdrawn" in etl("withdraw", "2", "--by", "researcher")
    assert "there is no such batch" in etl("list", "--late", "--by", "checker")
    assert "no batch 1" in json.loads(etl("show", "1", "--by", "member", "--json", code=2))["error"]
    done = CliRunner().invoke(app, ["request", "use-further", "1", "--by", "researcher"])
    assert "open for use" in done.output


def test_what_is_not_decided_in_time_is_late(at_home: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(at_home, walk(at_home, "open"))
    due = list_batches(at_home, "checker")[0].due
    assert due is not None
    monkeypatch.setattr(read, "today", lambda: due)
    assert list_batches(at_home, "checker", late=True) == []
    monkeypatch.setattr(read, "today", lambda: date.fromordinal(due.toordinal() + 7))
    [late] = list_batches(at_home, "checker", late=True)
    assert late.late(read.today()) >= 3, "working days, whatever holidays lie between"


def test_a_file_is_never_written_over_nor_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "table1.csv").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="there already"):
        write_to(tmp_path, [TABLE])
    with pytest.raises(ConfigError, match="never handed in"):
        write_to(tmp_path, [Handed("../up.csv", b"x")])


def test_notes_and_comments_have_no_signs_that_are_not_seen(ledger: Ledger) -> None:
    request = walk(ledger, "open")
    with pytest.raises(UsageError, match="not seen"):
        hand_in_files(ledger, request, [OTHER], "a\u202eb", by("researcher"), RULES)
    batch = hand_in(ledger, request, OTHER)
    for said in (Said("release", "a\x1b[2J"), Said("release", None, {1: "\ud800"})):
        with pytest.raises(UsageError, match="not seen"):
            decide_on(ledger, batch, said, by("checker"), RULES)
    with pytest.raises(UsageError, match="not seen"):
        withdraw(ledger, batch, by("researcher"), comment="\0")
    assert state(ledger, batch) == "waiting"
