"""What leaves a project space: by two others' decisions on these very files while its request is open, or not."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import asked_for
import pytest
from handed_in import OTHER, SMALL, TABLE
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import EtlError, InputError, UsageError
from etl.research.outbox.batch import Batch, Step
from etl.research.outbox.engine import Overtaken, Said, decision, role_in, withdrawal
from etl.research.outbox.given import Handed, as_files, checked, digest_of, read_handed, unsafe
from etl.research.outbox.policy import policy
from etl.research.requests.case import Case
from etl.research.requests.case import Step as RequestStep
from etl.research.requests.chain import chain
from etl.research.requests.engine import Forbidden, NotYet, Person

DATA = Path(__file__).parents[2] / "data" / "outbox"
RIGHTS = list(csv.DictReader((DATA / "moves.csv").open(encoding="utf-8")))
DECISIONS = list(csv.DictReader((DATA / "decisions.csv").open(encoding="utf-8")))
AT = datetime(2026, 11, 2, 3, 0)
NAMED = frozenset({"researcher", "colleague"})


def case_in(state: str, **form: Any) -> Case:
    """A request that stands so."""
    step = RequestStep(1, AT, "researcher", "researcher", "new", "", state, 1, AT)
    return Case(1, [step], asked_for.form(**form))


def handed(*files: Handed) -> Batch:
    """A batch that waits."""
    listed = as_files(files or (TABLE, OTHER))
    first = Step(1, AT, "researcher", "researcher", "hand_in", 1, "waiting", AT)
    return Batch(1, 1, AT, "researcher", "note", digest_of(listed), listed, 0, 10, [], [first])


def who(name: str, role: str = "checker") -> Person:
    return Person(name, frozenset({(role, None)}))


def after(batch: Batch, name: str, verdict: str, *, seen: int | None = None, state: str = "open") -> Batch:
    """The batch after a checker's decision."""
    said = Said(verdict, "no" if verdict == "refuse" else None)
    step = decision(batch, case_in(state), who(name), said, AT, named=NAMED, seen=seen)
    return replace(batch, steps=[*batch.steps, step])


@pytest.mark.parametrize("row", DECISIONS, ids=lambda row: " ".join(v for v in row.values() if v))
def test_how_a_batch_stands_after_decisions_in_any_order(row: dict[str, str]) -> None:
    batch = handed()
    for said in (row[place] for place in ("first", "second", "third", "fourth") if row[place]):
        batch = after(batch, *said.split(":"))
    assert batch.state == row["state"]
    if batch.state != "waiting":
        with pytest.raises(NotYet, match="not possible any more"):
            after(batch, "a", "release")


@pytest.mark.parametrize("verdict", ["release", "refuse"])
def test_nobody_sees_what_another_decided_before_deciding(verdict: str) -> None:
    batch = after(handed(), "a", verdict)
    for name in ("b", "third", "auditor"):
        assert [s.move for s in batch.shown_to(name, is_author=False)] == ["hand_in"]
    assert [s.move for s in batch.shown_to("researcher", is_author=True)] == ["hand_in"]
    assert len(batch.shown_to("a", is_author=False)) == 2


def test_who_differ_see_each_others_words_in_the_second_round_and_the_author_at_the_end() -> None:
    batch = after(after(handed(), "a", "release"), "b", "refuse")
    assert (batch.round, batch.state) == (2, "waiting")
    assert {s.verdict for s in batch.shown_to("a", is_author=False)} == {None, "release", "refuse"}
    assert len(batch.shown_to("researcher", is_author=True)) == 1
    batch = after(batch, "a", "refuse")
    assert [s.round for s in batch.shown_to("b", is_author=False)] == [1, 1, 1], "not yet what a said of it now"
    batch = after(batch, "b", "refuse")
    assert len(batch.shown_to("researcher", is_author=True)) == 5


