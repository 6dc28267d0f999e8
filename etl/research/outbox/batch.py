"""A batch as its steps tell it: what was handed in, how it stands, who decided what, and who is shown which of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etl.research.disclosure.findings import Place
from etl.research.outbox.policy import REFUSED, WAITING, policy


@dataclass(frozen=True, slots=True)
class File:
    """One file of a batch: its number from 1, its name as its author gave it, SHA-256, size in bytes."""

    number: int
    name: str
    digest: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Left:
    """What the automatic check left to the checkers: a rule, in which file (by number), at how many places."""

    file: int
    rule: str
    places: tuple[Place, ...]
    number: int


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who did what when (UTC), and how the batch stands since; `comments` are on files, by their numbers.

    `round` is the one that it belongs to, `entered_at` when the round began that the batch waits in, or when it ended.
    """

    number: int
    at: datetime
    actor: str
    role: str
    move: str
    round: int
    after: str
    entered_at: datetime
    verdict: str | None = None
    comment: str | None = None
    comments: Mapping[int, str] = field(default_factory=dict)
    entered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Files that were handed in together, and their steps in order.

    `beside` is how many released batches of the request they were checked beside, `threshold` what the check let pass.
    """

    number: int
    request: int
    at: datetime
    actor: str
    note: str
    digest: str
    files: Sequence[File]
    beside: int
    threshold: int
    findings: Sequence[Left]
    steps: Sequence[Step]

    @property
    def state(self) -> str:
        """How it stands."""
        return self.steps[-1].after

    @property
    def last(self) -> int:
        """The number of its newest step."""
        return self.steps[-1].number

    @property
    def seats(self) -> list[str]:
        """The checkers who have taken it up, in that order."""
        return list(self.decided(1))

    @property
    def round(self) -> int:
        """The round of decisions that it is in, or in which it ended."""
        newest = self.steps[-1].round
        return newest + 1 if self.state == WAITING and self.is_complete(newest) else newest

    def decided(self, round_: int) -> dict[str, Step]:
        """Who decided in a round."""
        return {step.actor: step for step in self.steps if step.move == "decide" and step.round == round_}

    def is_complete(self, round_: int) -> bool:
        """Whether all checkers have decided in a round."""
        return len(self.decided(round_)) >= policy().checkers

    @property
    def has_differed(self) -> bool:
        """Whether it is refused because the checkers differed to the last."""
        return self.state == REFUSED and len({step.verdict for step in self.decided(self.round).values()}) > 1

    def shown_to(self, name: str, *, is_author: bool) -> list[Step]:
        """The steps that somebody is shown: of others' decisions those of complete rounds.

        People of the request (`is_author`) are shown decisions when nothing is to be decided any more.
        """
        return [step for step in self.steps if self._is_shown(step, name, is_author=is_author)]

    def _is_shown(self, step: Step, name: str, *, is_author: bool) -> bool:
        if step.move != "decide" or step.actor == name:
            return True
        return self.is_complete(step.round) and not (is_author and self.state == WAITING)
