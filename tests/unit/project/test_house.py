"""The house: arrows between rooms go down only, and every room says whom it serves."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from etl.cli import app
from etl.cli.commands import COMMANDS
from etl.settings import PROJECT

ROOMS = sorted(f.parent for f in (PROJECT / "etl").rglob("__init__.py"))

#: A wrong import, planted into a module, and the contract that it breaks.
PLANTED = {
    "etl/mapping/load.py": ("from etl.night.lake.layers import Layer", "A wing imports wings below it only"),
    "etl/research/recipes/recipes.py": ("from etl.sample.frame import Frame", "A wing imports wings below it only"),
    "etl/night/map/tables.py": (
        "from etl.night.land.read import Reject",
        "The stages of a night meet in the lake only",
    ),
    "etl/mapping/language/words.py": ("import etl.mapping.check.document", "No circle of rooms, on any floor"),
    "etl/night/publish/reconcile.py": (
        "from etl.store.keys.keystore import KeyStore",
        "Landing, doctor and keeper open the key store, nobody else",
    ),
    "etl/quality/pages.py": ("import airflow", "Airflow is imported by its own room only"),
    "etl/onboarding/definitions.py": (
        "import great_expectations",
        "Great Expectations is imported by the gates' room only",
    ),
}


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    environment = {"PATH": "", "PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_a_planted_wrong_import_breaks_its_contract(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "etl", tmp_path / "etl", ignore=shutil.ignore_patterns("__pycache__", "*.csv", "*.sql"))
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for file, (statement, _) in PLANTED.items():
        module = tmp_path / file
        text = module.read_text(encoding="utf-8")
        module.write_text(f"{text}\n\n{statement}  # planted\n", encoding="utf-8")
    done = linted(tmp_path)
    broken = {line.removesuffix(" BROKEN") for line in done.stdout.splitlines() if line.endswith(" BROKEN")}
    assert done.returncode == 1
    assert broken == {contract for _, contract in PLANTED.values()}


@pytest.mark.parametrize("room", ROOMS, ids=lambda r: str(r.relative_to(PROJECT)))
def test_a_room_says_in_one_sentence_whom_it_serves(room: Path) -> None:
    said = ast.get_docstring(ast.parse((room / "__init__.py").read_text(encoding="utf-8")))
    assert said
    assert said.endswith(".")
    assert ". " not in said.replace("\n", " ").replace("e.g. ", "").replace("a.m. ", "a.m.").replace("v5.4 ", "")


def test_commands_are_told_in_their_table_as_they_tell_themselves() -> None:
    group = typer.main.get_command(app)
    for command in COMMANDS:
        found = group.commands[command.name]  # type: ignore[attr-defined]
        said = " ".join((found.help or "").split("\n\n")[0].split())
        assert said == command.summary, command.name


def test_help_loads_no_command() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from etl.cli import app\n"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0\n"
        "print(*{'duckdb', 'sqlalchemy', 'pydantic', 'great_expectations', 'etl.settings'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