def test_a_decision_that_is_not_shown_overtakes_nobody_and_a_new_round_does() -> None:
    batch = after(handed(), "a", "release", seen=1)
    batch = after(batch, "b", "refuse", seen=1)
    with pytest.raises(Overtaken, match="round 2") as raised:
        after(batch, "b", "release", seen=1)
    assert after(batch, "b", "release", seen=raised.value.last).steps[-1].round == 2


@pytest.mark.parametrize(
    ("name", "why"), [("a", NotYet), ("third", Forbidden), ("researcher", Forbidden), ("colleague", Forbidden)]
)
def test_a_seat_is_one_persons_and_never_that_of_who_is_named(name: str, why: type[EtlError]) -> None:
    batch = after(handed(), "a", "release")
    if name == "third":
        batch = after(batch, "b", "refuse")
    with pytest.raises(why):
        after(batch, name, "release")


def test_who_was_named_once_or_handed_it_in_checks_nothing_of_it() -> None:
    once = case_in("open", people=[p | {"account": "boss"} for p in asked_for.form()["people"][:1]])
    for name in ("colleague", "researcher"):
        with pytest.raises(Forbidden, match="is or was named"):
            decision(handed(), once, who(name), Said("release"), AT, named=NAMED | {"boss"}, seen=None)
    batch = after(handed(), "a", "release")
    with pytest.raises(NotYet, match="whom the request names since"):
        decision(batch, case_in("open"), who("b"), Said("release"), AT, named=NAMED | {"a"}, seen=None)


@pytest.mark.parametrize(
    "said",
    [Said("refuse"), Said("perhaps"), Said(None), Said("release", comments={3: "x"}), Said("refuse", "x" * 2001)],
    ids=["no reason", "no verdict", "none", "no such file", "too long"],
)
def test_what_is_no_decision_is_refused(said: Said) -> None:
    with pytest.raises(UsageError):
        decision(handed(), case_in("open"), who("a"), said, AT, named=NAMED, seen=None)


def test_a_word_on_a_file_is_reason_enough() -> None:
    said = Said("refuse", None, {2: "row 3 tells of a person"})
    step = decision(handed(), case_in("open"), who("a"), said, AT, named=NAMED, seen=None)
    assert (step.verdict, step.comments) == ("refuse", {2: "row 3 tells of a person"})


@pytest.mark.parametrize("state", sorted(set(chain().states) - policy().in_use))
def test_nothing_is_decided_while_the_request_is_not_in_use(state: str) -> None:
    with pytest.raises(NotYet, match="nothing was changed"):
        after(handed(), "a", "release", state=state)


def test_an_author_takes_back_what_is_not_decided_and_nobody_else_does() -> None:
    batch = after(handed(), "a", "release")
    taken = withdrawal(batch, case_in("expired"), who("researcher", "researcher"), Said(), AT, seen=1)
    assert taken.after == "withdrawn"
    for name, role in (("colleague", "researcher"), ("a", "checker")):
        with pytest.raises(Forbidden):
            withdrawal(batch, case_in("open"), who(name, role), Said(), AT, seen=None)
    gone = replace(batch, steps=[*batch.steps, taken])
    assert len(gone.shown_to("researcher", is_author=True)) == 2, "what was decided blindly stays so"
    with pytest.raises(NotYet):
        after(gone, "b", "release")


@pytest.mark.parametrize("row", RIGHTS, ids=lambda row: row["move"])
def test_roles_and_what_they_may(row: dict[str, str]) -> None:
    assert set(row) == {"move", *chain().roles}
    for role in chain().roles:
        named = {"x"} if role == "researcher" else set()
        hospital = "snuh" if role == "steward" else None
        person = Person("x", frozenset({(role, hospital)}))
        assert (role_in(named, row["move"], person) is not None) == (row[role] == "yes"), role
        assert role_in({"x"} ^ named, row["move"], person) is None, "named or not, it is the other way round"


def test_the_table_has_every_move() -> None:
    assert {row["move"] for row in RIGHTS} == set(policy().moves)


def test_a_batch_is_decided_when_and_by_whom_the_chain_lets_outputs_be_checked() -> None:
    move = chain().moves["check_outputs"]
    assert (policy().in_use, policy().moves["decide"].may) == (set(move.from_), move.may)


