"""What a served table can be asked for by links: another order, another page."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode


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
