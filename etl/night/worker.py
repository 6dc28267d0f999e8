"""Who works on a run, so that what a killed process left open is not taken for work that goes on."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import psutil

CUT_OFF = "the run was cut off: its process ended without a word (killed, a restart of the machine, want of memory)"
CUT_OFF_HINT = "run the night again: what is finished is used again"


def this_worker() -> str:
    """This process: its host, its number, and when it began, as a number is given out again."""
    return _worker(os.getpid())


def _worker(process: int) -> str:
    return f"{socket.gethostname()}/{process}/{psutil.Process(process).create_time():.0f}"


def is_cut_off(run: Mapping[str, Any]) -> bool:
    """Whether a run of the ledger is open although the process that worked on it has ended."""
    return run["state"] == "running" and is_gone(run["worker"])


def is_gone(worker: str | None) -> bool:
    """Whether a worker of this host has ended. Of another host's, and of none, nobody here can tell."""
    host, _, rest = (worker or "").partition("/")
    if host != socket.gethostname():
        return False
    try:
        return _worker(int(rest.split("/")[0])) != worker
    except psutil.Error:
        return True
