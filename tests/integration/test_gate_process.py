"""The gates in a process of their own find, tell and fail as they do in the process that asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tiny import SECRET, Tiny

BEGIN = """
import json, multiprocessing, os, signal, sys
from dataclasses import asdict
from etl.errors import ConfigError, TransientError
from etl.night.remember import resume
from etl.settings import load_settings
from etl.night.check import process

settings = load_settings()
process.prepare()
(gates,) = multiprocessing.active_children()
run = resume(settings, sys.argv[1])
told = []

def ask():
    rows, findings = process.evaluate("check_source", run, told.append)
    return rows, [asdict(f) for f in findings]
"""

SAME = """
away = ask()
assert "great_expectations" not in sys.modules, "it was evaluated here"
text, told = told, []
process._prepared.clear()
here = ask()
assert "great_expectations" in sys.modules
print(json.dumps({"away": [away, text], "here": [here, told]}, default=str))
"""

BROKEN = """
suite = settings.expectations / "source" / "tiny" / "patients.json"
good = suite.read_text()
suite.write_text("{")
try:
    ask()
except ConfigError as error:
    print(error.message)
suite.write_text(good)
assert ask()[1] and "great_expectations" not in sys.modules
"""

KILLED = """
ask()
os.kill(gates.pid, signal.SIGKILL)
gates.join()
try:
    ask()
except TransientError as error:
    print(error.message)
assert ask()[1] and "great_expectations" in sys.modules
"""

ORPHAN = """
print(gates.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def landed(hospital: Tiny) -> tuple[dict[str, str], str]:
    """Environment of the hospital's commands, and a run whose files have landed."""
    s = hospital.settings
    environment = {
        **os.environ, "ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_KEY_SECRET": SECRET,
        "ETL_EXPECTATIONS": str(s.expectations), "ETL_THREADS": "2", "ETL_MEMORY": "500MB",
    }  # fmt: skip
    return environment, hospital.through("land").run_id


def run(landed: tuple[dict[str, str], str], script: str, code: int = 0) -> str:
    """What a script writes that goes on from `BEGIN`."""
    environment, run_id = landed
    command = [sys.executable, "-c", BEGIN + script, run_id]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout


def test_it_finds_and_tells_the_same(landed: tuple[dict[str, str], str]) -> None:
    said = json.loads(run(landed, SAME))
    assert said["away"] == said["here"]
    assert said["away"][0][1]
    assert said["away"][1]


def test_an_error_of_a_gate_comes_back_and_the_next_gate_is_evaluated(
    hospital: Tiny, landed: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    environment, run_id = landed
    own = tmp_path / "expectations"
    subprocess.run(["cp", "-r", environment["ETL_EXPECTATIONS"], str(own)], check=True)
    said = run(({**environment, "ETL_EXPECTATIONS": str(own)}, run_id), BROKEN)
    assert "patients.json:1" in said


def test_when_it_is_killed_the_night_may_be_tried_again(landed: tuple[dict[str, str], str]) -> None:
    assert "was killed" in run(landed, KILLED)


def test_it_ends_with_the_process_that_forked_it(landed: tuple[dict[str, str], str]) -> None:
    pid = int(run(landed, ORPHAN, code=-9))
    until = time.monotonic() + 60
    while Path(f"/proc/{pid}").exists() and "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.1)
