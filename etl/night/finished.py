"""Where a killed run goes on: finished work of a stage is used again, unfinished work is never taken for finished.

A stage works in a folder of its own, `.<name>.<pid>`, that takes its final name when the work is done, with a marker
`_stage.json` that holds the key of its inputs and its accounts.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from etl.errors import InputError
from etl.files import read_json
from etl.night.lake.names import MARKER
from etl.night.run import Run
from etl.store.ledger.records import Accounts

REUSED = "reused"
DONE = "done"


def written(run: Run, stage: str, inputs: str, work: Callable[[Path], Accounts]) -> tuple[Accounts, str]:
    """Do a stage's work in a folder of its own, unless the same work lies there finished; record its accounts.

    `inputs` tells what the work depends on besides program, mappings and vocabulary.
    """
    folder = run.folder(stage)
    key = hashlib.sha256(f"{stage}\0{run.fingerprint}\0{inputs}".encode()).hexdigest()
    accounts = None if run.force else _reusable(folder, key)
    state = REUSED
    if accounts is None:
        state = DONE
        with workspace(folder) as place:
            accounts = work(place)
            _finish(place, key, accounts)
    run.ledger.record_accounts(run.run_id, accounts)
    return accounts, state


@dataclass(frozen=True, slots=True)
class Marker:
    """What the marker of a finished stage says."""

    key: str
    accounts: Accounts


def read_marker(file: Path) -> Marker:
    """The marker of a finished stage, whatever it is called since."""
    return read_json(file, Marker)


def key_of(run: Run, stage: str) -> str:
    """The key of a finished stage that another one builds on; InputError when it has not been run."""
    marker = run.folder(stage) / MARKER
    if not marker.exists():
        raise InputError(f"the stage '{stage}' has not been run for {run.run_id}", hint="run the stages in order")
    return hashlib.sha256(marker.read_bytes()).hexdigest()


def rows_of(accounts: Sequence[Mapping[str, Any]]) -> int:
    """The rows of accounts, all together."""
    return sum(row["rows"] for row in accounts)


@contextmanager
def workspace(folder: Path) -> Iterator[Path]:
    """A folder to work in that takes the place of `folder` only when the work is done."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for stale in folder.parent.glob(f".{folder.name}.*"):
        shutil.rmtree(stale, ignore_errors=True)
    partial = folder.with_name(f".{folder.name}.{os.getpid()}")
    partial.mkdir()
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _reusable(folder: Path, key: str) -> Accounts | None:
    """The accounts of a finished stage made from the same inputs, or None."""
    marker = folder / MARKER
    if not marker.exists():
        return None
    said = read_marker(marker)
    return said.accounts if said.key == key else None


def _finish(folder: Path, key: str, accounts: Accounts) -> None:
    """Write the marker of a finished stage into its working folder."""
    text = json.dumps({"key": key, "accounts": asdict(accounts)}, ensure_ascii=False)
    (folder / MARKER).write_text(text, encoding="utf-8")
