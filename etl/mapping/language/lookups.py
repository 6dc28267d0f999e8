"""How a code is looked up: steps, fall-backs and code masters."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field

from etl.mapping.language.words import Sql, Strict


class MasterStep(Strict):
    """One look-up in a code master: `code` to `to`, inside a window of validity when there is one."""

    source: Annotated[str, Field(description="the source that holds this step of the master")]
    code: Annotated[Sql, Field(description="the code that is looked up")]
    to: Annotated[Sql, Field(description="what it stands for")]
    valid_from: Annotated[Sql | None, Field(description="first day of the row's validity; nothing: always")] = None
    valid_to: Annotated[Sql | None, Field(description="last day of it; nothing, or the year 2900 and later: open")] = (
        None
    )
    where: Annotated[Sql | None, Field(description="rows of the master that count")] = None


class Step(Strict):
    """One way to look a code up; the first that finds a standard concept wins."""

    code: Annotated[Sql | None, Field(description="another column than the one of the look-up")] = None
    when: Annotated[
        Sql | None, Field(description="rows that this step is for; a row that does not satisfy it goes to the next")
    ] = None
    clean: Annotated[str | None, Field(description="a cleaning rule, applied to the code first")] = None
    through: Annotated[str | None, Field(description="a code master: the code is replaced by what it stands for")] = (
        None
    )
    vocabulary: Annotated[str | None, Field(description="vocabulary_id whose `Maps to` is followed")] = None
    map: Annotated[str | None, Field(description="a code map of this hospital or of mappings/shared/maps")] = None
    prefix: Annotated[
        int | None,
        Field(ge=3, description="when the code is unknown, its longest known prefix of at least so many letters"),
    ] = None


class Key(NamedTuple):
    """What a step takes for its code: SQL, and the rows that it does so for (None: all)."""

    code: str
    when: str | None

    @property
    def label(self) -> str:
        """The code for a reader, with the rows that it is taken of."""
        return f"{self.code} when {self.when}" if self.when else self.code


class Lookup(Step):
    """A code and where to look it up."""

    code: Annotated[Sql, Field(description="column, or SQL over columns, that holds the code")]
    fallback: Annotated[tuple[Step, ...], Field(description="tried in turn")] = ()
    description: Annotated[Sql | None, Field(description="text of the code, for the worklist of unmapped codes")] = None

    @property
    def steps(self) -> list[tuple[Step, Key]]:
        """The steps in turn, each with what it looks up."""
        return [(step, Key(step.code or self.code, step.when)) for step in (self, *self.fallback)]

    @property
    def keys(self) -> list[Key]:
        """All that is looked up; the first is the code of the row."""
        return list(dict.fromkeys([Key(self.code, None), *(key for _, key in self.steps)]))

    def expressions(self) -> list[str]:
        """All SQL over the columns of a row."""
        own = [self.code, *([self.description] if self.description else [])]
        return [*own, *(text for _, key in self.steps for text in key if text is not None)]
