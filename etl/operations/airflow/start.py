"""`python -m etl.operations.airflow.start`: a local Airflow for this project's DAGs, stopped with nothing left behind.

LocalExecutor and SQLite below ETL_HOME/airflow; reachable from this machine only. Any `AIRFLOW__…` variable that is
set already wins: with AIRFLOW__DATABASE__SQL_ALCHEMY_CONN it works on PostgreSQL.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil
from pydantic import SecretStr

from etl.errors import ConfigError, EtlError, TransientError
from etl.night.missed import nights_in
from etl.operations.plan import Plan, Scheduling, drop_folder, load_scheduling, read_plans
from etl.settings import PROJECT, Settings, load_settings

_READY_SECONDS = 180
#: Running tasks may end their stage first; what works longer than this is terminated and runs again the next time.
_GRACE_SECONDS = 60


def environment(settings: Settings, scheduling: Scheduling, home: Path, given: Mapping[str, str]) -> dict[str, str]:
    """What every component of Airflow gets: its own settings, and where the pipeline's folders are.

    The secret of the key stores stays in the environment of the processes; Airflow never stores it.
    """
    port = given.get("AIRFLOW__API__PORT", "8080")
    ours = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(max(2, os.cpu_count() or 2)),
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",  # five seconds are few on a busy machine
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API_AUTH__JWT_SECRET": _own_secret(home / "jwt_secret"),
    }
    pipeline = {f"ETL_{n.upper()}": _plain(getattr(settings, n)) for n in settings.model_fields_set | {"home"}}
    pipeline |= {f"ETL_AIRFLOW_{n.upper()}": _plain(getattr(scheduling, n)) for n in scheduling.model_fields_set}
    path = f"{Path(sys.executable).parent}{os.pathsep}{given.get('PATH', os.defpath)}"
    return {**ours, **given, **pipeline, "PATH": path, "AIRFLOW_HOME": str(home)}


def _plain(value: object) -> str:
    """A setting as its variable says it; what is not set is empty."""
    return "" if value is None else str(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _own_secret(file: Path) -> str:
    """A secret made once and kept for the owner's eyes only."""
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(64))
    return file.read_text(encoding="utf-8")


def prepare(env: Mapping[str, str], scheduling: Scheduling) -> None:
    """Bring Airflow's database up to date and make the pool that publishing runs in."""
    pool = scheduling.pool, str(scheduling.publish_slots), "hospitals that may publish at the same time"
    for arguments in (("db", "migrate"), ("pools", "set", *pool)):
        done = subprocess.run(["airflow", *arguments], env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TransientError(f"airflow {' '.join(arguments[:2])} failed:\n{done.stderr[-2000:]}")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise ConfigError(f"port {port} is taken", hint="set AIRFLOW__API__PORT to a free one")


class Standalone:
    """`airflow standalone` in a session of its own, by which all its descendants can be found again."""

    def __init__(self, env: Mapping[str, str], log: Path) -> None:
        self._log = log
        with log.open("w") as stream:
            self._process = subprocess.Popen(
                ["airflow", "standalone"], env=env, stdout=stream, stderr=subprocess.STDOUT, cwd=PROJECT,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip

    def wait_until_ready(self, port: int) -> None:
        """Return when the API answers and the scheduler has sent a heartbeat; TransientError when that fails."""
        health = f"http://127.0.0.1:{port}/api/v2/monitor/health"
        end = time.monotonic() + _READY_SECONDS
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            if _healthy(health):
                return
            time.sleep(0.5)
        tail = self._log.read_text(encoding="utf-8", errors="replace")[-2000:]
        raise TransientError(f"Airflow did not start:\n{tail}", hint=f"read {self._log}")

    def wait(self) -> int:
        """Wait until it ends by itself."""
        return self._process.wait()

    def stop(self) -> None:
        """Interrupt it and wait for all its processes; those that stay are terminated, then killed."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        for patience, insist in ((_GRACE_SECONDS, signal.SIGTERM), (10, signal.SIGKILL), (5, None)):
            end = time.monotonic() + patience
            with suppress(KeyboardInterrupt):  # pressed again: the next step at once
                while self._left() and time.monotonic() < end:
                    time.sleep(0.2)
            left = self._left()
            if not left or insist is None:
                return
            for process in left:
                process.send_signal(insist)

    def _left(self) -> list[psutil.Process]:
        self._process.poll()
        return [p for p in psutil.process_iter() if _session(p.pid) == self._process.pid and _alive(p)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            said = json.loads(answer.read())
    except OSError:
        return False
    return bool(said["scheduler"]["status"] == "healthy")


def _first_trigger(settings: Settings, plans: list[Plan]) -> str:
    """A command that does something now: the newest delivery that has arrived, else any hospital."""
    nights = [(night, plan) for plan in plans for night in nights_in(drop_folder(settings, plan.hospital, plan.drops))]
    if not nights:
        return f"airflow dags trigger {plans[0].dag_id}" if plans else "add a folder to mappings/"
    night, plan = max(nights, key=lambda found: found[0])
    return f"""airflow dags trigger {plan.dag_id} --conf '{{"night": "{night}"}}'"""


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Start Airflow, say how to use it, wait for Ctrl-C or SIGTERM, stop it; returns the exit code."""
    settings, scheduling = load_settings(), load_scheduling()
    home = Path(os.environ.get("AIRFLOW_HOME", settings.home / "airflow")).resolve()
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    env = environment(settings, scheduling, home, os.environ)
    if settings.key_secret is None:
        raise ConfigError("ETL_KEY_SECRET is not set", hint="put it into the environment or into .env")
    port = int(env["AIRFLOW__API__PORT"])
    _check_port(port)
    print("preparing Airflow's database …", flush=True)
    prepare(env, scheduling)
    print(f"starting Airflow; its log is {home / 'standalone.log'}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have had SIGINT ignored, also for our children
        signal.signal(number, _interrupt)
    airflow = Standalone(env, home / "standalone.log")
    try:
        airflow.wait_until_ready(port)
        print(_greeting(settings, home, port), flush=True)
        return airflow.wait()
    except KeyboardInterrupt:
        print(f"\nstopping; running tasks get {_GRACE_SECONDS} s to end (Ctrl-C again: at once)", flush=True)
        return 0
    finally:
        airflow.stop()


def _greeting(settings: Settings, home: Path, port: int) -> str:
    command = _first_trigger(settings, read_plans(settings.mappings))
    return f"""
Airflow      http://127.0.0.1:{port}
user         admin
password     in {home / "simple_auth_manager_passwords.json.generated"}
next step    AIRFLOW_HOME={home} {Path(sys.executable).parent}/{command}
             or press the triangle beside a DAG in the browser
stop         Ctrl-C
"""


if __name__ == "__main__":
    try:
        sys.exit(main())
    except EtlError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