# Whatever people try --------------------------------------------------------------------------------------------------

#: What somebody may try: who, what, while the request stands so, who is named from then on, in which role.
TRIES = (
    ("a", "b", "a", "b", "c", "researcher", "colleague"), ("release", "release", "release", "refuse", "withdraw"),
    ("open",) * 5 + ("outputs_checked", "suspended", "expired"), ((),) * 12 + (("a",), ("b",)),
    ("checker",) * 6 + ("researcher",),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_nothing_is_released_without_two_others_who_released_it_in_the_same_round(seed: int) -> None:
    draw, batch, states, named = Random(seed), handed(), {}, set(NAMED)
    for n in range(14):
        name, move, state, joins, role = (draw.choice(each) for each in TRIES)
        named |= set(joins)
        at, case = AT + timedelta(minutes=n), case_in(state)
        try:
            if move == "withdraw":
                step = withdrawal(batch, case, who(name, role), Said(), at, seen=None)
            else:
                step = decision(batch, case, who(name, role), Said(move, "why"), at, named=named, seen=None)
        except EtlError:
            continue
        batch, states[step.number] = replace(batch, steps=[*batch.steps, step]), state
        if step.after == "released":
            for_it = batch.decided(step.round)
            assert len(for_it) == policy().checkers
            assert {each.verdict for each in for_it.values()} == {"release"}
            assert not set(for_it) & named
            assert len({s.actor for s in batch.steps if s.move == "decide"}) == policy().checkers
    moves = [step.after for step in batch.steps]
    assert moves.count("released") + moves.count("refused") + moves.count("withdrawn") <= 1
    assert all(states[s.number] in policy().in_use for s in batch.steps if s.move == "decide")


# Files ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["", ".hidden", "../up.csv", "a/b.csv", "a\\b.csv", "a\n.csv", "a\x00.csv", "a\u202efdp.csv", "a\u200b.csv",
     "-rf.csv", "C:x.csv", " a.csv", "a.csv ", "a.csv.", "a\u2028b.csv", "가" * 70 + ".csv", "a<b>.csv", "\ud800.csv"],
    ids=ascii,
)  # fmt: skip
def test_a_name_that_hides_or_leads_elsewhere_is_refused_and_not_told(name: str) -> None:
    with pytest.raises(InputError, match=r"^file 2 of those given has a name that") as raised:
        checked([TABLE, Handed(name, b"x")])
    assert not name.strip(" .") or name not in str(raised.value)


@pytest.mark.parametrize("name", ["표 1.csv", "table (final).csv", "a.b-c_d.tar.csv", "가" * 60 + ".csv"])
def test_plain_names_are_taken(name: str) -> None:
    assert unsafe(name) is None


def some(n: int) -> Iterator[Handed]:
    return (Handed(f"{i}.csv", b"x") for i in range(n))


@pytest.mark.parametrize(
    "files",
    [[], list(some(13)), [Handed("a.csv", b"x"), Handed("A.csv", b"y")], [Handed("a", bytes(40_000_001))]],
    ids=["none", "too many", "same name", "too large"],
)
def test_a_batch_has_limits(files: list[Handed]) -> None:
    with pytest.raises(InputError):
        checked(files)


def test_what_is_no_file_or_too_large_is_told_by_its_place(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"x" * 11)
    for path, why in ((tmp_path, "no file"), (tmp_path / "none.csv", "not there"), (tmp_path / "a.csv", "10 bytes")):
        with pytest.raises(InputError, match=f"file 1 .*{why}"):
            read_handed([path], 10)


def test_the_digest_of_a_batch_is_of_names_and_bytes() -> None:
    digests = {digest_of(as_files(files)) for files in ([TABLE, OTHER], [OTHER, TABLE], [TABLE], [SMALL, OTHER],
                                                        [Handed("x.csv", TABLE.content), OTHER])}  # fmt: skip
    assert len(digests) == 5
