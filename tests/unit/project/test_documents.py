"""README and docs: their links lead somewhere, and the commands, stages and files they name are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from etl.cli import app
from etl.night.stages import STAGE_NAMES
from etl.settings import PROJECT

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
STAGES = [stage.name for stage in STAGE_NAMES]


def anchors(page: Path) -> set[str]:
    """Anchors of the headings, as GitHub writes them."""
    lines = FENCED.sub("", page.read_text(encoding="utf-8")).splitlines()
    headings = [line.lstrip("# ").lower() for line in lines if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.is_file() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    assert broken == []


def test_the_readme_leads_to_every_page() -> None:
    linked = re.findall(r"\]\(docs/([^)#]+)\)", PAGES[0].read_text(encoding="utf-8"))
    assert {page.name for page in PAGES[1:]} <= set(linked)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_files_of_the_project_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"`((?:etl|mappings|expectations|tests|dags|docs|requirements)/[\w./*-]+)`", text)
    named = [name for name in named if "haeun" not in name]  # the hospital that the tutorial's reader adds
    assert [name for name in named if not list(PROJECT.glob(name.rstrip("/")))] == []


def below(name: str, group: Any) -> dict[str, Any]:
    """The commands of a group, and of the groups in it, by all their words."""
    found = {f"{name} {sub}".strip(): command for sub, command in getattr(group, "commands", {}).items()}
    return found | {n: c for sub, command in list(found.items()) for n, c in below(sub, command).items()}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_that_a_page_shows_exist_with_their_options(page: Path) -> None:
    commands = below("", typer.main.get_command(app))
    blocks = FENCED.findall(page.read_text(encoding="utf-8"))
    shown = [line for block in blocks for line in re.findall(r"^(?:\$ |\.venv/bin/)?etl (.*)$", block, re.MULTILINE)]
    unknown = []
    for line in shown:
        said = line.split("   #")[0]
        words = said.split()
        name = next((n for n in (" ".join(words[:k]) for k in (3, 2)) if n in commands), words[0])
        known = {option for p in commands[name].params for option in p.opts} if name in commands else set()
        unknown += [line for option in re.findall(r"(?<!\S)--[a-z-]+", said) if option not in known]
        unknown += [line] if name not in commands else []
    assert unknown == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_targets_of_make_that_a_page_names_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    assert set(re.findall(r"(?:^|`)make ([a-z]+)", text, re.MULTILINE)) <= targets


def test_pages_that_list_the_stages_list_those_that_run() -> None:
    architecture = (PROJECT / "docs/architecture.md").read_text(encoding="utf-8")
    airflow = (PROJECT / "docs/airflow.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| `etl/", architecture, re.MULTILINE)
    assert rows == STAGES
    *before, publish = STAGES
    assert " → ".join(["open", *before, "approve", publish, "report"]) in airflow
    shown = re.search(r"^etl run .*# .*: (.*)$", PAGES[0].read_text(encoding="utf-8"), re.MULTILINE)
    assert shown
    assert shown[1].split(", ") == [stage.partition("_")[0] for stage in STAGES]
