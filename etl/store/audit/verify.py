"""Finds what was done to the audit log, and where: by its chain, by what was pruned, by the anchors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from etl.store.audit.anchors import Anchor
from etl.store.audit.entry import Entry
from etl.store.audit.kinds import PRUNED
from etl.store.audit.tables import ENTRY, HEAD

_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the entries `first` to `last`: one of a few words, and a sentence."""

    what: str
    first: int
    last: int
    says: str


@dataclass(slots=True)
class Verdict:
    """What was found: how many entries were read, how many of them are emptied, how many anchors were held against."""

    log: str = ""
    entries: int = 0
    pruned: int = 0
    anchors: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def verify(con: sa.Connection, anchors: Sequence[Anchor] = ()) -> Verdict:
    """Read the whole log once and hold it against its chain, its head, what was pruned, and the anchors."""
    head = con.execute(sa.select(HEAD)).mappings().first()
    found = Verdict(head["log"] if head else "", anchors=len(anchors))
    if head is None:
        found.faults.append(Fault("no head", 1, 1, "the log has no head: it was removed"))
    chain = _Chain(found, {a.number: a.digest for a in anchors})
    _read(con, chain)
    chain.end(head)
    _hold_anchors(found, chain, anchors)
    found.faults.sort(key=lambda fault: (fault.first, fault.last))
    return found


def _read(con: sa.Connection, chain: _Chain) -> None:
    """Take all entries; one that cannot be read, as nobody wrote such a one, is told and passed over."""
    at_once = _AT_ONCE
    while True:
        try:
            for entry in entries(con, ENTRY.c.number > chain.seen, at_once=at_once):
                chain.take(entry)
        except (ValueError, TypeError, OverflowError):
            if at_once == 1:  # it is the next one
                after = sa.select(sa.func.min(ENTRY.c.number)).where(ENTRY.c.number > chain.seen)
                chain.pass_over(con.execute(after).scalar_one())
            at_once = 1 if at_once > 1 else _AT_ONCE
        else:
            return


def entries(
    con: sa.Connection, where: sa.ColumnElement[bool] | None = None, *, at_once: int = _AT_ONCE
) -> Iterator[Entry]:
    """Entries in their order, some thousand at a time; ValueError or TypeError for one that is none."""
    query = sa.select(ENTRY).where(sa.true() if where is None else where).order_by(ENTRY.c.number)
    for row in con.execution_options(yield_per=at_once).execute(query).mappings():
        yield Entry(**row)


class _Chain:
    """The entries as they are read, one after the other."""

    def __init__(self, found: Verdict, anchored: dict[int, str]) -> None:
        self.found, self.anchored = found, anchored
        self.last, self.digest = 0, found.log
        self.seen = 0  # its number, whether it could be read or not
        self.digests: dict[int, str] = {}
        self._stubs: dict[int, tuple[hashlib._Hash, int, int, int]] = {}
        self._said: dict[int, tuple[str, int]] = {}

    def take(self, entry: Entry) -> None:
        """The next entry."""
        self.found.entries += 1
        number = entry.number
        if number != self.last + 1:
            self._fault("missing", self.last + 1, number - 1, "entries are missing")
        if entry.previous != self.digest:
            says = "does not follow the entry before it: one of the two was changed, put in, moved or taken out"
            self._fault("broken", number, number, says)
        if entry.pruned_by is not None:
            self._take_stub(entry)
        elif entry.sealed() != entry.digest:
            self._fault("changed", number, number, "is not as it was written")
        elif entry.kind == PRUNED:
            self._take_pruning(entry)
        if number in self.anchored:
            self.digests[number] = entry.digest
        self.last, self.digest, self.seen = number, entry.digest, number

    def pass_over(self, number: int) -> None:
        """An entry that cannot be read."""
        self._fault("changed", number, number, "cannot be read: it holds what no entry can")
        self.found.entries += 1
        self.seen = number

    def _take_stub(self, entry: Entry) -> None:
        self.found.pruned += 1
        by = entry.pruned_by or 0
        digest, count, first, _ = self._stubs.get(by, (hashlib.sha256(), 0, entry.number, 0))
        digest.update((("\n" if count else "") + entry.stub()).encode())
        self._stubs[by] = (digest, count + 1, first, entry.number)

    def _take_pruning(self, entry: Entry) -> None:
        try:
            said = json.loads(entry.details)
            self._said[entry.number] = (said["stubs"], said["count"])
        except (ValueError, KeyError, TypeError):
            self._fault("changed", entry.number, entry.number, "says nothing of the entries that it emptied")

    def end(self, head: sa.RowMapping | None) -> None:
        """After the last entry: does the head say the same, and was everything that is empty pruned?"""
        if head is not None and head["number"] > self.last:
            self._fault("cut off", self.last + 1, head["number"], "the end of the log was taken away")
        elif head is not None and self.last and (head["number"], head["digest"]) != (self.last, self.digest):
            self._fault("head", self.last, self.last, "is not what the head says that it should be")
        for by, (digest, count, first, last) in self._stubs.items():
            if self._said.get(by) != (digest.hexdigest(), count):
                self._fault("emptied", first, last, f"entries were emptied that entry {by} does not account for")
        for by in self._said.keys() - self._stubs.keys():
            self._fault("emptied", by, by, "accounts for emptied entries that are not there")

    def _fault(self, what: str, first: int, last: int, says: str) -> None:
        self.found.faults.append(Fault(what, first, last, says))


def _hold_anchors(found: Verdict, chain: _Chain, anchors: Sequence[Anchor]) -> None:
    """The log at each anchor must be what was noted then."""
    held = 0
    for anchor in sorted(anchors, key=lambda a: a.number):
        if anchor.log != found.log:
            says = f"the log was begun anew: on {anchor.at} another one was noted"
            found.faults.append(Fault("begun anew", 1, max(chain.last, 1), says))
            return
        if anchor.number > chain.last:
            says = f"the end of the log was taken away: on {anchor.at} it went to entry {anchor.number}"
            found.faults.append(Fault("cut off", chain.last + 1, anchor.number, says))
            return
        if chain.digests.get(anchor.number) != anchor.digest:
            says = f"entries were written anew: on {anchor.at} entry {anchor.number} was another one"
            found.faults.append(Fault("rewritten", held + 1, anchor.number, says))
            return
        held = anchor.number
