"""What a served table can be asked for by links: another order, another page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a table: `part` is the id of what a new order replaces, `address` the page."""

    key: str
    down: bool
    address: str
    part: str

    def link(self, key: str) -> str:
        """The page with the table by a column; by the same one it is turned round."""
        asked = {"sort": key}
        if key == self.key:
            asked["down"] = "0" if self.down else "1"
        return f"{self.address}?{urlencode(asked)}"


@dataclass(frozen=True, slots=True)
class Pages:
    """A page of several; `asked` is what else was asked for."""

    number: int
    last: int
    address: str
    asked: tuple[tuple[str, str], ...] = ()

    def link(self, number: int) -> str:
        """Another page of the same."""
        return f"{self.address}?{urlencode([*self.asked, ('page', number)])}"


def part_of(every: Sequence[Thing], page: int, size: int | None) -> tuple[Sequence[Thing], int, int]:
    """What is on a page of `size` (None: of all), its number as far as there is one, and how many pages there are."""
    size = size or max(1, len(every))
    last = max(1, -(-len(every) // size))
    page = min(max(page, 1), last)
    return every[(page - 1) * size : page * size], page, last
