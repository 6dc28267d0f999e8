"""HTML: its tables as grids, its text as lines, and what a page holds beside what it shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from etl.research.disclosure.files.texts import TooLarge
from etl.research.disclosure.findings import Found, Place
from etl.research.disclosure.grid import Contents, Grid

_NOT_SEEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|opacity\s*:\s*0(?![.0-9])", re.IGNORECASE
)
_HIDES = re.compile(rf"{_NOT_SEEN.pattern}|color\s*:\s*(white|transparent|#fff)", re.IGNORECASE)
_BESIDE, _DIGIT = re.compile(r"data-|title$|alt$|aria-label$"), re.compile(r"\d")
_ELSEWHERE = re.compile(r"\s*(https?:|//|ftp:|file:)", re.IGNORECASE)
_INSIDE = re.compile(r"\s*data:", re.IGNORECASE)
_LOADS = frozenset({"src", "data", "poster", "srcset"})
_CELLS = frozenset({"td", "th"})
_SILENT = frozenset({"script", "style"})


class _Page(HTMLParser):
    def __init__(self, most_cells: float) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[Found] = []
        self.contents = Contents()
        self._most = most_cells
        self._rows: list[list[str]] = []
        self._cell: list[str] | None = None
        self._span = 1
        self._silent = 0
        self._number = 0

    def _note(self, rule: str) -> None:
        self.found.append(Found(rule, Place(row=self.getpos()[0])))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self._look(tag, said)
        if tag in _SILENT:
            self._silent += 1
        elif tag == "table":
            self._end_table()
        elif tag == "tr":
            self._end_cell()
            self._rows.append([])
        elif tag in _CELLS:
            self._end_cell()
            self._cell = []
            span = said.get("colspan", "1")
            self._span = min(int(span), 1000) if span.isdecimal() and int(span) else 1

    def _look(self, tag: str, said: dict[str, str]) -> None:
        if tag in {"script", "iframe", "object", "embed", "applet"} or any(name.startswith("on") for name in said):
            self._note("macro" if tag == "script" or tag not in {"iframe", "object", "embed", "applet"} else "embedded")
        if any(_BESIDE.match(name) and _DIGIT.search(value) for name, value in said.items()):
            self._note("look_document")
        if "hidden" in said or _NOT_SEEN.search(said.get("style", "")) or said.get("type") == "hidden":
            self._note("hidden_part")
        for name in _LOADS & said.keys():
            if _ELSEWHERE.match(said[name]):
                self._note("external_link")
            elif _INSIDE.match(said[name]):
                self._note("look_image" if said[name].lstrip().lower().startswith("data:image/") else "embedded")
        if tag == "link" and _ELSEWHERE.match(said.get("href", "")):
            self._note("external_link")
        if tag == "svg":
            self._note("hidden_data")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(self._silent - 1, 0)
        elif tag in _CELLS or tag == "tr":
            self._end_cell()
        elif tag == "table":
            self._end_table()

    def handle_data(self, data: str) -> None:
        if self._silent:
            if _HIDES.search(data):
                self._note("look_document")
            return
        if self._cell is not None:
            self._cell.append(data)
        elif data.strip():
            self.contents.lines += data.splitlines()

    def handle_comment(self, data: str) -> None:
        if data.strip():
            self._note("comment")

    def _end_cell(self) -> None:
        if self._cell is None:
            return
        if not self._rows:
            self._rows.append([])
        text = " ".join("".join(self._cell).split())
        self._rows[-1] += [text, *[""] * (self._span - 1)]
        self._number += self._span
        self._cell = None
        if self._number > self._most:
            raise TooLarge("cells")

    def _end_table(self) -> None:
        self._end_cell()
        if self._rows:
            self.contents.grids.append(Grid(self._rows, len(self.contents.grids) + 1))
            self._rows = []


def read_page(text: str, most_cells: float) -> tuple[Contents, Iterator[Found]]:
    """The tables and texts of a page, part n being table n, and what else is in it. Raises TooLarge."""
    page = _Page(most_cells)
    page.feed(text)
    page.close()
    page.handle_endtag("table")
    return page.contents, iter(page.found)
