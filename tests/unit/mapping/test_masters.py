"""Code masters: whatever their windows of validity, a code stands for exactly one other code on every day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from itertools import pairwise

import duckdb
from hypothesis import given
from hypothesis import strategies as st

from etl.engine import define_functions
from etl.mapping.compile.masters import create_masters
from etl.mapping.language.contract import Source
from etl.mapping.language.hospital import Hospital, Name
from etl.mapping.language.lookups import MasterStep
from etl.mapping.language.mapping import HospitalMapping

FIRST = date(2020, 1, 1)
DAYS = 40
Window = tuple[str, str, int | None, int | None]  # code, target, first day, last day (None: open)

offsets = st.none() | st.integers(0, DAYS)
windows = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from(["x", "y", "z"]), offsets, offsets), min_size=1, max_size=8
)


def written(offset: int | None, *, end: bool) -> str:
    """A day as a master writes it; an open end in one of its spellings."""
    if offset is None:
        return "99991231" if end else ""
    return (FIRST + timedelta(days=offset)).strftime("%Y%m%d")


@contextmanager
def master(rows: list[Window]) -> Iterator[duckdb.DuckDBPyConnection]:
    """An engine with the table master.m made of the windows."""
    source = Source(file="M.csv", columns={"C": None, "T": None, "F": None, "U": None})
    step = MasterStep(source="codes", code="C", to="T", valid_from="F", valid_to="U")
    hospital = Hospital(hospital="tiny", number=5, name=Name(ko="작은병원", en="Tiny"))
    mapping = HospitalMapping(hospital, {"codes": source}, {"m": (step,)}, {}, {}, (), "")
    with duckdb.connect(config={"threads": 1}) as con:
        define_functions(con)
        con.execute("create schema landed; create table landed.codes (C varchar, T varchar, F varchar, U varchar)")
        con.executemany(
            "insert into landed.codes values (?, ?, ?, ?)",
            [(c, t, written(f, end=False), written(u, end=True)) for c, t, f, u in rows],
        )
        create_masters(con, mapping)
        yield con


def usable(rows: list[Window], code: str) -> list[tuple[str, int, int]]:
    """Windows of a code that hold at least a day, as target, first day and first day after."""
    spans = [(t, -99999 if f is None else f, 99999 if u is None else u + 1) for c, t, f, u in rows if c == code]
    return [s for s in spans if s[1] < s[2]]


@given(windows)
def test_every_code_has_exactly_one_target_on_every_day(rows: list[Window]) -> None:
    with master(rows) as con:
        days = [FIRST + timedelta(days=n) for n in range(-3, DAYS + 4)]
        for code in "AB":
            spans = usable(rows, code)
            for day in days:
                found = con.execute(
                    "select target, outside from master.m where code = ? and ? >= valid_from and ? < valid_to",
                    [code, day, day],
                ).fetchall()
                if not spans:
                    assert found == []
                    continue
                [(target, outside)] = found
                n = (day - FIRST).days
                inside = [s for s in spans if s[1] <= n < s[2]]
                assert outside == (not inside)
                if inside:
                    latest = max(s[1] for s in inside)
                    assert target in {s[0] for s in inside if s[1] == latest}
                else:
                    # a gap belongs to the window that ended last before it, else to the first that begins
                    before = max((s[2] for s in spans if s[2] <= n), default=None)
                    after = min((s[1] for s in spans if s[1] > n), default=None)
                    assert target in {s[0] for s in spans if (s[2] == before if before is not None else s[1] == after)}


@given(windows)
def test_the_order_of_the_master_does_not_matter(rows: list[Window]) -> None:
    query = "select * from master.m order by all"
    with master(rows) as one, master(rows[::-1]) as other:
        assert one.execute(query).fetchall() == other.execute(query).fetchall()


@given(windows)
def test_the_pieces_of_a_code_neither_overlap_nor_leave_a_gap(rows: list[Window]) -> None:
    with master(rows) as con:
        pieces = con.execute("select code, valid_from, valid_to from master.m order by all").fetchall()
    for (code, _, end), (following, begin, _) in pairwise(pieces):
        assert code != following or end == begin
    for code in "AB":
        mine = [p for p in pieces if p[0] == code]
        if mine:
            assert (mine[0][1], mine[-1][2]) == (date(1, 1, 1), date(9999, 12, 31))
