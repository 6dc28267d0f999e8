"""Whether what runs in this container is alive: `python health.py scheduler`; exit code 0 or 1.

The component's own sign of life is read, by standard library and psycopg: loading Airflow for it every half minute
would cost more than the component.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import urllib.request
from contextlib import suppress
from datetime import UTC, datetime

import psycopg

#: What Airflow's database calls the component's job, and after how many seconds of silence it is taken for dead.
_JOBS = {
    "scheduler": ("SchedulerJob", 60),
    "dag-processor": ("DagProcessorJob", 90),
    "triggerer": ("TriggererJob", 60),
}
_HEARTBEAT = """
    select max(latest_heartbeat) from job where job_type = %s and hostname = any(%s) and state = 'running'
"""


def api_answers(url: str = "http://127.0.0.1:8080/api/v2/monitor/health") -> bool:
    """Whether the API answers and reaches its database."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bool(json.load(answer)["metadatabase"]["status"] == "healthy")


def office_answers(url: str = "http://127.0.0.1:8088/alive") -> bool:
    """Whether the office answers; its pages tell by themselves when the ledger is away."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return bool(answer.status == 200)


def job_beats(component: str, url: str, names: list[str]) -> bool:
    """Whether the component's job on this host has written its heartbeat lately."""
    job, patience = _JOBS[component]
    with psycopg.connect(url.replace("+psycopg2", "", 1), connect_timeout=10) as con:
        row = con.execute(_HEARTBEAT, (job, names)).fetchone()
    return bool(row and row[0] and (datetime.now(UTC) - row[0]).total_seconds() < patience)


_ANSWERING = {"api-server": api_answers, "office": office_answers}


def host_names() -> list[str]:
    """The names under which Airflow may have written this host down."""
    name = socket.gethostname()
    names = [name, socket.getfqdn()]
    with suppress(OSError):  # a name that resolves to nothing
        said = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM, flags=socket.AI_CANONNAME)
        names += [canonical for *_, canonical, _ in said if canonical]
    return names


def _database_url() -> str:
    name = "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"  # a health check starts beside the entrypoint, not through it
    if url := os.environ.get(name):
        return url
    with open(os.environ[f"{name}_FILE"], encoding="utf-8") as stream:  # noqa: PTH123 - one import less
        return stream.read().strip()


def main(component: str) -> int:
    """The exit code that Docker asks for."""
    try:
        if component in _ANSWERING:
            well = _ANSWERING[component]()
        else:
            well = job_beats(component, _database_url(), host_names())
    except (OSError, KeyError, ValueError, psycopg.Error) as error:
        print(f"{component}: {type(error).__name__}", file=sys.stderr)
        return 1
    print(f"{component}: {'alive' if well else 'no sign of life'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
