"""A request as its steps tell it: how it stands, what was decided, who voted, whether there are data of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from etl.research.requests.chain import chain
from etl.research.requests.forms import Form, accounts_of

#: Who does what happens by itself.
ITSELF = "etl"
STOPS = ("suspend", "breach")


@dataclass(frozen=True, slots=True)
class Step:
    """One step: who made which move when (UTC) and why, what was said with it, and how the request stands since.

    `entered_at` is when it came into this state, `until` the last day of use that was approved.
    """

    number: int
    at: datetime
    actor: str
    role: str | None
    move: str
    before: str
    after: str
    version: int
    entered_at: datetime
    until: date | None = None
    hospital: str | None = None
    reason: str | None = None
    said: Mapping[str, Any] = field(default_factory=dict)
    entered_by: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A request: its steps in order and what its newest version says."""

    number: int
    steps: Sequence[Step]
    form: Form

    @property
    def last(self) -> int:
        """The number of the newest step; 0: there is none yet."""
        return self.steps[-1].number if self.steps else 0

    @property
    def state(self) -> str:
        """How it stands after its newest step."""
        return self.steps[-1].after if self.steps else ""

    @property
    def until(self) -> date | None:
        """The last day of use that was approved."""
        return self.steps[-1].until if self.steps else None

    def is_over(self, day: date) -> bool:
        """Whether its last day has passed and nobody has written it down yet."""
        return expires(self.state, self.until, day)

    @property
    def people(self) -> set[str]:
        """Everybody whom it names."""
        return accounts_of(self.form)

    @property
    def kept_out(self) -> set[str]:
        """Hospitals whose stewards keep their data out."""
        out: set[str] = set()
        for step in self.steps:
            if step.hospital and step.move == "keep_out":
                out.add(step.hospital)
            elif step.hospital and step.move == "let_in":
                out.discard(step.hospital)
        return out

    @property
    def hospitals(self) -> list[str]:
        """Hospitals that are approved, or before that asked for, without those that are kept out."""
        asked = self.conditions.get("hospitals") or self.form.get("hospitals", [])
        return [h for h in asked if h not in self.kept_out]

    @property
    def has_data(self) -> bool:
        """Whether data of it were built and are not destroyed."""
        made = [step for step in self.steps if step.move in ("build", "destroy")]
        # a build that failed leaves none: it took those of before away, or there were none
        return bool(made) and made[-1].move == "build" and made[-1].said["result"] == "built"

    @property
    def ordered(self) -> Step | None:
        """The newest order of work that is to be done since; None where it was done, or the request went on."""
        for step in reversed(self.steps):
            if chain().moves[step.move].orders:
                return step
            if chain().moves[step.move].work or step.after != step.before:
                return None
        return None

    @property
    def irb(self) -> Step | None:
        """The newest result of the IRB."""
        return self.newest("irb")

    @property
    def conditions(self) -> Mapping[str, Any]:
        """What was approved last; empty where nothing was, or where a change has asked for it anew since."""
        approved = self.newest("approve")
        if approved is None or any(
            s.number > approved.number and s.move in ("change", "send_back") and s.after != s.before for s in self.steps
        ):
            return {}
        found: Mapping[str, Any] = approved.said["conditions"]
        return found

    @property
    def of_review(self) -> list[Step]:
        """The steps since the newest review was opened."""
        opened = self.newest("open_review")
        return [step for step in self.steps if opened and step.number >= opened.number]

    @property
    def seats(self) -> list[str]:
        """Who sits in the newest review."""
        opened = self.newest("open_review")
        return list(opened.said["members"]) if opened else []

    @property
    def declared(self) -> dict[str, bool]:
        """Who declared in the newest review, and whether a conflict of interest."""
        return {s.actor: bool(s.said["conflict"]) for s in self.of_review if s.move == "declare"}

    @property
    def votes(self) -> dict[str, str]:
        """Who voted in the newest review, and how."""
        return {s.actor: s.said["vote"] for s in self.of_review if s.move == "vote"}

    @property
    def pledges(self) -> dict[str, str]:
        """Who signed the pledge, and which version of its text last."""
        return {s.actor: s.said["text"] for s in self.steps if s.move == "pledge"}

    @property
    def signatures(self) -> list[Step]:
        """Every pledge that was signed, also by who is not on the request any more."""
        return [step for step in self.steps if step.move == "pledge"]

    @property
    def back(self) -> str:
        """The state that it was stopped in; where its data are to be built anew, that before they were."""
        stops: list[Step] = []
        for step in self.steps:
            if step.move in STOPS:
                stops.append(step)
            elif step.move == "resume":
                stops.pop()
        stop = stops[-1]
        rebuilt = any(s.move == "keep_out" and s.number > stop.number for s in self.steps)
        return "approved" if rebuilt and _is_past(stop.before, "approved") else stop.before

    def newest(self, move: str) -> Step | None:
        """The newest step of a move."""
        return next((step for step in reversed(self.steps) if step.move == move), None)


def expires(state: str, until: date | None, day: date) -> bool:
    """Whether what is in a state ends on a day by itself."""
    return until is not None and day > until and state in chain().moves["expire"].from_


def _is_past(state: str, other: str) -> bool:
    order = chain().order
    return state in order and order.index(state) > order.index(other)
