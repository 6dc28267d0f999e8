"""A check of ours as it is written down, and one that stands for several tables as each of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from etl.errors import Problem
from etl.quality.battery.definition import Words
from etl.quality.battery.own.items import Item

_HOLE = re.compile(r"\{(\w+)\}")
Each = dict[str, Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]]


def _number(said: Any) -> Any:
    """A number as it is; a truth value and a text are none."""
    if isinstance(said, bool | str):
        raise ValueError("is no number")  # noqa: TRY004 -- what pydantic takes for a mistake of the writer
    return said


class Said(BaseModel):
    """The keys of a check. `table` may stand in `each` instead, with what else differs by table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    check: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_{}]*$")]
    table: str = ""
    field: str = ""
    each: Annotated[list[Each], Field(min_length=1)] | None = None
    violated: str = "true"
    of: str = ""
    beside: list[Literal["person", "visit_occurrence", "death"]] = []
    severity: Literal["fatal", "convention", "characterization"]
    category: Literal["Conformance", "Completeness", "Plausibility"]
    subcategory: str = ""
    dimension: Literal["completeness", "validity", "consistency", "accuracy", "uniqueness"]
    threshold: Annotated[float, BeforeValidator(_number), Field(ge=0, le=100, allow_inf_nan=False)]
    says: Words
    cause: Words
    reason: Words | None = None


def read(item: Item) -> Said | list[Problem]:
    """The check of an item, or everything that is wrong with its keys."""
    try:
        return Said.model_validate(item.said)
    except ValidationError as error:
        return [item.problem(str(e["loc"][0]) if e["loc"] else "-", _words(e)) for e in error.errors()]


def _words(error: Any) -> str:
    below = ".".join(str(part) for part in error["loc"][1:])
    said = {"extra_forbidden": "is no key of a check", "missing": "is missing"}.get(error["type"], error["msg"])
    return f"{below} {said}".strip()


def each_of(said: Said) -> Iterator[tuple[Said, Mapping[str, str]]]:
    """The checks that one stands for, with what is filled into its texts."""
    for one in said.each or [{}]:
        names = {"table": said.table, "field": said.field} | one
        filled = {key: fill(value, names) for key, value in said.model_dump(include=_FILLED).items()}
        yield said.model_copy(update={**filled, "table": names["table"], "field": names["field"]}), names


_FILLED = {"check", "violated", "of"}


def fill(text: str, names: Mapping[str, str]) -> str:
    """A text with its holes filled; a hole that nothing fills stays."""
    return _HOLE.sub(lambda hole: names.get(hole[1], hole[0]), text)


def words(said: Words, names: Mapping[str, str]) -> Words:
    """Words with their holes filled, and whatever signs are left as they are for `str.format`."""
    return Words(**{key: fill(text, names).replace("{", "{{").replace("}", "}}") for key, text in said})


def pieces(text: str) -> list[tuple[bool, str]]:
    """A text cut at its holes: whether a piece is one, and its name or the text between."""
    cut = _HOLE.split(text)
    return [(bool(i % 2), part) for i, part in enumerate(cut) if part or i % 2]


def holes(text: str) -> list[str]:
    """The names of the holes in a text."""
    return _HOLE.findall(text)
