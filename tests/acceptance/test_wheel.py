"""The wheel, installed where the project's folder is not: all of its data is in it, and a night runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
import tiny

from etl.settings import PROJECT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of the project."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    source.mkdir()
    for name in ("etl", "pyproject.toml", "README.md", "LICENSE"):
        (source / name).symlink_to(PROJECT / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(place)]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel and, by their path, the packages that it depends on; its `bin`."""
    place = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True)
    python = place / "bin" / "python"
    site = Path(sysconfig.get_path("purelib", vars={"base": str(place), "platbase": str(place)}))
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    # a path alone: the links of that environment to this project's folder are not followed
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    return place / "bin"


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "etl"], cwd=PROJECT, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    assert {f for f in listed.stdout.split() if not f.endswith(".md")} <= packed
    brought = (PROJECT / "etl" / "pages" / "static" / "vendor").glob("*")  # by `make assets`, with their licences
    assert {str(f.relative_to(PROJECT)) for f in brought if not f.name.startswith(".")} <= packed


def test_help_and_a_night_run_from_the_wheel(bare: Path, tmp_path: Path, vocabulary: Path) -> None:
    hospital = tiny.make(tmp_path / "home", vocabulary)
    settings = {
        "ETL_HOME": hospital.settings.home, "ETL_MAPPINGS": hospital.settings.mappings,
        "ETL_EXPECTATIONS": hospital.settings.expectations, "ETL_KEY_SECRET": tiny.SECRET,
    }  # fmt: skip
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)} | {k: str(v) for k, v in settings.items()}

    def etl(*arguments: str) -> str:
        command = [str(bare / "etl"), *arguments]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = subprocess.run(
        [str(bare / "python"), "-c", "import etl; print(etl.__file__)"], cwd=tmp_path, capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert where.startswith(str(bare.parent))
    assert "Take a delivery through all stages" in etl("--help")
    ran = json.loads(etl("run", "tiny", str(hospital.deliver()), "--json"))
    assert [run["state"] for run in ran["runs"]] == ["published"]
    assert "published" in etl("status")
    assert Path(etl("report").strip()).is_file()
    assert "person" in etl("sql", "show tables")
    assert "prevalence" in etl("recipes")
