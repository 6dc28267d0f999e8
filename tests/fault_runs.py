"""The catalogue in one run: its faults in pieces, first all at their realistic size, then smaller ones."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fault_catalogue import Fault, catalogue
from fault_nights import Nights, Verdict
from long_runs import Notes, work_through

_OF_A_PIECE = 22
SMALLER = "-smaller"  # ends the name of the piece that has the other shares


@dataclass(frozen=True)
class Seen:
    """A fault and its verdicts, the one at its realistic size first."""

    fault: Fault
    verdicts: tuple[Verdict, ...]

    @property
    def realistic(self) -> Verdict:
        """At the size that it has."""
        return self.verdicts[0]

    @property
    def tried(self) -> bool:
        """Whether there was no smaller share, or one was tried."""
        return len(self.verdicts) > 1 or len(self.fault.shares) == 1

    @property
    def smallest(self) -> float | None:
        """The least share of those tried that was seen."""
        return min((v.share for v in self.verdicts if v.seen), default=None)


def pieces(faults: Sequence[Fault]) -> dict[str, list[Fault]]:
    """The faults of one hospital each, so many that two processes end at about the same time."""
    found: dict[str, list[Fault]] = {}
    for hospital in sorted({f.hospital for f in faults}):
        mine = [f for f in faults if f.hospital == hospital]
        count = -(-len(mine) // _OF_A_PIECE)
        found |= {f"{hospital}-{n + 1}": mine[n::count] for n in range(count)}
    return found


def go_on(notes: Notes) -> None:
    """Make what is left of the faults of a piece, or of their smaller shares."""
    piece = notes.piece.removesuffix(SMALLER)
    place, done = notes.folder / piece, {line["fault"] for line in notes.lines()}
    mine = pieces(catalogue())[piece]
    nights = Nights(place, mine[0].hospital)
    for fault in mine:
        shares = fault.shares[1:] if notes.piece.endswith(SMALLER) else fault.shares[:1]
        if fault.id not in done and shares:
            notes.add(fault=fault.id, verdicts=[asdict(v) for v in _judged(nights, fault, shares)])


def _judged(nights: Nights, fault: Fault, shares: Sequence[float]) -> list[Verdict]:
    """Down to the first share that is not seen; the battery is asked where the fault is of its realistic size."""
    found: list[Verdict] = []
    for share in shares:
        found.append(nights.judge(fault, share, measured=share == fault.shares[0]))
        if not found[-1].seen:
            break
    return found


def judge_all(folder: Path, faults: Sequence[Fault], processes: int, *, smaller: bool) -> list[Seen]:
    """All faults as they were seen, those that an earlier run has made already as it left them."""
    chosen = {f.id for f in faults}
    lines: dict[str, list[Mapping[str, Any]]] = {}
    for suffix in ("", SMALLER) if smaller else ("",):
        counts = {
            piece + suffix: sum(len(f.shares) > 1 for f in mine) if suffix else len(mine)
            for piece, mine in pieces(catalogue()).items()
            if chosen & {f.id for f in mine}
        }
        for notes in work_through(folder, counts, go_on, processes):
            for line in notes.lines():
                lines.setdefault(line["fault"], []).extend(line["verdicts"])
    for piece in pieces(catalogue()):
        shutil.rmtree(folder / piece, ignore_errors=True)
    return [Seen(f, tuple(_read(v) for v in lines[f.id])) for f in faults]


def _read(line: Mapping[str, Any]) -> Verdict:
    return Verdict(**{**line, "signs": tuple(line["signs"])})
