"""The chain as data: `chain.yaml`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from etl.errors import UsageError, nearest
from etl.files import packaged
from etl.quality.battery.definition import Words

#: In the place of a state that a move leads to.
TOUCHED, BACK = "touched", "back"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Role(_Part):
    """A role; `bound_to` says to which requests it is limited."""

    title: Words
    bound_to: Literal["request", "hospital"] | None = None


class State(_Part):
    """How a request stands; `days` are working days in which those it waits for are to move it on."""

    title: Words
    days: int | None = Field(None, gt=0)
    waits_for: tuple[str, ...] = ()


class Move(_Part):
    """A move from some states to another; see the head of the file."""

    title: Words
    may: tuple[str, ...] = ()
    from_: tuple[str, ...] = Field((), alias="from")
    to: str | None = None
    turns: Mapping[str, Mapping[str, str]] = {}
    rebuilds: bool = False
    needs: tuple[str, ...] = ()
    holds: tuple[str, ...] = ()
    work: bool = False
    orders: str | None = None

    def states(self) -> Iterator[str]:
        """All states that it names."""
        yield from self.from_
        yield from (to for turn in self.turns.values() for to in turn.values())
        if self.to and self.to not in (TOUCHED, BACK):
            yield self.to


class Review(_Part):
    """What makes a decision of the board."""

    least_seats: int = Field(ge=3)
    quorum: float = Field(ge=0.5, lt=1)
    majority: float = Field(ge=0.5, lt=1)
    criteria: dict[str, Words]


class Chain(_Part):
    """All of the file."""

    roles: dict[str, Role]
    roles_given_by: tuple[str, ...]
    review: Review
    states: dict[str, State]
    first: str
    order: tuple[str, ...]
    moves: dict[str, Move]

    @model_validator(mode="after")
    def _known(self) -> Chain:
        states = {self.first, *self.order, *(s for move in self.moves.values() for s in move.states())}
        roles = {*self.roles_given_by, *(r for move in self.moves.values() for r in move.may)}
        roles |= {r for state in self.states.values() for r in state.waits_for}
        works = {move.orders for move in self.moves.values() if move.orders}
        unknown = (states - set(self.states)) | (roles - set(self.roles))
        unknown |= {name for name in works if name not in self.moves or not self.moves[name].work}
        if unknown:
            raise ValueError(f"there is no state, role or work {', '.join(sorted(unknown))}")
        return self

    def role(self, name: str) -> str:
        """The name of a role; UsageError for one that there is not."""
        if name not in self.roles:
            raise UsageError(f"there is no role '{name}'{nearest(name, self.roles)}", hint="etl request role list")
        return name

    def state(self, name: str) -> str:
        """The name of a state; UsageError for one that there is not."""
        if name not in self.states:
            raise UsageError(f"there is no state '{name}'{nearest(name, self.states)}", hint="etl request list --help")
        return name

    def earliest(self, state: str, touched: list[str]) -> str:
        """The state that a change leads to: the first of those that it touches, never one behind the present."""
        return min([state, *touched], key=self.order.index)

    def possible(self, state: str) -> list[str]:
        """Moves of persons in a state."""
        return [name for name, move in self.moves.items() if state in move.from_ and move.may]


@cache
def chain() -> Chain:
    """The chain of the package."""
    return Chain.model_validate(yaml.safe_load(packaged(__name__, "chain.yaml")))
