"""Whatever people try in whatever order, the chain keeps what it promises."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import asked_for
from asked_for import CRITERIA, DIGEST, HOSPITALS, PEOPLE, SEATS, WAY, conditions, day, form, last_day
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import EtlError
from etl.research.requests.case import Case, Step
from etl.research.requests.chain import chain
from etl.research.requests.engine import Person, expiry, next_step
from etl.research.requests.forms import pledge
from etl.research.requests.guards import Asked

ASIDE = ("withdraw", "give_up", "send_back", "refuse", "suspend", "breach", "change", "keep_out", "register")
IN_USE = ("built", "adequate", "open", "outputs_checked")
ENDED = ("destroyed", "registered")
WHO = {
    name: Person(name, frozenset({(role, "snuh" if role == "steward" else None)})) for name, role in PEOPLE.items()
} | {"insider": Person("insider", frozenset((role, "snuh") for role in chain().roles) | frozenset(
        (role, None) for role in chain().roles))}  # fmt: skip
FORMS = (
    form(), form(title="other"), form(purpose="else"),
    form(variables=["condition_occurrence.condition_concept_id"]), form(until=day(40)),
    form(people=[*form()["people"], {"account": "insider", "name": "I", "part": "recipient", "affiliation": "A"}]),
)  # fmt: skip

SAID: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "irb": [{"result": result, "number": "1", "until": day(150)} for result in ("approved", "exempt", "refused")],
    "open_review": [{"members": each} for each in (SEATS, SEATS[:2], [*SEATS[:2], "insider"], [*SEATS, "chair"])],
    "declare": [{"conflict": each} for each in (False, False, False, True)],
    "vote": [{"vote": each, "criteria": CRITERIA} for each in ("for", "for", "for", "against", "abstain")],
    "approve": [{"conditions": conditions(until=day(60))},
                {"conditions": conditions(hospitals=["cnuh"],
                variables=["condition_occurrence.condition_concept_id"], until=day(60))}],
    "keep_out": [{"hospital": "snuh"}], "let_in": [{"hospital": "snuh"}],
    "pledge": [{"name": "n", "text": pledge().version}], "build": [{"result": "built", "digest": DIGEST},
    {"result": "failed", "digest": DIGEST}],
    "test": [{"result": each} for each in ("passed", "failed")],
    "check_outputs": [{"result": each, "digest": DIGEST} for each in ("passed", "failed")],
    "destroy": [{"certificate": "c"}],
}  # fmt: skip


def holds(steps: list[Step], forms: list[dict[str, Any]]) -> None:  # noqa: PLR0912 - one promise after the other
    """What the chain promises, told from the steps alone."""
    irb: str | None = None
    seats: list[str] = []
    votes: dict[str, str] = {}
    conflicts: set[str] = set()
    declared: set[str] = set()
    out: set[str] = set()
    built: set[str] = set()
    approved: set[str] = set()
    data = False
    for step in steps:
        named = {p["account"] for p in forms[step.version - 1]["people"]} if step.version else set()
        before = {p["account"] for p in forms[max(step.version - 1 - (step.move == "change"), 0)]["people"]}
        if step.role not in ("researcher", None):
            assert step.actor not in named, "nobody decides on their own"
        if step.move in ("change", "submit", "pledge", "use_further"):
            assert step.actor in before
        if step.after in ("draft", "submitted"):
            irb = None
        if step.move == "irb":
            irb = step.said["result"]
        elif step.move == "open_review":
            seats, votes, conflicts, declared = step.said["members"], {}, set(), set()
            assert len(set(seats)) >= 3
            assert not named & set(seats)
        elif step.move == "declare":
            declared.add(step.actor)
            conflicts |= {step.actor} if step.said["conflict"] else set()
        elif step.move == "vote":
            assert step.actor in seats
            assert step.actor not in {*votes, *conflicts}
            votes[step.actor] = step.said["vote"]
        elif step.move == "approve":
            assert irb in ("approved", "exempt"), "never approved without the IRB"
            assert len(votes) * 2 > len(seats), "never approved without quorum"
            assert Counter(votes.values())["for"] * 2 > len(votes), "never approved without a majority"
            assert step.actor in declared - conflicts, "who decides has declared"
            approved = set(step.said["conditions"]["hospitals"])
            assert not approved & out
        elif step.move == "keep_out":
            out.add("snuh")
        elif step.move == "let_in":
            out.discard("snuh")
        elif step.move == "build":
            data, built = step.said["result"] == "built", approved - out
        elif step.move == "destroy":
            data = False
        if step.after in IN_USE:
            assert data
            assert irb in ("approved", "exempt")
            assert not built & out, "no data are used of a hospital that keeps them out"
        if step.before in ENDED:
            assert step.move == "register"
        if step.after in ("withdrawn", "destroyed", "registered"):
            assert not data, "nothing ends with data still there"


def walked(random: Random) -> tuple[list[Step], list[dict[str, Any]]]:
    """The steps of a request that goes some of the straight way, and then where people at random try to lead it."""
    forms, case, today = [FORMS[0]], Case(1, (), {}), last_day(day(0))
    straight = [("new", "researcher"), *((move, who) for move, who, _ in WAY)][: random.randrange(len(WAY))]
    for n in range(120):
        if n < len(straight):
            (move, who), said = straight[n], asked_for.SAID.get(straight[n][0], {})
        else:
            today += timedelta(days=random.choice((0,) * 20 + (1, 20, 60)))
            move = random.choice(wanted(case, random))
            who, said = random.choice(likely(move)), random.choice(SAID.get(move, [{}]))
        now = datetime(today.year, today.month, today.day, 3) + timedelta(seconds=n)
        if case.is_over(today):
            case = replace(case, steps=(*case.steps, expiry(case, today, now)))
        new = random.choice(FORMS) if move == "change" else FORMS[0] if move == "new" else None
        everybody = frozenset(WHO)
        asked = Asked(who, {"reason": "r", **said}, today, everybody, everybody, frozenset(HOSPITALS), new)
        try:
            step = next_step(case, move, WHO[who], asked, now, is_work=True)
        except EtlError:
            continue
        if new is not None and move == "change":
            forms.append(new)
        case = replace(case, steps=(*case.steps, step), form=new or case.form)
    return list(case.steps), forms


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**40))
def test_no_walk_breaks_what_the_chain_promises(seed: int) -> None:
    holds(*walked(Random(seed)))


def test_the_walks_go_everywhere() -> None:
    reached = {step.after for seed in range(60) for step in walked(Random(seed))[0]}
    assert reached == set(chain().states)


def wanted(case: Case, random: Random) -> list[str]:
    """Moves of which one is tried: mostly one that leads on, now and then one that leads aside, or any at all."""
    possible = chain().possible(case.state) if case.steps else ["new"]
    onward, aside = [m for m in possible if m not in ASIDE], [m for m in possible if m in ASIDE]
    return random.choices((onward, aside, list(chain().moves)), (0.85, 0.08, 0.07))[0] or possible or ["register"]


def likely(move: str) -> list[str]:
    """Anybody, those who may more often."""
    return [*WHO, *[name for name, role in PEOPLE.items() if role in chain().moves[move].may] * 8]
