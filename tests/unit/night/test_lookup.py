"""Whose id an identifier has: the same whether few or many are known."""

from __future__ import annotations

import duckdb
import pytest

from etl.night.land import lookup

GIVEN = [(" 7", 0), ("7", 1 << 24 | 5), (None, None), ("unknown", 0), ("가나", 1 << 24 | 9), ("07", 1 << 24 | 2)]


@pytest.mark.parametrize("few", [100_000, 0], ids=["few", "many"])
@pytest.mark.parametrize("known", [[], ["7", "07", "가나"]], ids=["nobody", "three"])
def test_rows_keep_their_order_and_each_finds_its_own(
    monkeypatch: pytest.MonkeyPatch, few: int, known: list[str]
) -> None:
    monkeypatch.setattr(lookup, "_FEW", few)
    with duckdb.connect() as con:
        con.execute("attach ':memory:' as ident; create table ident.person (raw varchar, id bigint)")
        for raw, number in GIVEN:
            if raw in known:
                con.execute("insert into ident.person values (?, ?)", [raw, number])
        lookup.define(con, "person")
        con.execute("create table given (place integer, raw varchar)")
        con.executemany("insert into given values (?, ?)", [(i, raw) for i, (raw, _) in enumerate(GIVEN)])
        # a cursor, as files land in several at once
        found = con.cursor().execute("select omop_id_person(raw) from given order by place").fetchall()
    assert [x for (x,) in found] == [i if raw in known or i is None else 0 for raw, i in GIVEN]
