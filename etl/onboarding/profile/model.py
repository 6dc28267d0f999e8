"""What a profile holds: figures of files and columns, never a value that fewer rows share than was agreed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from etl.onboarding.profile.form import Form

Kind = Literal["empty", "flag", "date", "datetime", "time", "integer", "number", "code", "text"]


@dataclass(frozen=True, slots=True)
class Hidden:
    """Why the values of a column are not shown; `kind` is a kind of identifier, `record`, `text` or `people`."""

    kind: str
    why: str


@dataclass(frozen=True, slots=True)
class Column:
    """One column. Lengths are in characters, shares between 0 and 1."""

    name: str
    kind: Kind
    rows: int
    filled: int
    distinct: int
    min_length: int
    max_length: int
    mean_length: float
    formats: tuple[tuple[str, float], ...] = ()
    years: tuple[int, int] | None = None
    open_ends: int = 0
    words: float = 0.0
    quartiles: tuple[float, float, float] | None = None
    hidden: Hidden | None = None
    values: tuple[tuple[str, int], ...] = ()
    rest: int = 0
    classes: tuple[tuple[str, int], ...] = ()  # how values are written, with the rows written so
    codes: tuple[str, ...] = ()  # vocabularies whose codes are written as these values are
    hangul: bool = False

    @property
    def empty(self) -> float:
        """Share of the rows in which nothing stands."""
        return 1 - self.filled / self.rows if self.rows else 0.0

    @property
    def unique(self) -> float:
        """Distinct values per filled row: 1 when no two rows are alike."""
        return self.distinct / self.filled if self.filled else 0.0


@dataclass(frozen=True, slots=True)
class Key:
    """Columns that identify a row; `doubled` rows share their values with another one."""

    columns: tuple[str, ...]
    doubled: int


@dataclass(frozen=True, slots=True)
class FileProfile:
    """One file. `rows` were read, `rejected` could not be; a file with a `problem` has no columns."""

    form: Form
    rows: int = 0
    rejected: int = 0
    columns: tuple[Column, ...] = ()
    keys: tuple[Key, ...] = ()
    complete: bool = True
    problem: str | None = None

    @property
    def name(self) -> str:
        """File name."""
        return self.form.file

    def column(self, name: str) -> Column:
        """A column by its name."""
        return next(c for c in self.columns if c.name == name)


@dataclass(frozen=True, slots=True)
class Join:
    """Values of one column found in another file's: `share` of the distinct ones are there."""

    file: str
    column: str
    to_file: str
    to_column: str
    share: float
    same_name: bool


@dataclass(frozen=True, slots=True)
class Profile:
    """A folder of files."""

    folder: str
    files: tuple[FileProfile, ...]
    joins: tuple[Join, ...]
    skipped: dict[str, str] = field(default_factory=dict)
    min_count: int = 5

    @property
    def rows(self) -> int:
        """Rows of all files."""
        return sum(f.rows for f in self.files)

    @property
    def korean(self) -> bool:
        """Whether anything of it is written in Hangul."""
        return any(c.hangul or not c.name.isascii() for f in self.files for c in f.columns)
