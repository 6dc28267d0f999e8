"""The figures a report shows: frozen values read from the ledger, with what follows from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from itertools import groupby

from etl.night.publish.approval import exceeds
from etl.quality.report.decisions import Asked

GATES = ("source", "cdm")


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run in one line; a figure is None where the run stopped before it was known."""

    run_id: str
    hospital: str
    night: date
    delivery: str
    state: str
    stage: str | None
    message: str | None
    started_at: datetime
    ended_at: datetime | None
    vocabulary: str | None
    mappings: str | None
    bytes_in: int | None
    touched: int | None
    rows_in: int | None
    mapped: int | None
    quarantined: int | None
    rejected: int | None
    filtered: int | None
    records: int | None
    records_mapped: int | None
    expectations: int
    blocking: int
    warnings: int
    number: int = 0
    worked: float | None = None
    hint: str | None = None

    @property
    def opened(self) -> bool:
        """Whether the delivery could be opened, so that it has a fingerprint."""
        return self.delivery != "-"

    @property
    def seconds(self) -> float | None:
        """Time that its stages worked, in seconds."""
        return self.worked

    @property
    def waited(self) -> float | None:
        """Time from start to end in which no stage worked, in seconds: for a person, a pool, another try."""
        if self.ended_at is None or self.worked is None:
            return None
        return max(0.0, (self.ended_at - self.started_at).total_seconds() - self.worked)

    @property
    def rate(self) -> float | None:
        """Share (0-1) of the event records whose standard concept is not 0; units are not counted."""
        return self.records_mapped / self.records if self.records and self.records_mapped is not None else None

    @property
    def accounted(self) -> int:
        """Rows whose outcome is known."""
        return sum(n or 0 for n in (self.mapped, self.quarantined, self.rejected, self.filtered))


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One expectation's verdict as the ledger holds it."""

    gate: str
    number: int
    suite: str
    table_name: str
    column_name: str | None
    expectation: str
    description: str
    severity: str
    success: bool
    unexpected: int | None
    total: int | None
    observed: str | None
    error: str | None
    approve_above: float | None
    rows_sql: str | None
    carried: int | None
    definition: str | None

    @property
    def where(self) -> str:
        """The table, and the column where the expectation is about one."""
        return f"{self.table_name}.{self.column_name}" if self.column_name else self.table_name

    @property
    def violated(self) -> int | None:
        """Rows that break it, as tracked findings call them."""
        return self.unexpected

    @property
    def is_distance(self) -> bool:
        """Whether what broke it is no part of the rows, but how far they are from what is usual: `observed` says it."""
        return self.observed is not None and (self.unexpected or 0) > (self.total or 0)

    @property
    def weight(self) -> str:
        """`block` (it closes the gate), `holds` (a person has to approve the night), or `warn`."""
        if self.severity == "block":
            return "block"
        return "holds" if exceeds(asdict(self)) else "warn"

    @property
    def file(self) -> str:
        """The file that says what is expected, below the folder of expectations."""
        return self.suite.replace(".", "/") + ".json"


WEIGHTS = ("block", "holds", "warn")


@dataclass(frozen=True, slots=True)
class Told:
    """One sentence about everything that it was found of: a rule that eight sources break is one line, with places."""

    weight: str
    description: str
    expectation: str
    places: tuple[FindingRow, ...]

    @property
    def unexpected(self) -> int:
        """Rows that break it, over all places."""
        return sum(place.unexpected or 0 for place in self.places)


def told(findings: Iterable[FindingRow]) -> tuple[Told, ...]:
    """Failed findings by what they say: what blocks first, then what a person has to approve, then by their rows."""
    said: dict[tuple[str, str, str], list[FindingRow]] = {}
    for finding in findings:
        said.setdefault((finding.weight, finding.description, finding.expectation), []).append(finding)
    lines = [Told(*key, tuple(sorted(places, key=lambda f: -(f.unexpected or 0)))) for key, places in said.items()]
    return tuple(sorted(lines, key=lambda line: (WEIGHTS.index(line.weight), -line.unexpected)))


@dataclass(frozen=True, slots=True)
class Gate:
    """All findings of one gate; what blocks comes first, then warnings, then what held."""

    name: str
    findings: tuple[FindingRow, ...]

    @property
    def failed(self) -> tuple[FindingRow, ...]:
        """What did not hold, blocking first."""
        return tuple(f for f in self.findings if not f.success)

    @property
    def told(self) -> tuple[Told, ...]:
        """What did not hold, a sentence once."""
        return told(self.failed)

    @property
    def passed(self) -> tuple[FindingRow, ...]:
        """What held."""
        return tuple(f for f in self.findings if f.success)

    @property
    def blocking(self) -> int:
        """How many blocking expectations failed; more than none closes the gate."""
        return sum(f.severity == "block" for f in self.failed)

    @property
    def warnings(self) -> int:
        """How many expectations of severity `warn` failed."""
        return len(self.failed) - self.blocking

    @property
    def state(self) -> str:
        """`skipped` (the run stopped before it), `closed` or `open`."""
        if not self.findings:
            return "skipped"
        return "closed" if self.blocking else "open"


