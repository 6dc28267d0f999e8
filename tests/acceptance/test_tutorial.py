"""The tutorial works as it is written: its commands run, its changes apply, and what it shows comes out."""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from etl.cli import app
from etl.settings import PROJECT

PAGE = PROJECT / "docs" / "tutorial-ninth-hospital.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: A figure that stands by itself; digits in codes, names and dates are letters like others.
FIGURE = re.compile(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?![\w-])")


@dataclass(frozen=True)
class Command:
    """A command of the page, the exit code it promises, and the lines it shows."""

    line: str
    code: int
    shown: list[str]


def commands(block: str) -> list[Command]:
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            promised = re.search(r"# ends with exit code (\d)", line)
            found.append(Command(line[2:].split("   #")[0], int(promised[1]) if promised else 0, []))
        elif line.strip() != "…":
            found[-1].shown.append(line)
    return found


def number(text: str) -> float:
    return float(text.replace(",", ""))


def near(shown: str, came: str, *, percent: bool) -> bool:
    """Shares agree within a point; counts within a tenth, so that the generator may change a little."""
    one, other = number(shown), number(came)
    return abs(one - other) <= (1.0 if percent else max(2, one / 10))


def agrees(shown: str, line: str) -> bool:
    """Whether a line is the one shown: … stands for anything, blanks for blanks, figures for figures near them."""
    figures = list(FIGURE.finditer(shown))
    ends = [0, *(m.end() for m in figures)]
    starts = [*(m.start() for m in figures), len(shown)]
    between = [words(shown[end:start]) for end, start in zip(ends, starts, strict=True)]
    found = re.fullmatch(r"\s*" + f"({FIGURE.pattern})".join(between) + r"\s*", line)
    if not found:
        return False
    percent = [shown[m.end() :].lstrip().startswith("%") for m in figures]
    pairs = zip(figures, found.groups(), percent, strict=True)
    return all(near(one[0], other, percent=p) for one, other, p in pairs)


def words(text: str) -> str:
    """A pattern for the text between two figures."""
    pieces = [r"\s+".join(map(re.escape, re.split(r"\s+", piece))) for piece in text.split("…")]
    return ".*?".join(pieces)


def missing(shown: list[str], output: str) -> str | None:
    """The first line shown that does not come out, in the order of the page."""
    lines = iter(output.splitlines())
    return next((line for line in shown if not any(agrees(line.strip(), came) for came in lines)), None)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like the project's, to be worked in."""
    folder = tmp_path / "checkout"
    shutil.copytree(PROJECT / "mappings", folder / "mappings")
    shutil.copytree(PROJECT / "expectations" / "cdm", folder / "expectations" / "cdm")
    (folder / "etl").symlink_to(PROJECT / "etl")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ETL_MAPPINGS", str(folder / "mappings"))
    monkeypatch.setenv("ETL_EXPECTATIONS", str(folder / "expectations"))
    monkeypatch.setenv("ETL_THREADS", "2")
    monkeypatch.setenv("COLUMNS", "220")
    return folder


def export(block: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in block.splitlines():
        name, value = line.removeprefix("export ").split("=", 1)
        monkeypatch.setenv(name, value.replace("$PWD", str(folder)))


def apply(change: str) -> None:
    """Apply a diff as it stands on the page; git refuses one whose lines are not those of the file."""
    done = subprocess.run(
        ["git", "apply", "--unidiff-zero", "-"], input=change, text=True, capture_output=True, check=False,
        env=os.environ | {"GIT_CEILING_DIRECTORIES": str(Path.cwd().parent)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_tutorial_ends_with_a_published_night(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = CliRunner()
    ran = 0
    for kind, block in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sh":
            export(block, checkout, monkeypatch)
        elif kind == "diff":
            apply(block)
        elif kind == "yaml":
            file = checkout / block.splitlines()[0].removeprefix("# ")
            assert file.exists(), "the page replaces a file of the draft"
            file.write_text(block.split("\n", 1)[1], encoding="utf-8")
        else:
            for command in commands(block):
                result = runner.invoke(app, shlex.split(command.line)[1:])
                assert result.exit_code == command.code, f"{command.line}\n{result.output}"
                line = missing(command.shown, result.output)
                assert line is None, f"{command.line}\ndoes not show: {line}\nbut:\n{result.output}"
                ran += 1
    assert ran >= 10
    published = runner.invoke(app, ["status"]).output
    assert "haeun" in published and "published" in published


@pytest.mark.parametrize(
    ("line", "same"),
    [
        ("haeun   10,700 rows   exports/haeun/2026-11-23", True),
        ("haeun   20,700 rows   exports/haeun/2026-11-23", False),
        ("haeun   10,700 rows   exports/haeun/2026-11-24", False),
        ("snuh   10,700 rows   exports/haeun/2026-11-23", False),
    ],
)
def test_a_line_of_the_page_is_held_against_what_comes_out(line: str, *, same: bool) -> None:
    assert agrees("haeun  10,650 rows  exports/haeun/2026-11-23", line) is same
    assert agrees("rate … 91.2 %  closed", "rate x y 91.9 %   closed")
    assert not agrees("rate … 91.2 %  closed", "rate x y 93.9 %   closed")
