"""What is unusual in the audit log, worked off: looked for once a day, and looked at by somebody whom it is not about.

Both are entries of that log, so that nothing is changed or forgotten. Of what was found, person, rule and day are one
thing; it is new until a person in one of `LOOKERS` has noted what it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from etl.errors import UsageError
from etl.faults import as_etl_error
from etl.research.requests.engine import Forbidden
from etl.research.requests.roles import ever_held, held, person
from etl.settings import Settings
from etl.store.audit.entry import Said
from etl.store.audit.tables import ENTRY
from etl.store.audit.unusual import Unusual, rules, unusual
from etl.store.audit.write import write
from etl.store.ledger.ledger import Ledger

FOUND, LOOKED_AT = "unusual found", "unusual looked at"
#: Roles in requests whose holders look at what is unusual.
LOOKERS = ("privacy_officer", "auditor")
#: How far back is looked: days on which nobody looked are made up for.
_BACK = timedelta(days=30)
_ITSELF = "etl"
Key = tuple[str, str, date]


@dataclass(frozen=True, slots=True)
class Thing:
    """One unusual thing; `number` is that of the entry that tells it, `about` a person or address, times are UTC.

    `by`, `at` and `note` say who looked at it; None: it is new.
    """

    number: int
    rule: str
    about: str
    day: date
    n: int
    limit: int
    by: str | None = None
    at: datetime | None = None
    note: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether nobody has looked at it."""
        return self.by is None

    @property
    def key(self) -> Key:
        """What makes it one thing."""
        return self.rule, self.about, self.day

    def means(self, language: str) -> str:
        """What its rule finds; the rule's name where there is no such rule any more."""
        rule = rules().get(self.rule)
        return self.rule if rule is None else rule.ko if language == "ko" else rule.means


def look_through(con: sa.Connection, today: date) -> int:
    """Write down what is unusual of the days before `today` (in Korea) and is not known yet; how many things."""
    known = {thing.key for thing in things(con)}
    found = [each for each in unusual(con, today - _BACK, today - timedelta(days=1)) if _key(each) not in known]
    for each in reversed(found):  # the oldest first
        details = {"rule": each.rule, "about": each.actor, "day": str(each.day), "n": each.n, "limit": each.limit}
        write(con, Said(FOUND, _ITSELF, subject=f"{each.rule}: {each.actor}, {each.day}", details=details))
    return len(found)


def look_through_daily(settings: Settings, today: date) -> list[str]:
    """Look, and return a line where that failed: it disturbs no night."""
    try:
        with Ledger(settings.ledger_url).engine.begin() as con:
            look_through(con, today)
    except Exception as raised:
        return [f"the audit log was not looked through: {as_etl_error(raised).message}"]
    return []


def things(con: sa.Connection) -> list[Thing]:
    """All that was found, the new first, then the newest; notes of who may not look, or at their own, do not count."""
    columns = (ENTRY.c.number, ENTRY.c.kind, ENTRY.c.actor, ENTRY.c.happened_at, ENTRY.c.reason, ENTRY.c.details)
    asked = ENTRY.c.kind.in_((FOUND, LOOKED_AT)) & ENTRY.c.pruned_by.is_(None)
    found: dict[Key, Thing] = {}
    numbers: dict[int, Key] = {}
    lookers = ever_held(con, LOOKERS)
    for row in con.execute(sa.select(*columns).where(asked).order_by(ENTRY.c.number)).mappings():
        said = json.loads(row["details"])
        if row["kind"] == FOUND and (thing := _thing(row["number"], said)):
            found.setdefault(thing.key, thing)
            numbers[thing.number] = thing.key
        elif (key := numbers.get(said.get("found"))) and row["actor"] in lookers - {key[1]} and found[key].is_new:
            found[key] = replace(found[key], by=row["actor"], at=row["happened_at"], note=row["reason"])
    return sorted(found.values(), key=lambda each: (each.is_new, each.day, each.number), reverse=True)


def new_things(ledger: Ledger) -> int:
    """How many wait for somebody to look at them."""
    with ledger.engine.connect() as con:
        return sum(each.is_new for each in things(con))


def look_at(
    ledger: Ledger, number: int, note: str, *, actor: str, address: str | None = None, entered_by: str | None = None
) -> Thing:  # fmt: skip
    """Note what an unusual thing was; from then on it is not new any more.

    Raises Forbidden where the actor is in none of the roles or it is about the actor, UsageError where there is no such
    thing, somebody else was first, or nothing is noted.
    """
    if not note.strip():
        raise UsageError("say what it was", hint="a note of some words; no patient's data")
    with ledger.engine.begin() as con:
        role = _role(con, actor)
        thing = _there(things(con), number)
        if not thing.is_new:
            raise UsageError(f"{thing.by} has looked at it already", hint="etl audit unusual")
        if thing.about == actor:
            raise Forbidden("nobody looks at what is about themselves", hint="another privacy officer or auditor does")
        details = {"found": number, **({"entered_by": entered_by} if entered_by else {})}
        write(con, Said(LOOKED_AT, actor, role, f"{thing.rule}: {thing.about}, {thing.day}", note.strip(), address,
                        details=details))  # fmt: skip
    return thing


def _role(con: sa.Connection, actor: str) -> str:
    roles = {role for role, _ in person(actor, held(con)).roles}
    if not (mine := [role for role in LOOKERS if role in roles]):
        raise Forbidden(f"{actor} may not look at what is unusual: privacy officers and auditors do",
                        hint="who has which role: etl request role list")  # fmt: skip
    return mine[0]


def _there(found: Iterable[Thing], number: int) -> Thing:
    thing = next((each for each in found if each.number == number), None)
    if thing is None:
        raise UsageError(f"there is no unusual thing {number}", hint="etl audit unusual")
    return thing


def _key(each: Unusual) -> Key:
    return each.rule, each.actor, each.day


def _thing(number: int, said: dict[str, Any]) -> Thing | None:
    """What an entry tells; None for one that was written by hand and tells something else."""
    try:
        day = date.fromisoformat(said["day"])
        return Thing(number, str(said["rule"]), str(said["about"]), day, int(said["n"]), int(said["limit"]))
    except (KeyError, TypeError, ValueError):
        return None
