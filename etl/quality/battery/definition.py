"""What a check of ours asks: a condition over the rows of a table, or over those that a query makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from etl.sql import literal

#: Stands in SQL for the day of reference.
NIGHT = "__night__"


class Words(BaseModel):
    """One text in the languages of the readers."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str
    ko: str


@dataclass(frozen=True, slots=True)
class Query:
    """SQL of a file: `rows` are the rows `t` of its checks, `of` the rows of which they are, where it says so.

    `owner` is the column that tells whose a row is; `weighted`: each stands for as many as its column `n` says.
    `of_owner` and `of_weighted` are of the other rows. `by_person`: what is told of a person, the person's own rows
    tell, so that of a night of changes only the persons who changed are asked about.
    """

    name: str
    rows: str
    of: str = ""
    owner: str = "person_id"
    of_owner: str = "person_id"
    weighted: bool = False
    of_weighted: bool = False
    by_person: bool = False


@dataclass(frozen=True, slots=True)
class Own:
    """`violated` and `of` are SQL over `t`, and over `p`, `v`, `d` of the tables `beside` with the columns they name.

    `of` is empty where every row counts. `reason` says of a violated row why, with columns of `t` in braces. `needs`
    are tables and fields without which it cannot be asked, `place` is where it is written.
    """

    violated: str
    of: str
    cause: Words
    place: str
    beside: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    query: Query | None = None
    reason: Words | None = None
    needs: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def counted(self) -> str:
        """SQL of a row that counts as violated: only of those which it is asked of, where the same rows tell that."""
        apart = self.query is not None and self.query.of
        return f"({self.of}) and ({self.violated})" if self.of and not apart else self.violated


def as_on(sql: str, night: str) -> str:
    """SQL as on a night (ISO)."""
    return sql.replace(NIGHT, f"date {literal(night)}")
