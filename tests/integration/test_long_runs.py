"""A long run goes on where it was broken off, and tells what went wrong in a piece of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from long_runs import Notes, same_program, work_through


def count(notes: Notes) -> None:
    """Three lines a piece, of what is left of them; one piece cannot be done."""
    if notes.piece == "broken":
        raise ValueError("cannot be done")
    for n in range(len(notes.lines()), 3):
        notes.add(n=n)


def test_what_is_done_stays_and_what_is_left_is_done(tmp_path: Path) -> None:
    Notes(tmp_path, "a").add(n="of an earlier run")
    seen = {notes.piece: [line["n"] for line in notes.lines()] for notes in
            work_through(tmp_path, {"a": 3, "b": 3}, count, 1)}  # fmt: skip
    assert seen == {"a": ["of an earlier run", 1, 2], "b": [0, 1, 2]}


def test_a_line_that_was_not_finished_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n{"n": ')
    assert Notes(tmp_path, "a").lines() == [{"n": 1}]
    Notes(tmp_path, "a").add(n=2)
    assert Notes(tmp_path, "a").lines() == [{"n": 1}, {"n": 2}]


def test_a_piece_that_fails_is_told(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be done"):
        list(work_through(tmp_path, {"broken": 3}, count, 1))


def test_of_another_program_nothing_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    state = same_program(folder)
    Notes(folder, "a").add(n=1)
    assert same_program(folder) == state
    assert Notes(folder, "a").lines() == [{"n": 1}]
    (folder / "program").write_text("another")
    same_program(folder)
    assert Notes(folder, "a").lines() == []
