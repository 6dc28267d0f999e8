"""The prompt of `etl sql` and how it shows wide answers: as psql does with `\\x auto`."""

from __future__ import annotations

import io
import readline
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb
import pytest

from etl.cdm.spec import tables
from etl.cli import answer, console
from etl.cli import prompt as module
from etl.cli.asked import untold
from etl.cli.prompt import Prompt, history

WIDE = "select 'first value' as one, repeat('x', 30) as two, '[/hpf]' as three"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is shown, on a terminal of 48 columns."""
    stream = io.StringIO()
    for where in (answer, module):
        for name in ("out", "err"):
            monkeypatch.setattr(where, name, console._console(file=stream, width=48))
    yield stream


def typed(monkeypatch: pytest.MonkeyPatch, page: io.StringIO, lines: Iterable[str | type[BaseException]]) -> str:
    """What is shown when lines are typed at the prompt, of which one may be Ctrl-C."""
    waiting = iter([*lines, EOFError])

    def answered(_: str) -> str:
        line = next(waiting)
        if isinstance(line, str):
            return line
        raise line

    monkeypatch.setattr("builtins.input", answered)
    con = duckdb.connect()
    columns = ", ".join(f"{f.name} {f.duckdb_type}" for f in tables()["death"].fields)
    con.execute(f"create table death ({columns})")
    Prompt(con, 50, untold).run()
    return page.getvalue().split("leaves\n", 1)[1]


def shown(query: str, page: io.StringIO, **options: str) -> list[str]:
    answer.show_query(duckdb.connect(), query, 50, **options)  # type: ignore[arg-type]
    return page.getvalue().splitlines()


def test_an_answer_wider_than_the_terminal_is_shown_by_records(page):
    lines = shown(f"{WIDE} union all {WIDE}", page)
    assert [line.split() for line in lines[1:4]] == [["one", "first", "value"], ["two", "x" * 30], ["three", "[/hpf]"]]
    assert [line.strip("─") for line in (lines[0], lines[4])] == ["[ record 1 ]", "[ record 2 ]"]


def test_an_answer_that_fits_is_a_table(page):
    assert [line.split() for line in shown("select 1 as n, 'a' as t", page)] == [["n", "t"], ["1", "a"]]


def test_an_answer_without_rows_is_a_table(page):
    assert len(shown(f"{WIDE} limit 0", page)) >= 1
    assert "record" not in page.getvalue()


def test_the_way_of_showing_can_be_told(page):
    assert "record 1" in "".join(shown("select 1 as n", page, expanded="on"))
    page.truncate(0)
    assert "record" not in "".join(shown(WIDE, page, expanded="off"))


def test_commands_of_psql_are_known(page, monkeypatch):
    said = typed(monkeypatch, page, [".tables", "\\d death", "\\d", "help"])
    assert [line.strip() for line in said.splitlines()].count("death") == 2
    assert "cause_" in said
    assert "required" in said
    assert "\\d TABLE" in said


def test_x_switches_between_records_and_tables(page, monkeypatch):
    said = typed(monkeypatch, page, ["\\x", "select 1 as n;", "\\x", f"{WIDE};", "\\x auto", f"{WIDE};"])
    assert said.count("record 1") == 2
    assert said.count("answers are shown") == 3


def test_a_query_may_take_lines_and_ctrl_c_forgets_them(page, monkeypatch):
    said = typed(
        monkeypatch, page, ["select 41 +", " 1 as n;", "select 'lost'", KeyboardInterrupt, "", "select 7 as n;"]
    )
    assert "42" in said
    assert "lost" not in said
    assert "7" in said


@pytest.mark.parametrize("word", ["exit", "exit;", "QUIT", "\\q"])
def test_it_is_left_by_a_word(page, monkeypatch, word):
    assert typed(monkeypatch, page, [word, "select 1 as never;"]) == ""


def test_an_unknown_command_and_a_wrong_query_are_told(page, monkeypatch):
    said = typed(monkeypatch, page, ["\\timing", "selec 1;", "select 5 as n;"])
    assert "there is no command \\timing" in said
    assert "syntax error" in said
    assert "5" in said


def test_the_history_is_kept_for_its_owner_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with history(tmp_path):
        readline.add_history("select 1;")
    readline.clear_history()
    file = tmp_path / "sql_history"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with history(tmp_path):
        assert readline.get_history_item(readline.get_current_history_length()) == "select 1;"
    readline.clear_history()


def test_a_script_leaves_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False, raising=False)
    with history(tmp_path):
        pass
    assert not (tmp_path / "sql_history").exists()
