"""Who decides what may leave, as data: `policy.yaml`."""

from __future__ import annotations

from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from etl.errors import UsageError, nearest
from etl.files import packaged
from etl.quality.battery.definition import Words
from etl.research.requests.chain import chain

#: How a batch stands.
WAITING, RELEASED, REFUSED, WITHDRAWN = "waiting", "released", "refused", "withdrawn"
#: What a checker says of it.
RELEASE, REFUSE = "release", "refuse"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class State(_Part):
    """How a batch stands, in words."""

    title: Words


class Move(_Part):
    """What is done with a batch; see the file."""

    title: Words
    may: tuple[str, ...]
    of: tuple[str, ...] = ()
    in_use: bool = False
    not_stopped: bool = False


class Policy(_Part):
    """All of the file."""

    checkers: int = Field(ge=2)
    rounds: int = Field(ge=1)
    days: int = Field(gt=0)
    files: int = Field(gt=0, le=12)  # a page's form has at most 20 fields
    bytes: int = Field(gt=0)
    name_bytes: int = Field(gt=0, le=200)  # what the ledger has place for
    letters: int = Field(gt=0, le=4000)
    file_letters: int = Field(gt=0)
    in_use: frozenset[str]
    stopped: frozenset[str]
    states: dict[str, State]
    verdicts: dict[str, Words]
    moves: dict[str, Move]

    @model_validator(mode="after")
    def _known(self) -> Policy:
        roles = {role for move in self.moves.values() for role in move.may}
        unknown = (roles - set(chain().roles)) | ((self.in_use | self.stopped) - set(chain().states))
        unknown |= {state for move in self.moves.values() for state in move.of} - set(self.states)
        bound = {role for role in roles & set(chain().roles) if chain().roles[role].bound_to == "hospital"}
        if unknown or bound:
            raise ValueError(f"no role or state of outputs: {', '.join(sorted(unknown | bound))}")
        return self

    def state(self, name: str) -> str:
        """The name of a state; UsageError for one that there is not."""
        if name not in self.states:
            raise UsageError(f"there is no state '{name}'{nearest(name, self.states)}", hint="etl output list --help")
        return name


@cache
def policy() -> Policy:
    """The policy of the package."""
    return Policy.model_validate(yaml.safe_load(packaged(__name__, "policy.yaml")))
