"""What has to be so for a move, by the names in `chain.yaml`: each says why not, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from etl.research.requests.case import Case
from etl.research.requests.chain import chain
from etl.research.requests.forms import PRINCIPAL, RESEARCHER, accounts_of, lacking, pledge, whole_table

VOTES = ("for", "against", "abstain")
IRB_RESULTS = ("approved", "exempt", "refused")


@dataclass(frozen=True, slots=True)
class Asked:
    """A move that is asked for: who, what is said with it, today; `board` may sit in a review, `known` have accounts.

    `form` is the new version of a request, of moves that bring one.
    """

    actor: str
    said: Mapping[str, Any]
    day: date
    board: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    registered: frozenset[str] = frozenset()
    form: Mapping[str, Any] | None = None


def _names_actor(case: Case, asked: Asked) -> str | None:
    people = (case.form if asked.form is None else asked.form).get("people", ())
    mine = [p for p in people if p["account"] == asked.actor and p["part"] in (PRINCIPAL, RESEARCHER)]
    return None if mine else f"it does not name {asked.actor} as {PRINCIPAL} or {RESEARCHER}"


def _names_known(case: Case, asked: Asked) -> str | None:
    form = case.form if asked.form is None else asked.form
    if unknown := sorted(accounts_of(form) - asked.known):
        return f"nobody has the account {', '.join(unknown)}"
    strange = sorted(set(form.get("hospitals", ())) - asked.registered)
    return f"there is no hospital {', '.join(strange)}" if strange else None


def _form_begun(case: Case, asked: Asked) -> str | None:
    missing = lacking("request", case.form if asked.form is None else asked.form, ["new"])
    return f"the form lacks {', '.join(missing)}" if missing else None


def _form_complete(case: Case, asked: Asked) -> str | None:
    missing = lacking("request", case.form, ["new", "submit"])
    if missing:
        return f"the form lacks {', '.join(missing)}"
    return "its last day of use has passed" if date.fromisoformat(case.form["until"]) < asked.day else None


def _irb_told(_case: Case, asked: Asked) -> str | None:
    if asked.said["result"] not in IRB_RESULTS:
        return f"the result of an IRB is one of {', '.join(IRB_RESULTS)}"
    until = asked.said.get("until")
    if asked.said["result"] == "approved" and until is None:
        return "an approval of the IRB holds until a day"
    return "the IRB's approval is over" if until and date.fromisoformat(until) < asked.day else None


def _irb_valid(case: Case, asked: Asked) -> str | None:
    result = case.irb
    if result is None or result.said["result"] == "refused":
        return "the IRB has not passed it"
    until = result.said.get("until")
    return "the IRB's approval is over" if until and date.fromisoformat(until) < asked.day else None


def _seats_enough(_case: Case, asked: Asked) -> str | None:
    least = chain().review.least_seats
    return None if len(set(asked.said["members"])) >= least else f"a review has at least {least} members"


def _seats_free(case: Case, asked: Asked) -> str | None:
    members = set(asked.said["members"])
    if strange := sorted(members - asked.board):
        return f"no member of the board: {', '.join(strange)}"
    own = sorted(members & case.people)
    return f"nobody reviews their own request: {', '.join(own)}" if own else None


def _seated(case: Case, asked: Asked) -> str | None:
    return None if asked.actor in case.seats else f"{asked.actor} does not sit in this review"


def _undeclared(case: Case, asked: Asked) -> str | None:
    return f"{asked.actor} has declared already" if asked.actor in case.declared else None


def _declared_free(case: Case, asked: Asked) -> str | None:
    if asked.actor not in case.declared:
        return f"{asked.actor} has not declared yet whether there is a conflict of interest"
    return _no_conflict(case, asked)


def _no_conflict(case: Case, asked: Asked) -> str | None:
    return f"{asked.actor} has declared a conflict of interest" if case.declared.get(asked.actor) else None


def _unvoted(case: Case, asked: Asked) -> str | None:
    return f"{asked.actor} has voted already" if asked.actor in case.votes else None


def _vote_told(_case: Case, asked: Asked) -> str | None:
    wanted, held = set(chain().review.criteria), set(asked.said["criteria"])
    if asked.said["vote"] not in VOTES:
        return f"a vote is one of {', '.join(VOTES)}"
    if unknown := held - wanted:
        return f"there is no criterion {', '.join(sorted(unknown))}"
    if asked.said["vote"] == "for" and held != wanted:
        return f"who votes for it finds that all hold: {', '.join(sorted(wanted))}"
    return None


def _quorum(case: Case, _asked: Asked) -> str | None:
    needed = chain().review.quorum * len(case.seats)
    if len(case.votes) > needed:
        return None
    return f"{len(case.votes)} of {len(case.seats)} members have voted; more than {needed:g} are needed"


def _has_majority(case: Case) -> bool:
    votes = list(case.votes.values())
    return votes.count("for") > chain().review.majority * len(votes)


def _majority(case: Case, _asked: Asked) -> str | None:
    return None if _has_majority(case) else "the majority is not for it"


def _no_majority(case: Case, _asked: Asked) -> str | None:
    return "the majority is for it" if _has_majority(case) else None


def _conditions_within(case: Case, asked: Asked) -> str | None:
    given, form = asked.said["conditions"], case.form
    if missing := lacking("conditions", given, ["approve"]):
        return f"the conditions lack {', '.join(missing)}"
    allowed = {
        "hospitals": set(form["hospitals"]) - case.kept_out, "recipients": case.people,
        "variables": {v for v in given["variables"] if not {v, whole_table(v)}.isdisjoint(form["variables"])},
    }  # fmt: skip
    if beyond := [key for key, wanted in allowed.items() if not set(given[key]) <= wanted]:
        return f"more is approved than was asked for, or is let in: {', '.join(beyond)}"
    period, asked_for = given["period"], form["period"]
    if period["from"] < asked_for["from"] or period["to"] > asked_for["to"]:
        return "the approved period is longer than was asked for"
    irb_until = case.irb.said.get("until") if case.irb else None
    last = min(day for day in (form["until"], irb_until) if day)
    if given["until"] > last:
        return f"the approval would go on beyond {last}, the last day asked for or that of the IRB's approval"
    return "the approval would be over before it begins" if given["until"] < asked.day.isoformat() else None


def _let_in_so_far(case: Case, asked: Asked) -> str | None:
    return "its data are kept out already" if asked.said["hospital"] in case.kept_out else None


def _kept_out_so_far(case: Case, asked: Asked) -> str | None:
    return None if asked.said["hospital"] in case.kept_out else "its data are not kept out"


def _some_hospital(case: Case, _asked: Asked) -> str | None:
    return None if case.hospitals else "every hospital keeps its data out"


def _pledge_current(_case: Case, asked: Asked) -> str | None:
    version = pledge().version
    return None if asked.said["text"] == version else f"the text that is signed today is that of {version}"


def _all_pledged(case: Case, _asked: Asked) -> str | None:
    signed = {who for who, text in case.pledges.items() if text == pledge().version}
    missing = sorted(case.people - signed)
    return f"the security pledge is not signed by {', '.join(missing)}" if missing else None


def _not_who_built(case: Case, asked: Asked) -> str | None:
    built = case.newest("build")
    return "who built the data does not test them" if built and built.actor == asked.actor else None


def _not_who_ended(case: Case, asked: Asked) -> str | None:
    ends = [step for step in case.steps if step.after == "closed" and step.before != "closed"]
    return "who ended the use does not destroy its data" if ends and ends[-1].actor == asked.actor else None


def _has_data(case: Case, _asked: Asked) -> str | None:
    return None if case.has_data else "no data of it were built"


def _no_data(case: Case, _asked: Asked) -> str | None:
    return "data of it were built: they are given up, closed and destroyed" if case.has_data else None


def _unordered(case: Case, asked: Asked) -> str | None:
    order = case.ordered
    return "you have had it begun already" if order and order.actor == asked.actor else None


def _breach_by_officer(case: Case, asked: Asked) -> str | None:
    return (
        "a breach is closed by the privacy officer" if case.state == "breached" and asked.actor in case.people else None
    )


Guard = Callable[[Case, Asked], str | None]
GUARDS: Mapping[str, Guard] = {
    guard.__name__.removeprefix("_"): guard
    for guard in (
        _form_begun, _names_actor, _names_known, _form_complete, _irb_told, _irb_valid, _seats_enough, _seats_free,
        _seated, _undeclared, _declared_free, _no_conflict, _unvoted, _vote_told, _quorum, _majority, _no_majority,
        _conditions_within, _let_in_so_far, _kept_out_so_far, _some_hospital, _pledge_current, _all_pledged,
        _not_who_built, _not_who_ended, _has_data, _no_data, _unordered, _breach_by_officer,
    )
}  # fmt: skip