@dataclass(frozen=True, slots=True)
class DomainRate:
    """Mapping rate of one domain."""

    domain: str
    records: int
    mapped: int
    previous_rate: float | None

    @property
    def rate(self) -> float | None:
        """Share (0-1) of the records with a standard concept."""
        return self.mapped / self.records if self.records else None

    @property
    def change(self) -> float | None:
        """Difference to the last published night, in percentage points."""
        if self.rate is None or self.previous_rate is None:
            return None
        return 100 * (self.rate - self.previous_rate)


@dataclass(frozen=True, slots=True)
class UnmappedCode:
    """A source code without a standard concept; of patients `fewer_than` that, records are in steps."""

    domain: str
    vocabulary: str
    code: str
    description: str | None
    records: int
    patients: int | None
    fewer_than: int | None
    last_seen: date | None
    running: int
    new: bool


@dataclass(frozen=True, slots=True)
class Unmapped:
    """The most frequent unmapped codes, of `codes` codes that make `records` unmapped records."""

    top: tuple[UnmappedCode, ...]
    codes: int
    records: int


@dataclass(frozen=True, slots=True)
class SourceBalance:
    """What became of one source table's rows."""

    source: str
    rows: int
    rejected: int
    quarantined: int
    filtered: int
    mapped: int

    @property
    def difference(self) -> int:
        """Rows in the file whose outcome is unknown; 0 when the account adds up."""
        return self.rows - self.rejected - self.quarantined - self.filtered - self.mapped


@dataclass(frozen=True, slots=True)
class EntryRows:
    """CDM rows that one mapping entry produced from one source."""

    cdm_table: str
    entry: str
    source: str
    source_rows: int
    rows: int

    @property
    def fan_out(self) -> float | None:
        """CDM rows per source row."""
        return self.rows / self.source_rows if self.source_rows else None


@dataclass(frozen=True, slots=True)
class ChangeCount:
    """Rows of one table that lost the same on their way; `column_name` is that of a text, else empty."""

    change: str
    cdm_table: str
    column_name: str
    rows: int

    @property
    def where(self) -> str:
        """Table, and column if there is one."""
        return f"{self.cdm_table}.{self.column_name}".rstrip(".")


@dataclass(frozen=True, slots=True)
class CdmTable:
    """CDM rows of one table over all the entries that feed it."""

    name: str
    entries: tuple[EntryRows, ...]

    @property
    def rows(self) -> int:
        """Rows of the table: the sum over its entries."""
        return sum(e.rows for e in self.entries)

    @property
    def source_rows(self) -> int:
        """Source rows that produced them."""
        return sum(e.source_rows for e in self.entries)

    @property
    def fan_out(self) -> float | None:
        """CDM rows per source row."""
        return self.rows / self.source_rows if self.source_rows else None

    @staticmethod
    def of(entries: list[EntryRows]) -> tuple[CdmTable, ...]:
        """Group entries, which come sorted by table."""
        return tuple(CdmTable(name, tuple(part)) for name, part in groupby(entries, lambda e: e.cdm_table))


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """Rows of one source with one outcome and reason."""

    outcome: str
    reason: str
    source: str
    rows: int


@dataclass(frozen=True, slots=True)
class StageTime:
    """How long one stage took; `rows` is what it took in."""

    stage: str
    state: str
    started_at: datetime
    seconds: float | None
    rows: int | None

    @property
    def rows_per_second(self) -> float | None:
        """Speed, where the stage worked on rows and was not reused."""
        return self.rows / self.seconds if self.rows and self.seconds and self.state != "reused" else None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of the delivery."""

    source: str
    file: str
    bytes: int
    rows: int


@dataclass(frozen=True, slots=True)
class Night:
    """Everything one page shows of one run: figures are compared with `before`, readers had `stays` when it began."""

    run: RunSummary
    before: RunSummary | None
    stays: RunSummary | None
    other_deliveries: tuple[RunSummary, ...]
    trend: tuple[RunSummary, ...]
    gates: tuple[Gate, ...]
    decisions: tuple[Asked, ...]
    rates: tuple[DomainRate, ...]
    unmapped: Unmapped
    sources: tuple[SourceBalance, ...]
    tables: tuple[CdmTable, ...]
    reasons: tuple[ReasonCount, ...]
    changes: tuple[ChangeCount, ...]
    stages: tuple[StageTime, ...]
    files: tuple[SourceFile, ...]

    @property
    def settled(self) -> bool:
        """Whether the run came as far as mapping, so that every row must have an outcome."""
        return self.run.mapped is not None
