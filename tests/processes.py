"""The command line in a process of its own, forked from a server that has imported everything, and killed on demand."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import extensions
from tiny import SECRET, Tiny

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["great_expectations", "etl.cli.run", "etl.night.check.gates"])
START, END = 0.0, 1.0


@dataclass(frozen=True)
class Death:
    """Where a process kills itself: in a stage, after a share of its calls, or at a point that it tells of."""

    stage: str
    share: float = -1.0
    calls: int = 0
    point: str | None = None


@dataclass
class Command:
    """A running `etl` command; `output` is what it wrote, standard output and error together."""

    process: BaseProcess
    log: Path
    calls: Path
    _joined: list[int] = field(default_factory=list)

    def exit_code(self, timeout: float = 300) -> int:
        """Wait for its end; minus the signal's number when it was killed."""
        self.process.join(timeout)
        assert self.process.exitcode is not None, "the command hangs"
        return self.process.exitcode

    @property
    def output(self) -> str:
        """Everything it has written so far."""
        return self.log.read_text(encoding="utf-8")

    @property
    def calls_by_stage(self) -> dict[str, int]:
        """How many calls each stage made, for a later Death."""
        return dict(json.loads(self.calls.read_text(encoding="utf-8")))


def start(hospital: Tiny, *arguments: str, log: Path, death: Death | None = None) -> Command:
    """Start `etl ARGUMENTS` with the hospital's settings."""
    s = hospital.settings
    environment = {
        "ETL_HOME": str(s.home), "ETL_MAPPINGS": str(s.mappings), "ETL_EXPECTATIONS": str(s.expectations),
        "ETL_THREADS": "2", "ETL_MEMORY": "500MB", "ETL_KEY_SECRET": SECRET, "GX_ANALYTICS_ENABLED": "false",
        "COLUMNS": "200", "TMPDIR": str(log.parent / "temporary"),
    }  # fmt: skip
    if s.at_rest_key_file:
        environment["ETL_AT_REST_KEY_FILE"] = str(s.at_rest_key_file)
    if s.warehouse_url:
        environment["ETL_WAREHOUSE_URL"] = s.warehouse_url
    (log.parent / "temporary").mkdir(exist_ok=True)
    calls = log.with_suffix(".calls")
    process = _CONTEXT.Process(target=_command, args=(arguments, environment, str(log), str(calls), death))
    process.start()
    return Command(process, log, calls)


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


def run(home: Path, *arguments: str, secret: str = SECRET) -> Done:
    """Run `etl ARGUMENTS` in a home with the project's mappings, in a process of its own, and wait for its end."""
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder) / "out", Path(folder) / "err"
        environment = {
            "ETL_HOME": str(home), "ETL_KEY_SECRET": secret, "GX_ANALYTICS_ENABLED": "false", "COLUMNS": "200",
        }  # fmt: skip
        process = _CONTEXT.Process(target=_quiet, args=(arguments, environment, str(home), str(out), str(err)))
        process.start()
        process.join()
        return Done(process.exitcode or 0, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _quiet(arguments: Sequence[str], environment: Mapping[str, str], place: str, out: str, err: str) -> None:
    os.environ.update(environment)
    os.chdir(place)
    _write_into(out, err)
    _app(arguments)


def _write_into(out: str, err: str) -> None:
    """Standard output and error go to files; to one when both are the same."""
    for stream, name in (1, out), (2, err):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, stream)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - lives as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115


def _app(arguments: Sequence[str]) -> None:
    from etl.cli import app

    extensions.trust()
    app(list(arguments))


def _command(
    arguments: Sequence[str], environment: Mapping[str, str], log: str, calls: str, death: Death | None
) -> None:
    os.environ.update(environment)
    tempfile.tempdir = None  # TMPDIR is to be read again
    _write_into(log, log)
    _watch(Path(calls), death)
    _app(arguments)


def _watch(counted: Path, death: Death | None) -> None:
    """Count the calls of every stage into a file; kill the process where `death` says."""
    from etl.night import pipeline

    calls: Counter[str] = Counter()
    attempt = pipeline.attempt
    fatal = max(1, int(death.share * death.calls)) if death else 0

    def watched(run: Any, stage: Any, progress: Any = None) -> int:
        mine = death is not None and death.stage == stage.name

        def profile(_frame: Any, event: str, _argument: Any) -> None:
            if event in ("call", "c_call"):
                calls[stage.name] += 1
                if mine and START < death.share < END and calls[stage.name] >= fatal:
                    os.kill(os.getpid(), signal.SIGKILL)

        if mine and death.share == START:
            os.kill(os.getpid(), signal.SIGKILL)

        def at_point(text: str) -> None:
            if death is not None and death.point == text:
                os.kill(os.getpid(), signal.SIGKILL)

        if mine and death.point is not None:
            return attempt(run, stage, at_point)
        if mine or death is None:  # it slows the stage down
            threading.setprofile(profile)
            sys.setprofile(profile)
        try:
            return attempt(run, stage, progress)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            if mine and death.share == END:
                os.kill(os.getpid(), signal.SIGKILL)
            counted.write_text(json.dumps(calls), encoding="utf-8")

    pipeline.attempt = watched
