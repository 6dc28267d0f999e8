"""Whether something may be done with a batch, by whom, and which step it is; it knows of no database and no page."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from etl.errors import UsageError
from etl.research.outbox.batch import Batch, Step
from etl.research.outbox.policy import REFUSE, REFUSED, RELEASE, RELEASED, WAITING, policy
from etl.research.requests.case import Case
from etl.research.requests.chain import chain
from etl.research.requests.engine import Forbidden, NotYet, Person
from etl.research.requests.forms import PRINCIPAL, RESEARCHER


class Overtaken(UsageError):
    """Somebody else did something with the batch meanwhile; `last` is the number of the newest step that is shown."""

    def __init__(self, message: str, last: int) -> None:
        """Keep what is so now and the number to say the next time."""
        super().__init__(message, hint="look again: etl output show; then do it again if it still holds")
        self.last = last


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody says of a batch: a verdict, a comment, comments on files by their numbers."""

    verdict: str | None = None
    comment: str | None = None
    comments: Mapping[int, str] = field(default_factory=dict)


def role_in(people: Collection[str], move: str, person: Person) -> str | None:
    """The role in which somebody may do something with outputs of a request that names `people`; None: in none."""
    named = person.name in people
    for role in policy().moves[move].may:
        if (role, None) in person.roles and named == (chain().roles[role].bound_to == "request"):
            return role
    return None


def role_for(case: Case, move: str, person: Person) -> str:
    """The role of `role_in`; raises Forbidden where there is none."""
    if role := role_in(case.people, move, person):
        return role
    titles = " or ".join(chain().roles[role].title.en for role in policy().moves[move].may)
    raise Forbidden(
        f"{person.name} may not {move.replace('_', ' ')} outputs of request {case.number}: {titles} may, "
        "researchers of their own request only, everybody else of others' only",
        hint="who has which role: etl request role list",
    )


def require(case: Case, move: str, person: Person, batch: Batch | None = None) -> str:
    """The role in which somebody may do something now.

    Raises Forbidden where the person may not, NotYet where request or batch do not stand so.
    """
    role, rule = role_for(case, move, person), policy().moves[move]
    if rule.in_use and case.state not in policy().in_use:
        raise _not_in_use(case, f"{move.replace('_', ' ')} is possible while its data are in use")
    if rule.not_stopped and case.state in policy().stopped:
        raise _not_in_use(case, "nothing is fetched before the stop is lifted")
    if batch and rule.of and batch.state not in rule.of:
        raise NotYet(f"batch {batch.number} is {batch.state}: {move} is not possible any more",
                     hint=f"etl output show {batch.number}")  # fmt: skip
    if move == "hand_in" and person.name not in _researchers(case):
        raise Forbidden(f"request {case.number} does not name {person.name} as {PRINCIPAL} or {RESEARCHER}",
                        hint=f"etl request show {case.number}")  # fmt: skip
    return role


def decision(
    batch: Batch, case: Case, person: Person, said: Said, at: datetime, *, named: Collection[str], seen: int | None
) -> Step:  # fmt: skip
    """The step that a checker's decision is; `named` are all whom any version of the request names.

    Raises what `require` raises, Overtaken where what the checker can see has changed since the step `seen`,
    UsageError where what is said is no decision.
    """
    role = require(case, "decide", person, batch)
    _must_be_strange(batch, person, named)
    shown = batch.shown_to(person.name, is_author=False)[-1]
    if seen is not None and seen != shown.number:
        raise Overtaken(f"batch {batch.number} has changed meanwhile: it is in round {batch.round} now", shown.number)
    _must_be_said(batch, said)
    if person.name in batch.decided(batch.round):
        raise NotYet(f"{person.name} has decided on batch {batch.number} already; the other's decision is awaited",
                     hint=f"etl output show {batch.number}")  # fmt: skip
    seats = batch.seats
    if person.name not in seats and len(seats) >= policy().checkers:
        raise Forbidden(f"batch {batch.number} has been taken up by {' and '.join(seats)}; nobody takes their place",
                        hint="what waits for you: etl output list --mine")  # fmt: skip
    if said.verdict == RELEASE:
        _must_be_of_these_data(batch, case)
    after, is_complete = outcome(batch, person.name, said.verdict)
    began = at if is_complete else batch.steps[-1].entered_at
    return Step(batch.last + 1, at, person.name, role, "decide", batch.round, after, began, said.verdict,
                said.comment or None, dict(said.comments))  # fmt: skip


