"""Handing in: the automatic check first, beside all of the request that left before; what it refuses is not taken."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from etl.errors import InputError, TransientError, UsageError
from etl.research.disclosure.check import Checked, check_contents
from etl.research.disclosure.rules import Rules
from etl.research.outbox.batch import Batch, Left, Step
from etl.research.outbox.engine import require
from etl.research.outbox.given import Handed, as_files, checked, digest_of
from etl.research.outbox.kept import add_batch, contents_of, files_of, newest_batch, released_of
from etl.research.outbox.policy import WAITING, policy
from etl.research.outbox.who import By, person_of, tell
from etl.research.requests.read import show_request
from etl.research.requests.signs import must_be_seen
from etl.store.ledger.ledger import Ledger, now

_TRIES = 20


class NotTaken(InputError):
    """The automatic check refuses files that were handed in; `checked` says why."""

    def __init__(self, checked: Checked) -> None:
        """Keep the findings."""
        super().__init__(f"nothing was handed in: the automatic check has {len(checked.refused):,} to correct",
                         hint="correct what is marked ✗; until nothing is: etl output check")  # fmt: skip
        self.checked = checked


def check_beside(ledger: Ledger, request: int, files: Sequence[Handed], by: By, rules: Rules) -> Checked:
    """What the automatic check says of files beside those of a request that left before; nothing is kept.

    Raises as `require` does, and InputError for files that no batch has.
    """
    require(show_request(ledger, request), "check", person_of(ledger, by.actor))
    return _checked(ledger, request, checked(files), rules)[0]


def hand_in(ledger: Ledger, request: int, files: Sequence[Handed], note: str, by: By, rules: Rules) -> Batch:
    """Hand files in and return the batch that they are.

    Raises NotTaken where the automatic check refuses something, as `require` does, InputError for files that no batch
    has, UsageError where the note is empty or too long.
    """
    if not note.strip() or len(note) > policy().letters:
        raise UsageError(f"a note says what it is and why, in at most {policy().letters:,} letters",
                         hint="etl output hand-in --help")  # fmt: skip
    must_be_seen(note)
    require(show_request(ledger, request), "hand_in", person_of(ledger, by.actor))
    handed = checked(files)
    found, beside = _checked(ledger, request, handed, rules)
    if found.refused:
        raise NotTaken(found)
    for _ in range(_TRIES):
        role = require(show_request(ledger, request), "hand_in", person_of(ledger, by.actor))
        try:
            with ledger.engine.begin() as con:
                batch = _batch(newest_batch(con) + 1, request, note, by, role, now(), handed, found, beside)
                add_batch(con, batch, handed, by.entered_by)
                tell(con, "output handed in", batch, by, role, files=len(handed))
                return batch
        except IntegrityError:  # another batch was handed in at the same moment
            continue
    raise TransientError("others hand in at the same moment", hint="do it again")


def recheck(ledger: Ledger, batch: Batch, rules: Rules) -> tuple[Checked | None, int]:
    """The automatic check of a batch again, None where nothing of its request left since it was handed in; and how many
    batches of the request have left.

    Raises ConfigError where its files are not those that were handed in.
    """
    with ledger.engine.connect() as con:
        handed = contents_of(con, batch.request, batch.files)
        left = len(released_of(con, batch.request))
    return (None, left) if left == batch.beside else _checked(ledger, batch.request, handed, rules)


def _checked(ledger: Ledger, request: int, handed: Sequence[Handed], rules: Rules) -> tuple[Checked, int]:
    """The findings, and how many batches had left before."""
    with ledger.engine.connect() as con:
        batches = released_of(con, request)
        before = (each for batch in batches for each in contents_of(con, request, files_of(con, batch)))
        found = check_contents(map(_named, handed), map(_named, before), rules)
    return found, len(batches)


def _named(each: Handed) -> tuple[str, bytes]:
    return each.name, each.content


def _batch(
    number: int, request: int, note: str, by: By, role: str, at: datetime, handed: Sequence[Handed], found: Checked,
    beside: int,
) -> Batch:  # fmt: skip
    files = as_files(handed)
    numbers = {file.name: file.number for file in files}
    left = [Left(numbers[each.file], each.rule, each.places, each.number) for each in found.findings]
    first = Step(1, at, by.actor, role, "hand_in", 1, WAITING, at, entered_by=by.entered_by)
    return Batch(number, request, at, by.actor, note.strip(), digest_of(files), files, beside, found.rules.threshold,
                 left, [first])  # fmt: skip
