"""From a researcher's form to destroyed data, over the office's pages and the command line, on either warehouse.

At every state of the way everybody tries every move that is not theirs, on the pages and at the terminal: the server
refuses it, and the request stands as before.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asked_for
import duckdb
import psycopg
import pytest
import yaml
from asked_for import CRITERIA, PEOPLE, SEATS, day
from handed_in import OTHER, SMALL, TABLE
from office_site import PASSWORD, Visitor, hidden
from postgres_server import libpq
from sqlalchemy.engine import URL
from test_requests_fulfilled import PERIOD, QUERY, VARIABLES
from tiny import Tiny
from typer.testing import CliRunner

from etl.cli import app
from etl.office import passwords
from etl.office.accounts import change_password
from etl.office.record import Actor
from etl.research.requests.read import show_request
from etl.research.requests.roles import set_role
from etl.research.spaces import kept, vault
from etl.settings import Settings
from etl.store.audit.verify import verify
from etl.store.ledger.ledger import Ledger
from etl.store.recorded import audit_log
from etl.store.warehouse.postgres.roles import make_login

SECRET = "a-password-of-tests"
DATA = Path(__file__).parents[1] / "data"
RIGHTS = {row["move"]: row for row in csv.DictReader((DATA / "requests" / "moves.csv").open(encoding="utf-8"))}
#: Work of the chain has a command each; nobody says it on a page.
WORK = ("build", "test", "open", "destroy")
FOUND = "outputs"
ONE_EACH = {name: role for name, role in PEOPLE.items() if name == role}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    cheap = passwords.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", lambda: cheap)


class World:
    """The hospital's home, the office with its own login of the server, a browser for everybody."""

    def __init__(self, hospital: Tiny, database: URL, monkeypatch: pytest.MonkeyPatch) -> None:
        hospital.publish()
        self.settings, self.database = hospital.settings, database
        self.is_server = self.settings.warehouse.get_backend_name() == "postgresql"
        self.ledger = asked_for.people(Ledger(self.settings.ledger_url))
        set_role(self.ledger, "steward", "steward", actor="root", hospital="tiny", hospitals=["tiny"])
        for name in PEOPLE:
            change_password(self.ledger, Actor("test", None), name, PASSWORD)
        for name in ("home", "mappings", "expectations", "warehouse_url"):
            if (value := getattr(self.settings, name)) is not None:
                monkeypatch.setenv(f"ETL_{name.upper()}", str(value))
        self.office = self._office()
        self.browsers: dict[str, Visitor] = {}
        self.number = 0
        self.tried = 0

    def _office(self) -> Settings:
        if not self.is_server:
            return self.settings
        name = f"office_{uuid4().hex[:8]}"
        make_login(self.database, name, "office", SECRET)
        url = self.database.set(username=name, password=SECRET).render_as_string(hide_password=False)
        return self.settings.model_copy(update={"warehouse_url": url})

    def browser(self, name: str) -> Visitor:
        if name not in self.browsers:
            self.browsers[name] = Visitor(self.office)
            assert self.browsers[name].sign_in(name).status_code == 303
        return self.browsers[name]

    def state(self) -> str:
        return show_request(self.ledger, self.number).state

    def page(self, name: str, move: str, /, **fields: str) -> None:
        """Fill in the form of a move on the request's page, and send it."""
        address = f"/requests/{self.number}/move"
        body = self.browser(name).get(f"/requests/{self.number}").text
        kept_fields = hidden(body[body.index(f'id="move-{move}"') :], address)
        sent = self.browser(name).client.post(address, data={"reason": "as tests do", **kept_fields, **fields})
        assert sent.status_code == 303, (move, sent.text)

    def etl(self, *arguments: str, fails: int = 0) -> str:
        answer = CliRunner().invoke(app, [*arguments], catch_exceptions=False)
        assert answer.exit_code == fails, answer.output
        return answer.output

    def try_everything(self) -> None:
        """Everybody tries what is not theirs, on the page and at the terminal: nothing happens."""
        before = show_request(self.ledger, self.number).last
        for name, role in ONE_EACH.items():
            token = self.browser(name).csrf("/account")
            for move, row in RIGHTS.items():
                if row[role] == "yes" and move not in WORK:
                    continue
                said: dict[str, Any] = {"move": move, "seen": str(before), "reason": "mine", "csrf": token}
                more = {"result": "approved", "number": "1", "vote": "for", "members": "member, member2, chair",
                        "hospital": "tiny", "conflict": "no", "name": "x", "text": "2026-11", "digest": "0" * 64,
                        "conditions": "hospitals: [tiny]", "certificate": "1", "until": day(9)}  # fmt: skip
                sent = self.browser(name).client.post(f"/requests/{self.number}/move", data=said | more)
                assert sent.status_code in (403, 404, 409), (name, move, sent.status_code)
                self.tried += 1
            for work in WORK:
                if RIGHTS[work][role] != "yes":
                    answer = CliRunner().invoke(app, ["request", work, str(self.number), "--by", name])
                    assert answer.exit_code == 2, (name, work, answer.output)
                    self.tried += 1
        assert show_request(self.ledger, self.number).last == before


