"""A whole Airflow on PostgreSQL for tests: its REST API, and the listeners that its notices and metrics go to."""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

DONE = ("success", "failed")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(seconds: float, what: str, ask: Callable[[], Any]) -> Any:
    """What `ask` answers, as soon as it is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if answer := ask():
            return answer
        time.sleep(1)
    raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class Api:
    """Airflow's REST API, as one user."""

    root: str
    token: str

    @classmethod
    def login(cls, root: str, user: str, passwords: Path) -> Api:
        """Ask for a token with the password that Airflow's simple auth manager made for the user."""
        password = json.loads(passwords.read_text(encoding="utf-8"))[user]
        return cls(root, _call(f"{root}/auth/token", "POST", {"username": user, "password": password})["access_token"])

    def call(self, path: str, method: str = "GET", body: Mapping[str, Any] | None = None) -> Any:
        return _call(f"{self.root}/api/v2/{path}", method, body, self.token)

    def trigger(self, dag: str, **conf: Any) -> str:
        """Start a run; returns its id."""
        return str(self.call(f"dags/{dag}/dagRuns", "POST", {"logical_date": None, "conf": conf})["dag_run_id"])

    def state(self, dag: str, run: str) -> str:
        return str(self.call(f"dags/{dag}/dagRuns/{run}")["state"])

    def tasks(self, dag: str, run: str) -> dict[str, str]:
        found = self.call(f"dags/{dag}/dagRuns/{run}/taskInstances?limit=100")["task_instances"]
        return {t["task_id"]: str(t["state"]) for t in found}

    def waits(self, dag: str, run: str) -> bool:
        """Whether a run waits for a person; a run that has ended never will."""
        assert self.state(dag, run) not in DONE, f"{dag} has ended: {self.tasks(dag, run)}"
        return self.tasks(dag, run).get("approve") == "awaiting_input"

    def ended(self, dag: str, run: str, seconds: float) -> str:
        """How a run ended."""
        until(seconds, f"{dag} ends", lambda: self.state(dag, run) in DONE)
        return self.state(dag, run)


def _call(url: str, method: str, body: Mapping[str, Any] | None, token: str | None = None) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=120) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.code} {error.read().decode()[:2000]}") from None


@dataclass
class Heard:
    """What came in: posts by path, mails as their text."""

    posts: dict[str, list[bytes]] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    http_port: int = 0
    smtp_port: int = 0

    def notices(self) -> list[dict[str, str]]:
        return [json.loads(post) for post in self.posts.get("/hook", [])]


@contextmanager
def listening() -> Iterator[Heard]:
    """A mail server and a web server that keep what they get."""
    heard = Heard()

    class Web(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.posts.setdefault(self.path.split("?")[0], []).append(body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    class Mail(socketserver.StreamRequestHandler):
        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

        def handle(self) -> None:
            self.say("220 test")
            for raw in self.rfile:
                word = raw.decode().strip().upper()
                if word == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (line := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(line)
                    heard.mails.append("\n".join(lines))
                self.say("221 bye" if word == "QUIT" else "250 ok")
                if word == "QUIT":
                    return

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Web), socketserver.ThreadingTCPServer(("127.0.0.1", 0), Mail)]
    heard.http_port, heard.smtp_port = (s.server_address[1] for s in servers)
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield heard
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
