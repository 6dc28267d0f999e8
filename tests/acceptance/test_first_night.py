"""From an export never seen to a first published night: `etl new`, a few lines by hand, `etl run`.

Exports shaped like MIMIC-IV and Synthea, and two Korean layouts of the sample whose own mappings are taken away. What
is changed by hand stands as a patch in `tests/data/onboarding`; docs/profile.md shows the figures that are held here.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import foreign_exports
import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings
from etl.vocabulary.release import load_bundle

NIGHT = date(2026, 11, 23)
MOST = 60  # lines changed by hand


def sampled(hospital: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        return write_exports(folder, hospitals=[hospital], patients=150, seed=1, night=NIGHT)[0].folder

    return write


EXPORTS: dict[str, Callable[[Path], Path]] = {
    "mimic": lambda folder: foreign_exports.write_mimic(folder / "2209-12-31"),
    "synthea": lambda folder: foreign_exports.write_synthea(folder / "2026-01-01"),
    "K": sampled("dsmc"),
    "P": sampled("snuh"),
}


@pytest.fixture(scope="module")
def vocabularies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demonstration vocabulary with stand-ins of NDC and ICD-10, as a bundle from Athena would have them."""
    home = tmp_path_factory.mktemp("vocabularies")
    load_bundle(Settings(home=home, threads=2, memory="500MB", _env_file=None), foreign_exports.bundle(home / "bundle"))
    return home / "vocabulary"


@pytest.fixture
def nobody(tmp_path: Path, vocabularies: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what all hospitals share, without layouts and hospitals."""
    shutil.copytree(PROJECT / "mappings" / "shared", tmp_path / "mappings" / "shared")
    shutil.rmtree(tmp_path / "mappings" / "shared" / "layouts")
    shutil.copy(PROJECT / "mappings" / "consortium.yaml", tmp_path / "mappings")
    shutil.copytree(PROJECT / "expectations" / "cdm", tmp_path / "expectations" / "cdm")
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "vocabulary").symlink_to(vocabularies)
    for name, value in {
        "ETL_HOME": tmp_path / "home", "ETL_MAPPINGS": tmp_path / "mappings", "ETL_THREADS": "2", "COLUMNS": "200",
        "ETL_EXPECTATIONS": tmp_path / "expectations", "ETL_KEY_SECRET": "0" * 32,
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    return tmp_path


def etl(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output
    return result.output


def change_by_hand(folder: Path, name: str) -> None:
    """Apply a patch; git refuses one whose lines are not those of the draft."""
    patch = PROJECT / "tests" / "data" / "onboarding" / f"{name}.patch"
    done = subprocess.run(
        ["git", "apply", "--unidiff-zero", str(patch)], cwd=folder, text=True, capture_output=True, check=False,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def changed_lines(before: Path, after: Path) -> int:
    """Lines that were changed, added or taken away, over all files."""
    names = {p.name for folder in (before, after) for p in folder.iterdir()}
    return sum(_changed(before / name, after / name) for name in sorted(names))


def _changed(before: Path, after: Path) -> int:
    old, new = (p.read_text(encoding="utf-8").splitlines() if p.exists() else [] for p in (before, after))
    steps = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for kind, a, b, c, d in steps if kind != "equal")


def told(name: str) -> list[str]:
    """The cells of an export's line in the page's table: files, recognised ones, lines, rows, mapping rate."""
    page = (PROJECT / "docs" / "profile.md").read_text(encoding="utf-8")
    line = re.search(rf"^\| [^|]*\(`{name}`\) \|(.*)\|$", page, re.MULTILINE)
    assert line, f"docs/profile.md has no line for {name}"
    return [cell.strip() for cell in line[1].split("|")]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_never_seen_is_published_after_few_lines_by_hand(name: str, nobody: Path) -> None:
    export = EXPORTS[name](nobody / "exports" / "newcomer")
    said = etl("new", "newcomer", export, "--number", 9, "--name-en", "A newcomer", "--name-ko", "새 병원")
    taken = [line for line in said.splitlines() if re.match(r"\S+\.csv: |\S+\.parquet: ", line)]
    mappings = nobody / "mappings" / "newcomer"
    shutil.copytree(mappings, nobody / "draft")
    change_by_hand(nobody, name)
    lines = changed_lines(nobody / "draft", mappings)
    assert lines <= MOST
    etl("check", "newcomer")
    shifted = ["--force", "--reason", "its days are shifted, as it tells nobody"] if name == "mimic" else []
    etl("run", "newcomer", export, *shifted)
    night = re.search(r"newcomer +\S+ +([\d,]+) .* ([\d.]+ %) .* published", etl("status"))
    assert night, "the night is published"
    recognised = len(taken) - sum("not decided" in line for line in taken)
    assert told(name) == [str(len(taken)), str(recognised), str(lines), night[1], night[2]]
