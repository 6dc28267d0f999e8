"""The shell completes hospitals, recipes, runs and releases, and loads no engine for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from etl.cli import app
from etl.cli.commands import COMMANDS
from etl.cli.complete import ARGUMENTS, OPTIONS, SUBCOMMANDS, completions, hospitals, recipes, runs
from etl.research.recipes.recipes import recipes as real_recipes
from etl.settings import PROJECT

RUNS = ("snuh-20261123-0123456789ab", "snuh-20261124-ba9876543210")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with two runs and a release."""
    for age, run in enumerate(RUNS):
        file = tmp_path / "runs" / f"{run}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}", encoding="utf-8")
        os.utime(file, (1_000_000 + age, 1_000_000 + age))
    (tmp_path / "vocabulary" / "v5.0-demo").mkdir(parents=True)
    (tmp_path / "vocabulary" / "v5.0-demo" / "release.json").write_text("{}", encoding="utf-8")
    (tmp_path / "vocabulary" / ".loading").mkdir()
    monkeypatch.setenv("ETL_HOME", str(tmp_path))
    return tmp_path


def asked(line: str) -> tuple[list[str], str]:
    """What bash gets for a line, and the modules of the engine that were loaded."""
    words = line.split(" ")
    code = (
        "import sys; from etl.cli import app\ntry: app(prog_name='etl')\nexcept SystemExit: pass\n"
        "print(*{'duckdb', 'sqlalchemy', 'sqlglot', 'pyarrow', 'etl.settings'} & set(sys.modules), file=sys.stderr)"
    )
    env = os.environ | {"_ETL_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    return done.stdout.split(), done.stderr.strip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("etl why snu", ["snubh", "snuh"]),
        ("etl run --force d", ["dsmc", "dumc"]),
        ("etl publish ", list(reversed(RUNS))),
        ("etl sql --run snuh-20261124", [RUNS[1]]),
        ("etl recipes prev", ["prevalence"]),
        ("etl vocabulary ", list(SUBCOMMANDS["vocabulary"])),
        ("etl vocabulary use v", ["v5.0-demo"]),
        ("etl vocabulary diff a b --hospital cb", ["cbnuh"]),
        ("etl check snuh cn", ["cnuh"]),
        ("etl why snuh ", []),
    ],
)
def test_names_stand_where_they_belong(line: str, expected: list[str]) -> None:
    _, command, *words, incomplete = line.split(" ")
    assert completions(command, words, incomplete) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [("etl comp", ["compare"]), ("etl why snu", ["snubh", "snuh"]), ("etl vocabulary use v", ["v5.0-demo"])],
)
def test_the_shell_gets_names_and_no_engine_is_loaded(line: str, expected: list[str]) -> None:
    assert asked(line) == (expected, "")


def test_names_of_options_are_those_of_the_command() -> None:
    assert asked("etl vocabulary diff --ho")[0] == ["--hospital"]


def every_command() -> Iterator[tuple[str, Any]]:
    group: Any = typer.main.get_command(app)
    for command in COMMANDS:
        found = group.commands[command.name]
        inner = getattr(found, "commands", None)
        assert (tuple(inner) if inner else None) == SUBCOMMANDS.get(command.name), command.name
        yield from ((f"{command.name} {n}", c) for n, c in inner.items()) if inner else [(command.name, found)]


def test_the_tables_fit_the_commands() -> None:
    """Every argument that names a hospital or a run is completed, and nothing that is not there."""
    commands = dict(every_command())
    assert {*ARGUMENTS, *OPTIONS} <= commands.keys()
    for path, command in commands.items():
        arguments = [p for p in command.params if p.param_type_name == "argument"]
        places = [p for p in ARGUMENTS.get(path, ()) if p is not None]
        assert len(places) <= len(arguments), path
        assert (ARGUMENTS.get(path, ())[-1:] == (None,)) == (bool(places) and arguments[0].nargs == -1), path
        for number, argument in enumerate(arguments):
            wanted = {"hospital": hospitals, "hospitals": hospitals, "run_id": runs}.get(argument.name)
            if wanted and path not in ("new", "warehouse clear"):
                assert places[number] is wanted, path
        for option in (p for p in command.params if p.param_type_name == "option"):
            if option.name in ("hospital", "run_id"):
                assert set(option.opts) & OPTIONS[path].keys(), path


def test_names_are_those_that_commands_know(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(recipes()) == set(real_recipes())
    assert hospitals() == sorted(f.parent.name for f in (PROJECT / "mappings").glob("*/hospital.yaml"))
    monkeypatch.delenv("ETL_HOME")
    monkeypatch.chdir(home)
    (home / ".env").write_text(f'ETL_HOME="{home}"\n', encoding="utf-8")
    assert completions("publish", [], "snuh") == list(reversed(RUNS))
