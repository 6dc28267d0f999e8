"""What a file is: by its ending, and by its first bytes, which have to be those of its ending; `kinds.yaml`."""

from __future__ import annotations

from functools import cache
from pathlib import PurePath
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict

from etl.files import packaged

_UNKNOWN = "look_unknown"
_TEXTS = frozenset({"text", "json", "html"})


class Kind(BaseModel):
    """A kind of files: which reader looks into it, and what is found of it as it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endings: tuple[str, ...]
    begins: tuple[str, ...] = ()
    reads: str | None = None
    finds: str | None = None

    def fits(self, head: bytes) -> bool:
        """Whether first bytes are those of the kind: one of its own, or, of a text, those of nothing else."""
        if self.begins:
            return any(head.startswith(bytes.fromhex(sign)) for sign in self.begins)
        return self.reads not in _TEXTS or not _sign_of(head)


@cache
def _said() -> Any:
    return yaml.safe_load(packaged(__name__, "kinds.yaml"))


@cache
def _kinds() -> dict[str, Kind]:
    kinds = (Kind.model_validate(said) for said in _said()["kinds"].values())
    return {ending: kind for kind in kinds for ending in kind.endings}


def _sign_of(head: bytes) -> str | None:
    """What a file begins like, of what no text begins with."""
    signs = ((name, bytes.fromhex(sign)) for name, each in _said()["signs"].items() for sign in each)
    return next((name for name, sign in signs if head.startswith(sign)), None)


def kind_of(name: str, head: bytes) -> Kind:
    """The kind of a file of this name; one without a known ending is told by its first bytes where they say it."""
    known = _kinds().get(PurePath(name).suffix.casefold())
    if known is not None:
        return known
    sign = _sign_of(head)
    return Kind(endings=(), finds={"archive": "archive", "data": "data_file"}.get(sign or "", _UNKNOWN))
