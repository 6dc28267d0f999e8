"""The office of a ledger, for tests: accounts of every role, and visitors who fill in forms as browsers do."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import uvicorn
from httpx import Response
from starlette.testclient import TestClient

from etl.office.accounts import add
from etl.office.app import create_app
from etl.office.record import Actor
from etl.office.rules import rules
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger, now
from etl.store.ledger.records import Finding
from etl.store.ledger.tables import APPROVAL

PASSWORD = "a fine long password"
ROLES = tuple(rules().roles)
NIGHT = date(2026, 11, 26)


def name_of(role: str) -> str:
    """The account that has a role."""
    return role.replace(" ", ".")


def add_accounts(settings: Settings) -> None:
    """One account of every role."""
    ledger = Ledger(settings.ledger_url)
    for role in ROLES:
        add(ledger, Actor("test", None), name_of(role), role, PASSWORD)


@contextmanager
def served(settings: Settings) -> Iterator[str]:
    """The address of the office of a home, served on a free port as long as the block lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)


def settings_of(home: Path) -> Settings:
    """Settings of a home that has nothing but a ledger."""
    return Settings(home=home, mappings=home / "mappings", _env_file=None)


class Visitor:
    """A browser without scripts: it keeps cookies, and brings along what a page's forms hold."""

    def __init__(self, settings: Settings, base: str = "http://office.test") -> None:
        self.client = TestClient(create_app(settings), base_url=base, follow_redirects=False)

    def get(self, path: str, **more: Any) -> Response:
        return self.client.get(path, **more)

    def csrf(self, path: str = "/sign-in") -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get(path).text)
        assert found, path
        return found[1]

    def post(self, path: str, form: dict[str, str] | None = None, page: str = "/account", **more: Any) -> Response:
        """Send a form that stands on a page."""
        return self.client.post(path, data={"csrf": self.csrf(page), **(form or {})}, **more)

    def sign_in(self, name: str, password: str = PASSWORD, **form: str) -> Response:
        return self.post("/sign-in", {"name": name, "password": password, **form}, page="/sign-in")


def hidden(page: str, form: str) -> dict[str, str]:
    """The hidden fields of the form on a page that goes to an address."""
    body = page[page.index(f'action="{form}"') :]
    return dict(re.findall(r'type="hidden" name="([\w.]+)" value="([^"]*)"', body[: body.index("</form>")]))


def waiting_run(ledger: Ledger, hospital: str = "snuh", night: date = NIGHT, unexpected: int = 6) -> str:
    """A run that waits for a person, because of one warning above its limit; and one published the night before."""
    run_id = f"{hospital}-{night:%Y%m%d}-abc"
    finding = Finding(
        "source.snuh.patients", "patients", "unexpected_rows_expectation", "A sex is <known>", "warn", False, "SEX",
        unexpected=unexpected, total=60, approve_above=0.05, rows_sql='select line from "landed"',
    )  # fmt: skip
    ledger.open_run(run_id, hospital, night, "abc")
    ledger.record_findings(run_id, "source", [finding])
    ledger.close_run(run_id, "waiting", "publish", "1 warning above the limit waits")
    asked = {name: getattr(finding, name) for name in (
        "suite", "table_name", "column_name", "expectation", "description", "unexpected", "total", "observed", "error",
        "approve_above")}  # fmt: skip
    with ledger.engine.begin() as con:
        con.execute(APPROVAL.insert().values(
            run_id=run_id, gate="source", asked_at=now(), decision="waiting", number=1,
            findings=json.dumps([asked], ensure_ascii=False, sort_keys=True)))  # fmt: skip
    return run_id
