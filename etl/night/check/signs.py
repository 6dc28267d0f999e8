"""Numbers of a column in which a comma stands once before decimals and once between thousands: one of them is misread.

`1,234` is twelve hundred and thirty-four where nothing else is said. Beside `7,3` it may as well be one and a quarter,
so the night does not go on before the contract says which.
"""

from __future__ import annotations

from collections.abc import Iterator

from duckdb import DuckDBPyConnection

from etl.cdm.shapes import Kind
from etl.mapping.language.contract import Source
from etl.mapping.language.mapping import HospitalMapping
from etl.night.check.columns import SUITE
from etl.sql import literal, quote
from etl.store.ledger.records import Finding

ONE_USE = "expect_one_use_of_the_comma"
_NUMBERS: tuple[Kind, ...] = ("number", "bound", "integer", "result")
_SIGNS = r"[<>=≤≥~\s]*[-+]?"
_BETWEEN_THOUSANDS = _SIGNS + r"[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?\s*"
_BEFORE_DECIMALS = (
    _SIGNS + r"(([0-9]+|[0-9]{1,3}(\.[0-9]{3})+),([0-9]{1,2}|[0-9]{4,})|(0+|[0-9]{1,3}(\.[0-9]{3})+),[0-9]{3})\s*"
)


def comma_findings(con: DuckDBPyConnection, mapping: HospitalMapping) -> list[Finding]:
    """Findings that block, one for each column whose commas contradict each other; the sources are views of `con`."""
    found: list[Finding] = []
    for name, source in mapping.sources.items():
        columns = sorted(set(_read_as_numbers(mapping, name, source)))
        if columns:
            counts = con.execute(f"select {', '.join(map(_counted, columns))} from {quote(name)}").fetchone() or ()
            found += [
                _finding(name, column, before, between)
                for column, before, between in zip(columns, counts[::2], counts[1::2], strict=True)
                if before and between
            ]
    return found


def _read_as_numbers(mapping: HospitalMapping, name: str, source: Source) -> Iterator[str]:
    """Columns that a field takes as they are, of which nothing says what a comma is."""
    for entry in mapping.entries:
        for field, said in entry.said().items() if entry.from_ == name else ():
            if entry.shape.kinds[field] in _NUMBERS and isinstance(said, str) and said in source.declared:
                reads = source.reading(said)
                if reads.decimal == "." and reads.thousands is None:
                    yield said


def _counted(column: str) -> str:
    text = quote(column)
    comma = f"(contains({text}, ',') or contains({text}, '，'))"  # a Korean keyboard's, too: it is read as one
    given = f"count(*) filter ({comma} and regexp_full_match(omop_narrow({text}), {{}}))"
    return f"{given.format(literal(_BEFORE_DECIMALS))}, {given.format(literal(_BETWEEN_THOUSANDS))}"


def _finding(source: str, column: str, before: int, between: int) -> Finding:
    return Finding(
        SUITE, source, ONE_USE,
        "A comma stands for one thing in the column's numbers: `reads` of the column says which "
        "(decimal: ',' or thousands: ',')",
        "block", False, column_name=column, unexpected=before, total=before + between,
        observed=f"{before:,} with decimals, {between:,} with thousands",
    )  # fmt: skip
