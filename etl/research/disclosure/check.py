"""The check of results: files in, findings out, in the order of the files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from etl.errors import InputError
from etl.research.disclosure.files import images, packages, rows, texts, workbook
from etl.research.disclosure.files.kinds import Kind, kind_of
from etl.research.disclosure.files.pages import read_page
from etl.research.disclosure.files.texts import TooLarge, Unreadable
from etl.research.disclosure.files.trees import read_tree
from etl.research.disclosure.findings import Finding, Found, together
from etl.research.disclosure.grid import Contents
from etl.research.disclosure.rules import Rules
from etl.research.disclosure.tables import counts, earlier, hidden, magnitudes, margins, models, shares
from etl.research.disclosure.tables.read import is_model, tables_of
from etl.research.disclosure.tables.table import Table

_HEAD = 64
#: A file by its name and what it holds.
Named = tuple[str, bytes]


@dataclass(frozen=True)
class Looked:
    """A file as it was looked at: what was found by itself, and its tables, for those that come after it."""

    name: str
    found: list[Found] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """All findings of a check, and the rules that say what becomes of them."""

    files: tuple[str, ...]
    findings: tuple[Finding, ...]
    rules: Rules

    @cached_property
    def refused(self) -> tuple[Finding, ...]:
        """The findings that have to be corrected before anything leaves."""
        return tuple(f for f in self.findings if self.rules.findings[f.rule].verdict == "refuse")


def check(files: Sequence[Path], released: Sequence[Path], rules: Rules) -> Checked:
    """Look at files that are to leave, each by itself, beside those before it, and beside earlier ones.

    What is wrong with a released file is not told. Raises InputError where a file is not there.
    """
    return _together((look(file, rules) for file in files), (look(file, rules) for file in released), rules)


def check_contents(files: Iterable[Named], released: Iterable[Named], rules: Rules) -> Checked:
    """The same check of files that do not lie in a folder; each is looked at in its turn, and not kept."""
    return _together((look_at(*file, rules) for file in files), (look_at(*file, rules) for file in released), rules)


def _together(files: Iterable[Looked], released: Iterable[Looked], rules: Rules) -> Checked:
    before = [table for looked in released for table in looked.tables]
    names: list[str] = []
    findings: list[Finding] = []
    for looked in files:
        found = [*looked.found, *_beside(looked.tables, before, rules)]
        findings += together(looked.name, found)
        names.append(looked.name)
        before += looked.tables
    return Checked(tuple(names), tuple(findings), rules)


def look(file: Path, rules: Rules) -> Looked:
    """One file: what it is, what hides in it, and what its tables tell; it is not read where it is too large."""
    if not file.is_file():
        raise InputError(f"there is no file {file.name}", hint="name the files that are to leave")
    if file.stat().st_size > rules.limit("file_bytes"):
        return Looked(file.name, [Found("too_large")])
    return look_at(file.name, file.read_bytes(), rules)


def look_at(name: str, content: bytes, rules: Rules) -> Looked:
    """One file by its name and what it holds."""
    if len(content) > rules.limit("file_bytes"):
        return Looked(name, [Found("too_large")])
    kind = kind_of(name, content[:_HEAD])
    looked = Looked(name)
    if not content:
        looked.found.append(Found("unreadable"))
        return looked
    if not kind.fits(content[:_HEAD]):
        looked.found.append(Found("not_its_name"))
        return looked
    if kind.finds:
        looked.found.append(Found(kind.finds))
    try:
        contents = _read(kind, content, rules, looked.found)
        looked.found.extend(_in_contents(contents, rules, looked.tables))
    except TooLarge:
        looked.found.append(Found("too_large"))
    except Unreadable:
        looked.found.append(Found("unreadable"))
    return looked


def _read(kind: Kind, content: bytes, rules: Rules, found: list[Found]) -> Contents:
    match kind.reads:
        case "text":
            return _text(kind, texts.decode(content), rules)
        case "json":
            return read_tree(texts.decode(content), rules.limit("cells"))
        case "html":
            text = texts.decode(content)
            if len(text) > rules.limit("text_letters"):
                raise TooLarge("letters")
            contents, hiding = read_page(text, rules.limit("cells"))
            found.extend(hiding)
            return contents
        case "workbook":
            with packages.opened(content, rules) as package:
                found.extend(workbook.hidden(package))
                return Contents(list(workbook.grids(package, rules)))
        case "package":
            with packages.opened(content, rules) as package:
                found.extend(packages.hiding(package))
        case "png":
            found.extend(images.in_png(content))
        case "jpeg":
            found.extend(images.in_jpeg(content))
        case "pdf":
            found.extend(images.in_pdf(content))
    return Contents()


def _text(kind: Kind, text: str, rules: Rules) -> Contents:
    if kind.finds is None:  # a table by its name
        return Contents([texts.grid_of(text, int(rules.limit("columns")), int(rules.limit("cells")))])
    if len(text) > rules.limit("text_letters"):
        raise TooLarge("letters")
    lines = text.splitlines()
    if texts.is_split(text):
        return Contents([texts.grid_of(text, int(rules.limit("columns")), int(rules.limit("cells")))], lines)
    return Contents(list(texts.tables_in(lines)), lines)


def _in_contents(contents: Contents, rules: Rules, tables: list[Table]) -> Iterator[Found]:
    for grid in contents.grids:
        yield from rows.find(grid, rules)
        yield from rows.unread(grid)
        yield from rows.in_texts_of(grid, rules)
        tables.extend(tables_of(grid))
    for table in tables:
        yield from _in_table(table, rules)
    yield from models.in_tables(tables, rules)
    yield from models.in_lines(contents.lines, rules)
    yield from rows.in_lines(contents.lines, rules)


def _in_table(table: Table, rules: Rules) -> Iterator[Found]:
    yield from counts.find(table, rules)
    yield from magnitudes.find(table, rules)
    if not is_model(table):
        yield from shares.find(table, rules)
    yield from hidden.find(table, rules)


def _beside(tables: Sequence[Table], before: Sequence[Table], rules: Rules) -> Iterator[Found]:
    for number, table in enumerate(tables):
        for other in (*before, *tables[:number]):
            yield from earlier.find(table, other, rules)
            yield from margins.find(table, other, rules)
