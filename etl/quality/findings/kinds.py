"""What fault a check is a sign of: the rules of `kinds.yaml`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from etl.files import packaged
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Words

Place = Literal["column", "table", "everywhere"]
OTHER = "other"
SOURCE, CDM = "source", "cdm"
_DATETIME, _SOURCE = re.compile("_datetime$"), re.compile("_source_(concept_id|value)$")


class Cause(BaseModel):
    """From what a fault follows: one of another kind in its table, or the same in another table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str | None = None
    table: str | None = None


class Kind(BaseModel):
    """A kind of fault, and which checks see it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Words
    says: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    battery: tuple[str, ...] = ()
    by_argument: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    place: Place = "column"
    one_moment: bool = False
    one_thing: bool = False
    of_many_tables: tuple[str, ...] = ()
    follows: Cause | None = None
    without_column: str | None = None


class Rules(BaseModel):
    """All of `kinds.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kinds: dict[str, Kind]
    other: Words
    beside: tuple[str, ...]
    concept: str
    derived: dict[str, str] = {}
    severities: dict[str, str]
    told_when_failed: frozenset[str] = Field(frozenset())

    @cached_property
    def _of_battery(self) -> dict[str, tuple[str, bool]]:
        """By kind of check: the kind of fault, and whether the column is its argument."""
        named = {check: (name, False) for name, kind in self.kinds.items() for check in kind.battery}
        return named | {check: (name, True) for name, kind in self.kinds.items() for check in kind.by_argument}

    def title(self, kind: str) -> Words:
        """A kind in words."""
        return self.kinds[kind].title if kind in self.kinds else self.other

    def fault_of_check(self, check: Check) -> Fault:
        """What a failed check of the battery is a sign of."""
        name, by_argument = self._of_battery.get(check.type.name, (self._of_ours(check), False))
        column = (check.argument if by_argument else check.field) or None
        apart = " ".join(map(str, check.concepts)) or (check.id if name == OTHER else "")
        return self._fault(CDM, check.table, column, name, apart)

    def fault_of_finding(self, finding: Mapping[str, Any]) -> Fault:
        """What a failed finding of a gate is a sign of, by its row of the ledger."""
        sentence = self.stem(finding["description"])
        name = self._kind_of(finding["expectation"], sentence)
        concept = re.search(self.concept, sentence)
        apart = sentence if name == OTHER else (concept[1] if concept else "")
        return self._fault(finding["gate"], finding["table_name"], finding["column_name"], name, apart)

    def stem(self, sentence: str) -> str:
        """A sentence without what it says beside."""
        for pattern in reversed(self.beside):
            sentence = re.sub(pattern, "", sentence)
        return sentence

    def together(self, faults: Collection[Fault]) -> dict[Fault, Fault]:
        """What the faults of one look are in truth: those that follow from another one are that one."""
        return {fault: self._caused(fault, faults) for fault in faults}

    def _caused(self, fault: Fault, others: Collection[Fault]) -> Fault:
        follows = self.kinds[fault.kind].follows if fault.kind in self.kinds else None
        if follows is None:
            return fault
        table, kind = follows.table or fault.table, follows.kind or fault.kind
        cause = self._fault(fault.place, table, fault.column, kind, "" if follows.kind else fault.apart)
        return self._caused(cause, others) if cause != fault and cause in others else fault

    def _of_ours(self, check: Check) -> str:
        fitting = (name for name, kind in self.kinds.items() if check.own and check.id.startswith(kind.ours or ("\0",)))
        return next(fitting, OTHER)

    def _kind_of(self, expectation: str, sentence: str) -> str:
        said = (name for name, kind in self.kinds.items() if any(re.search(s, sentence) for s in kind.says))
        named = (name for name, kind in self.kinds.items() if expectation in kind.gates)
        return next(said, None) or next(named, OTHER)

    def _fault(self, place: str, table: str | None, column: str | None, name: str, apart: str) -> Fault:
        kind = self.kinds.get(name)
        if kind and place == CDM and (worked_out_from := self.derived.get(f"{table}.{column}")):
            table, column = worked_out_from.split(".")
        if kind is None:
            return Fault(place, table, column, name, apart)
        if kind.without_column and column is None:
            return self._fault(place, table, None, kind.without_column, apart)
        if kind.place == "everywhere":
            return Fault(place, None, None, name, apart)
        if kind.place == "table":
            column = None
        if column and (kind.one_moment or kind.one_thing):
            column = _DATETIME.sub("_date", column)
        if column and kind.one_thing:
            column = _SOURCE.sub("_concept_id", column)
        return Fault(place, None if column in kind.of_many_tables else table, column, name, apart)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong and where: in a `source` or the `cdm`, in a table (None: in several), a column (None: no one).

    `apart` tells faults of a kind apart that are in one column: concepts, or a sentence.
    """

    place: str
    table: str | None
    column: str | None
    kind: str
    apart: str = ""

    @property
    def key(self) -> str:
        """Digest of all of it; the same on every night."""
        said = "\n".join((self.place, self.table or "*", self.column or "", self.kind, self.apart))
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@cache
def rules() -> Rules:
    """The rules of the package."""
    return Rules.model_validate(yaml.safe_load(packaged(__name__, "kinds.yaml")))


def check_name(finding: Mapping[str, Any]) -> str:
    """The name of a gate's check, the same on every night and whatever limits it has."""
    said = (finding["table_name"], finding["column_name"] or "", rules().stem(finding["description"]))
    return f"{finding['gate']} {finding['expectation']} {hashlib.sha256(chr(10).join(said).encode()).hexdigest()[:16]}"
