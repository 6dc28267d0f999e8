"""What the audit log tells of (`kinds.yaml`): names and meanings in English and Korean, and how long each is kept."""

from __future__ import annotations

from functools import cache

import yaml
from pydantic import BaseModel, ConfigDict, Field

from etl.errors import UsageError, nearest
from etl.files import packaged

#: The kind of an entry that says which entries before it were emptied.
PRUNED = "log pruned"


class Kind(BaseModel):
    """One kind of entries; `years` is how long they are kept at least, None for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ko: str
    means: str
    means_ko: str
    years: int | None = Field(default=None, ge=2)
    reads: bool = False


@cache
def kinds() -> dict[str, Kind]:
    """All kinds by name, in the order of the file."""
    said = yaml.safe_load(packaged(__name__, "kinds.yaml"))
    return {name: Kind.model_validate(line) for name, line in said.items()}


def known(name: str) -> str:
    """The name of a kind; UsageError for one that there is not."""
    if name not in kinds():
        raise UsageError(f"there is no kind '{name}'{nearest(name, kinds())}", hint="etl audit kinds")
    return name


def named(name: str, language: str) -> str:
    """A kind's name in a language."""
    kind = kinds().get(name)
    return kind.ko if kind and language == "ko" else name
