"""What files of batches hold, for those who may see it: checkers while they check, the request's people once released.

Who sees it is written down before it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from etl.errors import ConfigError, UsageError
from etl.research.outbox.batch import Batch
from etl.research.outbox.engine import require
from etl.research.outbox.given import Handed, unsafe
from etl.research.outbox.kept import batch_of, contents_of, named_ever
from etl.research.outbox.policy import policy
from etl.research.outbox.who import By, person_of, tell
from etl.research.requests.engine import Forbidden
from etl.research.requests.read import show_request
from etl.store.ledger.ledger import Ledger

_TOLD = {"open": "output opened", "fetch": "output fetched"}


def contents(ledger: Ledger, number: int, move: str, by: By, *, file: int | None = None) -> list[Handed]:
    """The files of a batch, or one of them, with what they hold; `move`: `open` to check it, `fetch` once released.

    Raises Forbidden and NotYet as `require` does, UsageError where there is no such batch or file.
    """
    with ledger.engine.connect() as con:
        batch = batch_of(con, number)
        named = named_ever(con, batch.request)
    role = require(show_request(ledger, batch.request), move, person_of(ledger, by.actor), batch)
    if move == "open":
        _must_check(batch, by.actor, named)
    wanted = [each for each in batch.files if file in (None, each.number)]
    if not wanted:
        raise UsageError(f"batch {number} has no file {file}", hint=f"etl output show {number}")
    with ledger.engine.begin() as con:
        found = contents_of(con, batch.request, wanted)
        which = {"file": file} if file else {}
        tell(con, _TOLD[move], batch, by, role, files=len(wanted), **which)
    return found


def write_to(folder: Path, files: Sequence[Handed]) -> list[Path]:
    """Write files into a folder, of the user alone where it is new, and return where they are.

    Raises UsageError where one is there already: nothing is written over.
    """
    if any(unsafe(each.name) for each in files):
        raise ConfigError("a file in the ledger has a name that was never handed in", hint="tell the privacy officer")
    paths = [folder / each.name for each in files]
    if any(path.exists() or path.is_symlink() for path in paths):
        raise UsageError("a file of that name is there already", hint="name an empty folder with --to")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, each in zip(paths, files, strict=True):
        with path.open("xb") as target:
            target.write(each.content)
    return paths


def _must_check(batch: Batch, name: str, named: set[str]) -> None:
    if name == batch.actor or name in named:
        raise Forbidden(f"{name} is or was named on request {batch.request}: others check its outputs",
                        hint="what waits for you: etl output list --mine")  # fmt: skip
    if name not in batch.seats and len(batch.seats) >= policy().checkers:
        raise Forbidden(f"batch {batch.number} has been taken up by {' and '.join(batch.seats)}",
                        hint="what waits for you: etl output list --mine")  # fmt: skip
