"""Texts of sources are printed as they are: `[iU]`, `[/hpf]` and `[lb_av]` are no markup, `:ab:` is no emoji."""

from __future__ import annotations

import ast
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from typer.testing import CliRunner

from etl.cli import app, console
from etl.settings import PROJECT

UNITS = (
    "[iU]",
    "[/hpf]",
    "[lb_av]",
    "10*3/[arb'U]",
    "[]",
    "[/]",
    "[bold]",
    "[red]x[/red]",
    ":ab:",
    "[link=x]",
    "\\[a]",
)
TEXTS = st.one_of(
    st.sampled_from(UNITS), st.text(st.sampled_from("[]/\\:abμ가'=@#!_ ."), min_size=1, max_size=30).map(str.strip)
).filter(bool)


def written(show: Callable[[Console], None], monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False) -> str:
    """What goes to the standard output of a wide console as the command line makes it."""
    stream = io.StringIO()
    made = console._console(file=stream, width=400, force_terminal=terminal)
    monkeypatch.setattr(console, "err", made)
    show(made)
    return stream.getvalue()


def in_table(text: str) -> Callable[[Console], None]:
    table = Table(text, "other", title=text, box=None)
    table.add_row(text, Text(text))
    return lambda shown: shown.print(table)


def in_tree(text: str) -> Callable[[Console], None]:
    tree = Tree(text)
    tree.add(text)
    return lambda shown: shown.print(tree)


def in_progress(text: str) -> Callable[[Console], None]:
    def show(_: Console) -> None:
        with console.progress(text) as tell:
            tell(text, text)

    return show


def in_error(text: str) -> Callable[[Console], None]:
    return lambda _: console.show_error(console.EtlError(text, hint=text))


@pytest.mark.parametrize(
    ("place", "times"),
    [(lambda t: lambda c: c.print(t, style="dim"), 1), (in_table, 4), (in_tree, 2), (in_progress, 2), (in_error, 2)],
    ids=["line", "table", "tree", "progress", "error"],
)
@pytest.mark.parametrize("terminal", [False, True])
def test_a_text_is_shown_as_it_is(place, times, terminal):
    @given(TEXTS)
    def every(text: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            assert written(place(text), patch, terminal=terminal).count(text) >= times

    every()


def calls(file: Path) -> list[tuple[str, ast.Call]]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [(ast.unparse(node.func), node) for node in ast.walk(tree) if isinstance(node, ast.Call)]


def test_there_is_no_other_way_to_the_terminal():
    """No second console, no markup switched on, no text read as markup."""
    wrong = []
    for file in sorted((PROJECT / "etl").rglob("*.py")):
        for name, call in calls(file):
            last = name.rpartition(".")[2]
            made = last == "Console" and file != Path(console.__file__)
            marked = any(k.arg in ("markup", "emoji") for k in call.keywords) and file != Path(console.__file__)
            if made or marked or last in ("from_markup", "render_markup", "rprint") or name == "rich.print":
                wrong.append(f"{file.relative_to(PROJECT)}:{call.lineno} {name}")
    assert wrong == []


@pytest.mark.parametrize("words", [["status", "--nonsense"], ["vocabulary", "list", "--nonsense"], ["nonsense"]])
def test_a_command_line_that_cannot_be_ends_with_2_and_says_what_is_wrong(words):
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2
    assert "nonsense" in done.stderr


@pytest.mark.parametrize("command", ["request show", "request build", "output show", "findings show", "register show"])
def test_a_number_that_no_database_can_look_for_is_a_wrong_command(command: str) -> None:
    """Else it would be told as damage, with the advice to restore a back-up."""
    assert CliRunner().invoke(app, [*command.split(), str(2**31)]).exit_code == 2