@pytest.fixture
def world(either: Tiny, database: URL, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield World(either, database, monkeypatch)


def test_from_a_form_to_destroyed_data(world: World, tmp_path: Path) -> None:
    _ask(world, tmp_path)
    world.try_everything()
    world.page("researcher", "submit")
    world.try_everything()
    world.etl("request", "twin", str(world.number), "--to", str(tmp_path / "twin.duckdb"), "--by", "researcher")
    with duckdb.connect(str(tmp_path / "twin.duckdb"), read_only=True) as con:
        assert con.execute(f"select count(*) > 0 from ({QUERY})").fetchone() == (True,)
    world.page("irb_office", "irb", result="approved", number="2026-17", until=day(150))
    world.try_everything()
    _review(world)
    world.try_everything()
    _build(world)
    _use(world, tmp_path)
    _end(world)
    assert world.tried > 1_500
    with audit_log(world.settings) as con:
        assert verify(con).faults == []


def _ask(world: World, folder: Path) -> None:
    said = asked_for.form(hospitals=["tiny"], query=QUERY, variables=VARIABLES, level="linked", period=PERIOD)
    (folder / "study.yaml").write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    for name, role in PEOPLE.items():
        if role != "researcher":
            world.etl("request", "new", str(folder / "study.yaml"), "--by", name, fails=2)
    told = world.etl("request", "new", str(folder / "study.yaml"), "--by", "researcher", "--json")
    world.number = json.loads(told)["request"]


def _review(world: World) -> None:
    world.page("secretary", "open_review", members=", ".join(SEATS))
    world.try_everything()
    for name in (*SEATS, "chair"):
        world.page(name, "declare", conflict="no")
    for name in SEATS:
        world.page(name, "vote", vote="for", **{f"criteria.{c}": "1" for c in CRITERIA})
    conditions = {
        "hospitals": ["tiny"], "data_set": "visits and what was found", "variables": VARIABLES, "period": PERIOD,
        "place": "room", "recipients": ["researcher"], "until": day(100),
    }  # fmt: skip
    more = yaml.safe_dump(conditions | {"variables": ["drug_exposure.*"]})
    refused = world.browser("chair").post(
        f"/requests/{world.number}/move",
        {"move": "approve", "seen": str(show_request(world.ledger, world.number).last), "conditions": more},
    )
    assert refused.status_code == 409, "no more is approved than was asked for"
    world.page("chair", "approve", conditions=yaml.safe_dump(conditions))
    assert world.state() == "approved"


def _build(world: World) -> None:
    """The build is ordered on the page and done by the machine, the test said at the terminal."""
    world.page("secretary", "order_build")
    world.etl("request", "work")
    assert world.state() == "built"
    world.try_everything()
    world.etl("request", "test", str(world.number), "--by", "privacy_officer")
    assert world.state() == "adequate"
    world.etl("request", "open", str(world.number), "--by", "privacy_officer", fails=3)
    for name in ("researcher", "colleague"):
        world.page(name, "pledge", name=name.title())
    world.try_everything()
    world.etl("request", "open", str(world.number), "--by", "privacy_officer")
    assert world.state() == "open"
    world.try_everything()


def _use(world: World, folder: Path) -> None:
    """The data are used by their recipients; results leave by two persons; what is refused does not."""
    number = str(world.number)
    count = "select count(*) as n from person"
    assert world.etl("request", "sql", number, count, "--csv", "--by", "researcher").split()[0] == "n"
    for name in PEOPLE:
        if name != "researcher":
            world.etl("request", "sql", number, count, "--by", name, fails=2)
            world.etl("request", "attach", number, "--to", str(folder / f"{name}.sql"), "--by", name, fails=2)
    for file in (TABLE, SMALL, OTHER):
        (folder / file.name).write_bytes(file.content)
    note = ("--note", "tables of the paper")
    world.etl("output", "hand-in", number, str(folder / SMALL.name), *note, "--by", "researcher", fails=3)
    for name, role in PEOPLE.items():
        if role != "researcher":
            world.etl("output", "hand-in", number, str(folder / TABLE.name), *note, "--by", name, fails=2)
    world.etl("output", "hand-in", number, str(folder / TABLE.name), *note, "--by", "researcher")
    for name, role in PEOPLE.items():
        if role != "checker":
            world.etl("output", "release", "1", "--by", name, fails=2)
        world.etl(
            "output",
            "get",
            "1",
            "--to",
            str(folder / f"of_{name}"),
            "--by",
            name,
            fails=3 if role == "researcher" else 2,
        )
    for name in ("checker", "checker2"):
        sent = world.browser(name).client.post(
            "/outputs/1/decide",
            data={**hidden(world.browser(name).get("/outputs/1").text, "/outputs/1/decide"), "verdict": "release"},
        )
        assert sent.status_code == 303, sent.text
    world.etl("output", "get", "1", "--to", str(folder / FOUND), "--by", "researcher")
    [left] = [file for file in (folder / FOUND).rglob("*") if file.is_file()]
    assert left.read_bytes() == TABLE.content
    assert world.state() == "outputs_checked"
    world.try_everything()


def _end(world: World) -> None:
    space = f"request_{world.number}"
    world.page("researcher", "close")
    assert world.state() == "closed"
    assert not kept.is_open(world.settings, space)
    world.etl("request", "sql", str(world.number), "select 1", "--by", "researcher", fails=2)
    world.try_everything()
    world.etl("request", "destroy", str(world.number), "--by", "privacy_officer")
    assert kept.spaces(world.settings) == []
    assert not vault.has_keys(world.settings, space)
    if world.is_server:
        with psycopg.connect(libpq(world.database)) as con:
            left = "select 1 from pg_namespace where nspname like 'space_request%' union all select 1 from pg_roles "
            assert con.execute(f"{left} where rolname like 'space_request%'").fetchall() == []
    world.try_everything()
    world.page("secretary", "register")
    assert world.state() == "registered"
    world.try_everything()
