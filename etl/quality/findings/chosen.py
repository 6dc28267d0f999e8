"""Which tracked findings are asked for, and what a person has to know of them in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from etl.pages.formats import count
from etl.pages.language import ENGLISH, Say, noted
from etl.quality.findings.read import NEWS, Tracked, list_findings
from etl.quality.findings.states import states
from etl.store.ledger.ledger import Ledger

#: What the last night told of a finding, in words of the catalogue.
COURSES = (
    noted("new"), noted("came back"), noted("worse"), noted("still there"), noted("better"), noted("gone"),
)  # fmt: skip
#: In place of one state or course: all but what is resolved, whatever it is, what a person has not seen coming.
UNRESOLVED, ANY, NEW = "", "any", "news"
FINDINGS_OF_A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which findings are asked for: an empty text asks for all, of states for all but the resolved ones."""

    hospital: str = ""
    state: str = UNRESOLVED
    owner: str = ""
    course: str = ""
    late: bool = False

    @property
    def asked(self) -> tuple[tuple[str, str], ...]:
        """As a link says it."""
        said = (("hospital", self.hospital), ("state", self.state), ("owner", self.owner), ("course", self.course),
                ("late", "1" if self.late else ""))  # fmt: skip
        return tuple((name, value) for name, value in said if value)

    def has(self, finding: Tracked, day: date) -> bool:
        """Whether a finding is among them on a day."""
        return (
            (self.state in (ANY, finding.state)
             or (self.state == UNRESOLVED and finding.state != "resolved"))
            and (not self.owner or finding.owner == self.owner)
            and (not self.course or finding.course == self.course or (self.course == NEW and finding.course in NEWS))
            and (not self.late or finding.is_late(day))
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Listed:
    """Findings that are asked for, what needs a person first, and whose findings can be asked for."""

    chosen: Chosen
    findings: tuple[Tracked, ...]
    hospitals: tuple[str, ...]
    owners: tuple[str, ...]
    day: date


def listed(ledger: Ledger, chosen: Chosen, day: date) -> Listed:
    """The findings that are asked for on a day in Korea."""
    every = list_findings(ledger)
    found = [f for f in every if (not chosen.hospital or f.hospital == chosen.hospital) and chosen.has(f, day)]
    owners = sorted({f.owner for f in every if f.owner})
    return Listed(chosen, tuple(found), tuple(sorted({f.hospital for f in every})), tuple(owners), day)


def news_of(ledger: Ledger, hospital: str | None = None) -> list[Tracked]:
    """What is new, came back or became worse on the last night, and is not resolved."""
    return list_findings(ledger, hospital, [name for name in states().states if name != "resolved"], news=True)


def sentence(found: Sequence[Tracked], day: date, say: Say = ENGLISH) -> str:
    """What a person has to know of some findings."""
    if not found:
        return say("There is no such finding.")
    waiting = [f for f in found if f.needs_a_person]
    hospitals = len({f.hospital for f in waiting})
    told = [
        say.many("%(n)s finding needs a person", "%(n)s findings need a person, at %(hospitals)s", len(waiting),
                 hospitals=say.many("%(n)s hospital", "%(n)s hospitals", hospitals))
        if waiting else say("No finding needs a person")
    ]  # fmt: skip
    words = Counter(f.course for f in waiting)
    if news := [f"{words[word]:,} {say(word)}" for word in NEWS if words[word]]:
        told[0] += f" ({', '.join(news)})"
    if late := sum(f.is_late(day) for f in found):
        told.append(say.many("%(n)s is overdue", "%(n)s are overdue", late))
    return "; ".join([*told, say("%(n)s in all", n=count(len(found)))]) + "."
