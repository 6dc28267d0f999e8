"""JSON: lists of records and records of lists as grids, everything else as names beside numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from etl.research.disclosure.files.texts import TooLarge, Unreadable
from etl.research.disclosure.grid import Contents, Grid

_DEEPEST = 40


def read_tree(text: str, most_cells: float) -> Contents:
    """What a JSON text, or one a line, holds; part n is the nth table. Raises Unreadable, TooLarge."""
    contents = Contents()
    pairs: list[list[str]] = []
    for path, value in _walk(_parse(text), "", 0):
        rows = _rows(value)
        if rows is not None:
            contents.grids.append(Grid(rows, len(contents.grids) + 1))
        else:
            pairs.append([path, _text(value)])
            contents.lines.append(f"{path}: {_text(value)}")
        if sum(len(g.rows) * len(g.rows[0]) for g in contents.grids) + len(pairs) > most_cells:
            raise TooLarge("cells")
    if pairs:
        contents.grids.append(Grid([["name", ""], *pairs], len(contents.grids) + 1))
    return contents


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        raise Unreadable("too deep") from None
    except ValueError:
        pass
    try:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError):
        raise Unreadable("no JSON") from None


def _walk(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise Unreadable("too deep")
    if _rows(value) is not None or not isinstance(value, dict | list):
        yield path, value
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _walk(each, f"{path} {name}".strip(), depth + 1)
    else:
        for number, each in enumerate(value, start=1):
            yield from _walk(each, f"{path} {number}".strip(), depth + 1)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _rows(value: Any) -> list[list[str]] | None:
    """Records of the same kind as rows below their names; None where it is something else."""
    if isinstance(value, list) and value:
        if all(isinstance(each, dict) and all(map(_is_plain, each.values())) for each in value):
            return _records(value)
        if all(isinstance(each, list) and len(each) > 1 and all(map(_is_plain, each)) for each in value):
            return [list(map(_text, each)) for each in value]
        if all(map(_is_plain, value)):
            return [["name", "value"], *([str(i), _text(each)] for i, each in enumerate(value, start=1))]
    if isinstance(value, dict) and value and all(isinstance(each, list | dict) for each in value.values()):
        return _columns(value)
    return None


def _records(value: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    names = list(dict.fromkeys(name for each in value for name in each))
    return [names, *([_text(each.get(name)) for name in names] for each in value)]


def _columns(value: Mapping[str, Any]) -> list[list[str]] | None:
    """A record of lists, or of records with the same names, as columns."""
    lists = [dict(enumerate(each)) if isinstance(each, list) else each for each in value.values()]
    names = list(lists[0])
    if not names or any(list(each) != names or not all(map(_is_plain, each.values())) for each in lists):
        return None
    index = [""] if isinstance(next(iter(value.values())), dict) else []
    rows = [[*([str(name)] if index else []), *(_text(each[name]) for each in lists)] for name in names]
    return [[*index, *map(str, value)], *rows]


def _text(value: Any) -> str:
    return "" if value is None else str(value)
