"""The engine: whether a move may be made, by whom, and which step it is; it knows of no database and no page."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

from etl.errors import InputError, UsageError, nearest
from etl.research.requests.case import ITSELF, Case, Step
from etl.research.requests.chain import BACK, TOUCHED, Move, chain
from etl.research.requests.forms import touched
from etl.research.requests.guards import GUARDS, Asked


class Forbidden(UsageError):
    """Somebody without the right to it asked for a move."""


class NotYet(InputError):
    """What a move needs is not so."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who asks: an account, and its roles, those of a hospital with its short name."""

    name: str
    roles: frozenset[tuple[str, str | None]] = frozenset()


def next_step(
    case: Case, name: str, person: Person, asked: Asked, at: datetime, *, is_work: bool = False
) -> Step:  # fmt: skip
    """The step that a move is; `is_work`: it comes from what did the work that it records.

    Raises UsageError for a move that there is not, is not possible now or lacks what is said with it, Forbidden where
    the person may not make it, NotYet where what it needs is not so.
    """
    move = _known(name)
    role = role_for(case, name, person, asked)
    if bool(case.steps) == (name == "new") or (case.steps and case.state not in move.from_):
        raise UsageError(
            f"request {case.number} is {case.state or 'not there'}: {name} is not possible",
            hint=f"possible are {', '.join(chain().possible(case.state)) or 'none'}",
        )
    if move.work and not is_work:
        raise UsageError(f"{name} is recorded by what does the work", hint="it cannot be said by hand")
    if missing := [each for each in move.needs if asked.said.get(each) in (None, "")]:
        raise UsageError(f"{name} needs {' and '.join(missing)}", hint="etl request --help")
    if reasons := [why for guard in move.holds if (why := GUARDS[guard](case, asked))]:
        raise NotYet(f"{name} of request {case.number} is not possible: {'; '.join(reasons)}",
                     hint=f"etl request show {case.number}")  # fmt: skip
    return _made(case, name, asked, at, role)


def expiry(case: Case, day: date, at: datetime) -> Step:
    """The step by which a request ends by itself."""
    return _made(case, "expire", Asked(ITSELF, {}, day), at, None)


def role_for(case: Case, name: str, person: Person, asked: Asked) -> str:
    """The role in which a person may make a move; Forbidden where there is none."""
    move = _known(name)
    form = case.form if asked.form is None or case.steps else asked.form
    for role in move.may:
        if _may_in(role, person, case, form.get("hospitals", ()), asked.said.get("hospital")):
            return role
    titles = " or ".join(chain().roles[role].title.en for role in move.may) or "nobody"
    raise Forbidden(
        f"{person.name} may not {name.replace('_', ' ')} request {case.number}: {titles} may, "
        "and but for researchers nobody on their own request",
        hint="who has which role: etl request role list",
    )


def may_see(person: Person, people: Collection[str], hospitals: Collection[str]) -> bool:
    """Whether somebody may read a request: who it names, stewards of its hospitals, every other role of the chain."""
    for role, where in person.roles:
        bound = chain().roles[role].bound_to
        if (
            bound is None
            or (bound == "request" and person.name in people)
            or (bound == "hospital" and where in hospitals)
        ):
            return True
    return False


def allowed(case: Case, person: Person) -> list[str]:
    """Moves that a person may say of a request as it stands, whatever else they need."""
    found = []
    for name in chain().possible(case.state):
        with suppress(Forbidden):
            if not chain().moves[name].work:
                role_for(case, name, person, Asked(person.name, {}, date.min))
                found.append(name)
    return found


def _may_in(role: str, person: Person, case: Case, asked_of: Collection[str], hospital: str | None) -> bool:
    held = {where for each, where in person.roles if each == role}
    on = chain().roles[role].bound_to
    if on == "request":
        return bool(held) and (not case.steps or person.name in case.people)
    if person.name in case.people:
        return False
    if on == "hospital":
        return any(where in asked_of and hospital in (None, where) for where in held)
    return bool(held)


def _known(name: str) -> Move:
    if name not in chain().moves:
        raise UsageError(f"there is no move '{name}'{nearest(name, chain().moves)}", hint="etl request --help")
    return chain().moves[name]


def _made(case: Case, name: str, asked: Asked, at: datetime, role: str | None) -> Step:
    after = _after(case, chain().moves[name], asked)
    said = {key: value for key, value in asked.said.items() if key not in ("hospital", "reason")}
    until = case.until
    if name == "approve":
        until = date.fromisoformat(asked.said["conditions"]["until"])
    elif after in _BEFORE_APPROVAL and not case.has_data:
        until = None
    return Step(
        number=case.last + 1, at=at, actor=asked.actor, role=role, move=name, before=case.state, after=after,
        version=(case.steps[-1].version if case.steps else 0) + (asked.form is not None),
        entered_at=case.steps[-1].entered_at if case.steps and after == case.state else at, until=until,
        hospital=asked.said.get("hospital"), reason=asked.said.get("reason"), said=said,
    )  # fmt: skip


def _after(case: Case, move: Move, asked: Asked) -> str:
    """The state that a move leads to."""
    for key, turns in move.turns.items():
        if (said := asked.said.get(key)) in turns:
            return turns[str(said)]
    if move.to == TOUCHED:
        return chain().earliest(case.state, touched(case.form, asked.form or {}))
    if move.to == BACK:
        return case.back
    if move.rebuilds and case.state in _BUILT:
        return "approved"
    return move.to or case.state


_ORDER = chain().order
_BEFORE_APPROVAL = _ORDER[: _ORDER.index("approved")]
_BUILT = _ORDER[_ORDER.index("built") :]
