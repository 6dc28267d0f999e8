"""Runs commands as a user's machine would, and says what each cost: seconds, and memory of all its processes."""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from threading import Event, Thread

import psutil

ROOT = Path(__file__).resolve().parents[2]
ETL = str(Path(sys.executable).with_name("etl"))
_EVERY = 0.1  # seconds between two looks at the memory
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds by the clock, GiB at the peak, seconds of the processors."""

    seconds: float
    memory: float
    processor: float = 0


def compile_once() -> None:
    """Write the byte code of the program and of what it imports, as it is there on any machine after the first run."""
    for folder in (ROOT / "etl", Path(sysconfig.get_path("purelib"))):
        compileall.compile_dir(folder, quiet=2, workers=0)


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of measured commands: this one's with its own home, and with byte code."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    secret = "benchmark-secret-of-32-characters-or-more"
    return {**inherited, "ETL_HOME": str(home), "ETL_KEY_SECRET": secret, **more}


def timed(command: list[str], env: dict[str, str]) -> Cost:
    """What a command costs; its output is shown only when it fails, and then the benchmark ends."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdout=output, stderr=output)
        over, seen = Event(), [0.0]
        watching = Thread(target=_watch, args=(process.pid, over, seen))
        watching.start()
        _, code, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        over.set()
        watching.join()
        process.returncode = os.waitstatus_to_exitcode(code)
        if process.returncode:
            output.seek(0)
            sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{output.read()}")
    peak = max(seen[0], used.ru_maxrss * 1024 / _GIB)
    return Cost(seconds, peak, used.ru_utime + used.ru_stime)


def average(*costs: Cost) -> Cost:
    """The mean of the seconds, and the highest peak."""
    return Cost(mean(c.seconds for c in costs), max(c.memory for c in costs))


def _watch(pid: int, over: Event, seen: list[float]) -> None:
    """Keep the peak of the memory of a process and all it started in `seen`; pages they share count once."""
    while not over.wait(_EVERY):
        total = 0
        try:
            root = psutil.Process(pid)
            family = [root, *root.children(recursive=True)]
        except psutil.Error:
            return
        for one in family:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        seen[0] = max(seen[0], total / _GIB)
