"""The audit log: whatever is done to it is found and located; nothing young is emptied."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from etl.errors import ConfigError, UsageError
from etl.store.audit.anchors import Anchor, drop, end_of, read
from etl.store.audit.entry import Entry, Said
from etl.store.audit.kinds import kinds
from etl.store.audit.masking import UNREADABLE, masked
from etl.store.audit.prune import prune
from etl.store.audit.search import Asked
from etl.store.audit.tables import ENTRY, HEAD
from etl.store.audit.unusual import rules, unusual
from etl.store.audit.verify import entries, verify
from etl.store.audit.write import write
from etl.store.ledger.file import open_file

ENTRIES = 40


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_file(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def said(n: int) -> Said:
    names = list(kinds())
    return Said(
        names[n % (len(names) - 4)], f"kim{n % 3}", "auditor", f"run {n}", '왜\n"그"\\', details={"n": n, "가": "나"}
    )


def filled(engine: sa.Engine, count: int = ENTRIES) -> list[Entry]:
    with engine.begin() as con:
        for n in range(count):
            write(con, said(n))
        return list(entries(con))


def unguarded(con: sa.Connection) -> None:
    """What who has the file can do first."""
    for name in ("audit_entry_kept", "audit_entry_unchanged"):
        con.exec_driver_sql(f"drop trigger if exists {name}")


def put(con: sa.Connection, kept: list[Entry], *, head: bool = True) -> None:
    """The log as somebody would have it."""
    con.execute(sa.delete(ENTRY))
    rows = [{name: getattr(e, name) for name in e.__slots__} for e in kept]
    con.execute(sa.insert(ENTRY), rows)
    if head:
        con.execute(sa.update(HEAD).values(number=kept[-1].number, digest=kept[-1].digest))


def resealed(kept: list[Entry], log: str) -> list[Entry]:
    """The same entries as one whole chain, numbered from 1."""
    made, previous = [], log
    for number, entry in enumerate(kept, start=1):
        moved = replace(entry, number=number, previous=previous)
        made.append(replace(moved, digest=moved.sealed()))
        previous = made[-1].digest
    return made


def renumbered(kept: list[Entry]) -> list[Entry]:
    return [replace(entry, number=number) for number, entry in enumerate(kept, start=1)]


Tampering = Callable[[random.Random, list[Entry], str], tuple[list[Entry], int, int]]


def change_one(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(len(kept))
    column = rng.choice(["actor", "kind", "subject", "reason", "details", "role", "login", "address"])
    new = replace(kept[at], **{column: f"{getattr(kept[at], column) or ''}x"})
    new = rng.choice([new, replace(new, digest=new.sealed())])  # clumsily, or with its own digest mended
    return [*kept[:at], new, *kept[at + 1 :]], at + 1, at + 2


def change_time(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(len(kept))
    new = replace(kept[at], happened_at=kept[at].happened_at - timedelta(microseconds=rng.randrange(1, 10**9)))
    return [*kept[:at], new, *kept[at + 1 :]], at + 1, at + 1


def take_out(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(len(kept) - 1)
    left = [*kept[:at], *kept[at + 1 :]]
    return rng.choice([left, renumbered(left)]), at + 1, at + 2


def put_in(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(len(kept))
    return (
        renumbered([*kept[:at], replace(kept[rng.randrange(len(kept))], subject="put in"), *kept[at:]]),
        at + 1,
        at + 2,
    )


def swap(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    one, other = sorted(rng.sample(range(len(kept)), 2))
    moved = list(kept)
    moved[one], moved[other] = kept[other], kept[one]
    return renumbered(moved), one + 1, other + 2


def cut_off(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(1, len(kept))
    return kept[:at], at + 1, len(kept)


def write_anew(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    """All digests from the change on are made again, as who knows the program can."""
    at = rng.randrange(len(kept))
    changed = [*kept[:at], replace(kept[at], actor="nobody"), *kept[at + 1 :]]
    return resealed(changed, log), at + 1, len(kept)


def empty_one(rng: random.Random, kept: list[Entry], log: str) -> tuple[list[Entry], int, int]:
    at = rng.randrange(len(kept))
    stub = replace(kept[at], actor="-", role=None, login="-", subject=None, reason=None, details="{}", pruned_by=1)
    return [*kept[:at], stub, *kept[at + 1 :]], at + 1, at + 1


TAMPERINGS: tuple[Tampering, ...] = (
    change_one, change_time, take_out, put_in, swap, cut_off, write_anew, empty_one,
)  # fmt: skip


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda t: t.__name__)
def test_a_hundred_tamperings_are_found_where_they_were_made(engine: sa.Engine, tamper: Tampering) -> None:
    kept = filled(engine)
    with engine.connect() as con:
        unguarded(con)
        end = end_of(con)
        log = con.execute(sa.select(HEAD.c.log)).scalar_one()
        assert end is not None
        assert verify(con, [end]).whole
        for seed in range(100):
            rng = random.Random(seed)
            left, first, last = tamper(rng, kept, log)
            put(con, left)
            found = verify(con, [end])
            assert found.faults, seed
            assert any(f.first <= last and f.last >= first for f in found.faults), (seed, found.faults)
            assert min(f.first for f in found.faults) <= last
            places = [f.first for f in found.faults if f.what != "rewritten"]  # an anchor tells from which one on only
            assert all(place >= first for place in places), "nothing before it is blamed"


def test_a_chain_begun_anew_is_found_by_the_anchors(engine: sa.Engine, tmp_path: Path) -> None:
    filled(engine, 5)
    with engine.begin() as con:
        old = end_of(con)
        assert old
        unguarded(con)
        con.execute(sa.delete(ENTRY))
        con.execute(sa.update(HEAD).values(log="f" * 32, number=0, digest=""))
        for n in range(9):
            write(con, said(n))
        assert verify(con).whole, "alone it is a whole log"
        assert [f.what for f in verify(con, [old]).faults] == ["begun anew"]


def test_an_end_that_is_taken_away_is_seen_by_the_head_without_an_anchor(engine: sa.Engine) -> None:
    filled(engine, 5)
    with engine.begin() as con:
        unguarded(con)
        con.execute(sa.delete(ENTRY).where(ENTRY.c.number > 3))
        [fault] = verify(con).faults
        assert (fault.what, fault.first, fault.last) == ("cut off", 4, 5)
        con.execute(sa.delete(HEAD))
        assert any(f.what == "no head" for f in verify(con).faults)


def test_nothing_is_changed_or_removed_by_mistake(engine: sa.Engine) -> None:
    filled(engine, 3)
    for statement in (sa.delete(ENTRY), sa.update(ENTRY).values(actor="x"), sa.update(ENTRY).values(pruned_by=1)):
        with pytest.raises(sa.exc.IntegrityError), engine.begin() as con:
            con.execute(statement)
    with engine.connect() as con:
        assert verify(con).whole


def test_what_is_not_done_is_not_written_down(engine: sa.Engine) -> None:
    with pytest.raises(ZeroDivisionError), engine.begin() as con:
        write(con, said(1))
        raise ZeroDivisionError
    with engine.connect() as con:
        assert list(entries(con)) == []
        assert verify(con).whole


def test_a_kind_that_nobody_knows_is_refused(engine: sa.Engine) -> None:
    with engine.begin() as con, pytest.raises(UsageError, match="did you mean 'signed in'"):
        write(con, Said("signed inn", "kim"))


def older(engine: sa.Engine, years: float) -> None:
    """The log as if it had been written some years ago."""
    with engine.begin() as con:
        log, kept = con.execute(sa.select(HEAD.c.log)).scalar_one(), list(entries(con))
        unguarded(con)
        back = timedelta(days=365.25 * years)
        put(con, resealed([replace(e, written_at=e.written_at - back) for e in kept], log))


def test_pruning_empties_what_is_old_and_the_log_is_still_whole(engine: sa.Engine) -> None:
    filled(engine)
    older(engine, 3)
    with engine.begin() as con:
        write(con, said(0))
    with engine.begin() as con:
        done = prune(con, "kim", "lee", "decision 7")
    with engine.connect() as con:
        found = verify(con)
        assert (found.whole, found.pruned) == (True, done.emptied)
        kept = list(entries(con))
    emptied = [e for e in kept if e.pruned_by]
    assert {kinds()[e.kind].years for e in emptied} == {2}, "five years have not passed"
    assert all((e.actor, e.subject, e.details) == ("-", None, "{}") for e in emptied)
    assert kept[-2].pruned_by is None, "nothing young is emptied"
    assert (kept[-1].kind, kept[-1].actor, kept[-1].number) == ("log pruned", "kim", done.entry)


def test_what_is_left_of_pruned_entries_cannot_be_changed_nor_added_to(engine: sa.Engine) -> None:
    filled(engine)
    older(engine, 3)
    with engine.begin() as con:
        done = prune(con, "kim", "lee", "decision 7")
    with engine.connect() as con:
        unguarded(con)
        kept = list(entries(con))
        whole = next(e for e in kept if not e.pruned_by and e.number < ENTRIES)
        stub = next(e for e in kept if e.pruned_by)
        for at, new in (
            (stub, replace(stub, kind="approved")),
            (stub, replace(stub, written_at=stub.written_at - timedelta(days=1))),
            (whole, replace(whole, actor="-", details="{}", subject=None, reason=None, pruned_by=done.entry)),
        ):
            put(con, [new if e is at else e for e in kept])
            faults = verify(con).faults
            assert any(f.what == "emptied" and f.first <= at.number <= f.last for f in faults), faults


@pytest.mark.parametrize(("by", "agreed", "reason"), [("kim", "kim", "x"), ("kim", "", "x"), ("kim", "lee", " ")])
def test_pruning_needs_two_people_and_a_reason(engine: sa.Engine, by: str, agreed: str, reason: str) -> None:
    with engine.begin() as con, pytest.raises(UsageError):
        prune(con, by, agreed, reason)


def test_anchors_are_added_one_by_one_and_only_when_something_happened(engine: sa.Engine, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere"
    place.mkdir()
    for n in (1, 2, 2):
        with engine.begin() as con:
            if n != 2 or len(read(place / "audit-anchors.jsonl")) == 1:
                write(con, said(n))
            drop(con, place)
    found = read(place / "audit-anchors.jsonl")
    assert [a.number for a in found] == [1, 2]
    with engine.connect() as con:
        assert verify(con, found).whole
    (place / "audit-anchors.jsonl").write_text("{}\n")
    with pytest.raises(ConfigError, match=r"jsonl:1 is no anchor"):
        read(place / "audit-anchors.jsonl")


def test_an_anchor_of_the_middle_says_until_where_the_log_is_what_it_was(engine: sa.Engine) -> None:
    kept = filled(engine, 30)
    with engine.connect() as con:
        unguarded(con)
        log = con.execute(sa.select(HEAD.c.log)).scalar_one()
        anchors = [Anchor(log, n, kept[n - 1].digest, "") for n in (10, 20, 30)]
        put(con, resealed([replace(e, actor="x") if e.number == 15 else e for e in kept], log))
        [fault] = verify(con, anchors).faults
        assert (fault.what, fault.first, fault.last) == ("rewritten", 11, 20)


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("select * from person where person_id = 7 -- 홍길동", "SELECT * FROM person WHERE person_id = ?"),
        ("select 'a' as \"홍길동\", 1.5", "SELECT ? AS masked, ?"),
        ("copy person to '/tmp/홍길동.csv'", "COPY person TO ?"),
        ("select 1; select '2'", "SELECT ?; SELECT ?"),
        ("selec t frm ( 홍길동", UNREADABLE),
    ],
)
def test_a_query_is_kept_without_what_was_asked_for(query: str, kept: str) -> None:
    assert masked(query) == kept


def at(day: date, hour: int, kind: str = "queried", actor: str = "kim", returned: int | None = None) -> Said:
    moment = datetime(day.year, day.month, day.day, hour, 30) - timedelta(hours=9)
    return Said(kind, actor, happened_at=moment, returned=returned)


def test_reading_at_odd_hours_and_in_unusual_volume_is_found(engine: sa.Engine) -> None:
    days = [date(2026, 11, 23) + timedelta(days=n) for n in range(4)]  # Monday to Thursday
    with engine.begin() as con:
        for day in days:
            write(con, at(day, 14, "rows shown", returned=2_000))
        write(con, at(days[3], 15, "rows shown", returned=90_000))
        write(con, at(days[1], 23, actor="park"))
        write(con, at(days[1], 23, kind="signed in", actor="lee"))
        write(con, at(days[0], 3, actor="choi"))
    with engine.connect() as con:
        found = {(f.rule, f.actor, f.day, f.n) for f in unusual(con, days[1], days[3])}
        assert found == {("many rows", "kim", days[3], 92_000), ("odd hours", "park", days[1], 1)}
        assert [f.actor for f in unusual(con, days[0], days[0])] == ["choi"]


def test_what_is_usual_is_told_by_the_year_before(engine: sa.Engine) -> None:
    day = date(2026, 11, 26)
    with engine.begin() as con:
        write(con, at(day - timedelta(days=380), 14, "rows shown", returned=50_000))
        write(con, at(day, 14, "rows shown", returned=60_000))
        write(con, at(day - timedelta(days=300), 14, "rows shown", actor="lee", returned=50_000))
        write(con, at(day, 14, "rows shown", actor="lee", returned=60_000))
    with engine.connect() as con:
        assert [(f.rule, f.actor) for f in unusual(con, day, day)] == [("many rows", "kim")]


def test_every_rule_can_be_asked_of_an_empty_log(engine: sa.Engine) -> None:
    with engine.connect() as con:
        for first in (date(2000, 1, 1), date.min):
            assert unusual(con, first, datetime.now(UTC).date()) == []
    assert {"odd hours", "many rows"} <= set(rules())


def test_days_asked_for_are_days_in_korea(engine: sa.Engine) -> None:
    with engine.begin() as con:
        write(con, at(date(2026, 11, 23), 0))
        write(con, at(date(2026, 11, 22), 23))
        asked = Asked(since=date(2026, 11, 23), until=date(2026, 11, 23))
        assert [e.number for e in entries(con, asked.condition())] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_entry set written_at = 'yesterday' where number = 7",
        "update audit_entry set happened_at = 12 where number = 7",
        "update audit_entry set details = x'ff' where number = 7",
        "update audit_entry set digest = 5 where number = 7",
    ],
)
def test_what_no_entry_can_hold_is_located_too(engine: sa.Engine, statement: str) -> None:
    filled(engine, 9)
    with engine.begin() as con:
        unguarded(con)
        con.exec_driver_sql(statement)
        faults = verify(con).faults
    assert {f.what for f in faults} <= {"changed", "missing", "broken"}
    assert {f.first for f in faults} <= {7, 8}
    assert any(f.first == 7 for f in faults)


def test_a_pruning_that_accounts_for_nothing_is_found(engine: sa.Engine) -> None:
    kept = filled(engine, 3)
    with engine.connect() as con:
        unguarded(con)
        log = con.execute(sa.select(HEAD.c.log)).scalar_one()
        for details in ("", "{}", "[]", "7"):
            put(con, resealed([*kept, replace(kept[-1], kind="log pruned", details=details)], log))
            assert [f.first for f in verify(con).faults] == [4]
