"""The rule of four eyes: what destroys something (`two.yaml`) needs two people, two accounts in roles that fit."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import sqlalchemy as sa
import yaml
from pydantic import BaseModel, ConfigDict, TypeAdapter

from etl.errors import UsageError, nearest
from etl.files import packaged
from etl.settings import Settings
from etl.store.ledger.ledger import Ledger
from etl.store.ledger.office import ACCOUNT
from etl.store.ledger.requests import REQUEST_ROLE
from etl.store.recorded import tell


class Pair(BaseModel):
    """Roles of who does a step and of who agrees; `lost`: it may be done in a home that has no account yet."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by: tuple[str, ...]
    agreed: tuple[str, ...]
    lost: bool = False


@cache
def steps() -> Mapping[str, Pair]:
    """The steps that need two people, by the kind of their entry in the audit log."""
    return TypeAdapter(dict[str, Pair]).validate_python(yaml.safe_load(packaged(__name__, "two.yaml")))


class Two:
    """Two people who agreed on a step, as they have been looked up; what they did is told by `tell`."""

    def __init__(self, settings: Settings, step: str, by: str, agreed: str, reason: str) -> None:
        """Raise UsageError unless both are accounts that may sign in, different, in roles of the step."""
        self._settings, self._step = settings, step
        self.by, self.agreed, self.reason = by.strip(), agreed.strip(), reason.strip()
        if not (self.by and self.agreed and self.reason) or self.by.casefold() == self.agreed.casefold():
            raise UsageError("this needs two people and a reason: one who does it, another who agrees",
                             hint="--by A --agreed B --reason …")  # fmt: skip
        pair, held = steps()[step], _held(Ledger(settings.ledger_url))
        if held or not pair.lost:
            _must_be(self.by, "does", pair.by, held)
            _must_be(self.agreed, "agrees to", pair.agreed, held)

    def tell(self, subject: str, **details: object) -> None:
        """Write down that it was done, by whom, who agreed, and why."""
        tell(self._settings, self._step, subject, actor=self.by, reason=self.reason,
             details={"agreed": self.agreed, **details})  # fmt: skip


def _must_be(name: str, does: str, roles: tuple[str, ...], held: Mapping[str, frozenset[str]]) -> None:
    if name not in held:
        raise UsageError(f"'{name}' has no account of the office that may sign in{nearest(name, held)}",
                         hint="etl office account list")  # fmt: skip
    if held[name].isdisjoint(roles):
        raise UsageError(f"{name} is not one who {does} this: {' or '.join(roles)} may",
                         hint="etl office account list, etl request role list")  # fmt: skip


def _held(ledger: Ledger) -> dict[str, frozenset[str]]:
    """The roles of every account that may sign in, its own and those in requests."""
    rows = ledger.read(sa.select(ACCOUNT.c.name, ACCOUNT.c.role).where(ACCOUNT.c.disabled_at.is_(None)))
    held = {row["name"]: {row["role"]} for row in rows}
    given: dict[tuple[str, str, str | None], bool] = {}
    for row in ledger.read(sa.select(REQUEST_ROLE).order_by(REQUEST_ROLE.c.number)):
        given[row["account"], row["role"], row["hospital"]] = row["given"]
    for (account, role, _), holds in given.items():
        if holds and account in held:
            held[account].add(role)
    return {name: frozenset(roles) for name, roles in held.items()}
