"""How tracked findings stand and what may be done about them: `states.yaml`."""

from __future__ import annotations

from functools import cache
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from etl.files import packaged
from etl.quality.battery.definition import Words

Said = Literal["reason", "until", "owner", "due"]
SAID: tuple[Said, ...] = ("reason", "until", "owner", "due")
PERSON, BY_ITSELF = "person", "itself"


class State(BaseModel):
    """How a finding stands; `needs_a_person`: nobody has looked at it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words
    needs_a_person: bool = False


class Action(BaseModel):
    """What may be done in some states, and what it leads to."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    by: Literal["person", "itself"]
    from_: tuple[str, ...] | None = Field(None, alias="from")
    to: str | None = None
    needs: tuple[Said, ...] = ()
    may: tuple[Said, ...] = ()

    def is_allowed(self, state: str) -> bool:
        """Whether it may be done in a state."""
        return self.from_ is None or state in self.from_


class States(BaseModel):
    """All of `states.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    states: dict[str, State]
    first: str
    actions: dict[str, Action]
    much_worse_from: float = Field(gt=1)

    @model_validator(mode="after")
    def _known(self) -> States:
        named = {self.first, *(s for a in self.actions.values() for s in (*(a.from_ or ()), *([a.to] if a.to else [])))}
        if unknown := named - set(self.states):
            raise ValueError(f"there is no state {', '.join(sorted(unknown))}")
        return self

    def of_persons(self, state: str | None = None) -> list[str]:
        """What a person may do: in a state, or at all."""
        return [n for n, a in self.actions.items() if a.by == PERSON and (state is None or a.is_allowed(state))]


@cache
def states() -> States:
    """The states of the package."""
    return States.model_validate(yaml.safe_load(packaged(__name__, "states.yaml")))