def outcome(batch: Batch, actor: str, verdict: str | None) -> tuple[str, bool]:
    """How a batch stands after a decision, and whether its round is complete with it.

    All release: released. All refuse, or they differ in the last round: refused. Else it waits on.
    """
    verdicts = {step.verdict for step in batch.decided(batch.round).values()} | {verdict}
    if len(batch.decided(batch.round).keys() | {actor}) < policy().checkers:
        return WAITING, False
    if verdicts == {RELEASE}:
        return RELEASED, True
    return (REFUSED if verdicts == {REFUSE} or batch.round >= policy().rounds else WAITING), True


def withdrawal(batch: Batch, case: Case, person: Person, said: Said, at: datetime, *, seen: int | None) -> Step:
    """The step by which an author takes a batch back; raises as `decision` does."""
    role = require(case, "withdraw", person, batch)
    if person.name != batch.actor:
        raise Forbidden(f"batch {batch.number} was handed in by {batch.actor}, who alone withdraws it",
                        hint=f"etl output show {batch.number}")  # fmt: skip
    shown = batch.shown_to(person.name, is_author=True)[-1]
    if seen is not None and seen != shown.number:
        raise Overtaken(f"batch {batch.number} has changed meanwhile: it is {batch.state}", shown.number)
    return Step(batch.last + 1, at, person.name, role, "withdraw", batch.round, "withdrawn", at, None, said.comment)


def _must_be_strange(batch: Batch, person: Person, named: Collection[str]) -> None:
    if person.name == batch.actor or person.name in named:
        raise Forbidden(f"{person.name} is or was named on request {batch.request}: others check its outputs",
                        hint="what waits for you: etl output list --mine")  # fmt: skip
    if own := sorted(set(batch.seats) & set(named)):
        raise NotYet(
            f"batch {batch.number} was taken up by {' and '.join(own)}, whom the request names since",
            hint=f"its author hands it in anew: etl output withdraw {batch.number}",
        )


def _must_be_of_these_data(batch: Batch, case: Case) -> None:
    """A hospital may have been kept out since, or less approved: what was made of the data before does not leave."""
    built = case.newest("build")
    if built and built.at > batch.at:
        raise NotYet(
            f"the data of request {case.number} were built anew since batch {batch.number} was handed in; "
            "nothing was changed",
            hint=f"refuse it, or its author takes it back: etl output withdraw {batch.number}",
        )


def _must_be_said(batch: Batch, said: Said) -> None:
    if said.verdict not in policy().verdicts:
        raise UsageError(f"a verdict is one of {', '.join(policy().verdicts)}", hint="etl output --help")
    if unknown := sorted(set(said.comments) - {file.number for file in batch.files}):
        raise UsageError(f"batch {batch.number} has no file {unknown[0]}", hint=f"etl output show {batch.number}")
    if said.verdict == REFUSE and not said.comment and not any(said.comments.values()):
        raise UsageError("who refuses says why, on the batch or on a file", hint="etl output refuse --help")
    longest = max((len(text) for text in said.comments.values()), default=0)
    if len(said.comment or "") > policy().letters or longest > policy().file_letters:
        raise UsageError(f"a comment has at most {policy().letters:,} letters, on a file {policy().file_letters:,}",
                         hint="make it shorter")  # fmt: skip


def _not_in_use(case: Case, why: str) -> NotYet:
    return NotYet(
        f"request {case.number} is {chain().states[case.state].title.en}: {why}; nothing was changed",
        hint=f"do it when it is open again; how it stands: etl request show {case.number}",
    )


def _researchers(case: Case) -> set[str]:
    return {each["account"] for each in case.form["people"] if each["part"] in (PRINCIPAL, RESEARCHER)}
