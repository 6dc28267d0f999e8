"""The chain of requests: no step before the one it needs, nobody without the right, nothing overwritten."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import asked_for
import pytest
import sqlalchemy as sa
from asked_for import HOSPITALS, PEOPLE, SEATS, day, do, drafted, walk, with_form

from etl.errors import InputError, UsageError
from etl.research.requests import actions, read
from etl.research.requests.actions import Evidence, Overtaken, act, carry_out, change, draft
from etl.research.requests.chain import chain
from etl.research.requests.days import after, days_late, is_working_day
from etl.research.requests.engine import Forbidden, NotYet
from etl.research.requests.forms import blank, layout, pledge, read_form
from etl.research.requests.given import LARGEST, given
from etl.research.requests.guards import GUARDS
from etl.research.requests.read import is_open, late_requests, list_requests, show_request, told
from etl.research.requests.roles import set_role
from etl.settings import Settings
from etl.store.audit.tables import ENTRY
from etl.store.ledger.ledger import Ledger

TABLE = Path(__file__).parents[2] / "data" / "requests" / "moves.csv"
RIGHTS = list(csv.DictReader(TABLE.open(encoding="utf-8")))
NOT_IN_ONE_GO = {"new", "change", "expire"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    home = tmp_path_factory.mktemp("requests")
    made = Ledger(Settings(home=home, _env_file=None).ledger_url)
    sa.event.listen(made.engine, "connect", lambda con, _: con.execute("pragma synchronous = off"))
    made.engine.dispose()
    return asked_for.people(made)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Lets days pass."""

    def pass_days(n: int) -> None:
        for module in (actions, read):
            monkeypatch.setattr(module, "today", lambda: date.fromisoformat(day(n)))

    return pass_days


# The table of rights --------------------------------------------------------------------------------------------------


def test_the_table_has_every_move_and_every_role() -> None:
    assert {row["move"] for row in RIGHTS} == set(chain().moves)
    assert all(set(row) == {"move", *chain().roles} for row in RIGHTS)


def state_for(move: str) -> str:
    """A state in which everything holds that a move needs, but for who makes it."""
    best = {"declare": "in_review", "vote": "in_review", "close": "outputs_checked", "withdraw": "submitted",
            "give_up": "open", "breach": "open", "suspend": "open", "register": "destroyed", "resume": "suspended",
            "keep_out": "submitted", "let_in": "submitted", "pledge": "open", "send_back": "submitted"}  # fmt: skip
    return best.get(move, chain().moves[move].from_[0])


def ready(ledger: Ledger, move: str, role: str) -> int:
    """A request on which a move is possible, if the role allows it."""
    number = walk(ledger, state_for(move), voted=move in ("approve", "open", "order_open"))
    if move == "let_in":
        do(ledger, number, "keep_out", "steward")
    if move == "vote":
        do(ledger, number, "declare", role if role in SEATS else SEATS[0])
    return number


@pytest.mark.parametrize("row", [r for r in RIGHTS if r["move"] not in NOT_IN_ONE_GO], ids=lambda r: r["move"])
def test_a_move_works_for_those_who_may_and_is_refused_to_all_others(ledger: Ledger, row: dict[str, str]) -> None:
    move, said = row["move"], {}
    if move in ("declare", "vote"):
        said = {"members": [*SEATS[:2], "chair"]}
    refused = _reviewed(ledger, said["members"]) if said else ready(ledger, move, "member")
    if move == "refuse":
        refused = _against(ledger)
    for role in chain().roles:
        if row[role] == "no":
            with pytest.raises(Forbidden):
                do(ledger, refused, move, role)
    assert show_request(ledger, refused).state == state_for(move), "what was refused has changed nothing"
    for role in (r for r in chain().roles if row[r] == "yes"):
        if move == "refuse":
            number = _against(ledger)
        elif said:
            number = _reviewed(ledger, said["members"])
            if move == "vote":
                do(ledger, number, "declare", role)
        else:
            number = ready(ledger, move, role)
        assert do(ledger, number, move, role)
        newest = show_request(ledger, number).steps[-1]
        assert (newest.move, newest.actor, newest.role) == (move, role, role)


def _reviewed(ledger: Ledger, members: list[str]) -> int:
    number = walk(ledger, "irb_done")
    do(ledger, number, "open_review", "secretary", members=members)
    return number


def _against(ledger: Ledger) -> int:
    number = _reviewed(ledger, SEATS)
    for name in SEATS:
        do(ledger, number, "declare", name)
        do(ledger, number, "vote", name, vote="against", criteria=[])
    do(ledger, number, "declare", "chair")
    return number


@pytest.mark.parametrize("role", list(chain().roles))
def test_researchers_alone_draft_and_change(ledger: Ledger, role: str) -> None:
    rights = {row["move"]: row[role] for row in RIGHTS}
    mine = with_form(people=[{"account": role, "name": "N", "part": "principal", "affiliation": "A"}])
    number = drafted(ledger)
    for move in ("new", "change"):
        made = {
            "new": lambda: draft(ledger, mine, actor=role, hospitals=HOSPITALS),
            "change": lambda: change(ledger, number, with_form(title="other"), actor=role, hospitals=HOSPITALS),
        }[move]
        if rights[move] == "yes":
            assert made()
        else:
            with pytest.raises(Forbidden):
                made()
    assert rights["expire"] == "no"
    with pytest.raises(Forbidden):
        do(ledger, number, "expire", role)


# The chain ------------------------------------------------------------------------------------------------------------


def test_a_request_goes_all_the_way_and_says_who_did_what(ledger: Ledger) -> None:
    number = walk(ledger, "registered")
    case = show_request(ledger, number)
    assert [s.number for s in case.steps] == list(range(1, len(case.steps) + 1))
    assert [(s.move, s.actor) for s in case.steps] == [("new", "researcher"), *((m, w) for m, w, _ in asked_for.WAY)]
    assert chain().possible(case.state) == []


def test_every_guard_of_the_chain_is_there_and_every_guard_is_used() -> None:
    assert {guard for move in chain().moves.values() for guard in move.holds} == set(GUARDS)


def test_every_state_leads_to_the_register() -> None:
    """Nothing gets stuck: with data by closing and destroying, without by withdrawing or at once."""
    after = {s: {m.to for m in chain().moves.values() if s in m.from_ and m.may} for s in chain().states}
    reach = {"registered"}
    while new := {s for s, to in after.items() if to & reach} - reach:
        reach |= new
    assert reach == set(chain().states)


def test_two_at_once_do_not_overwrite_each_other(ledger: Ledger) -> None:
    number = walk(ledger, "submitted")
    seen = show_request(ledger, number).last
    act(ledger, number, "keep_out", actor="steward", said={"hospital": "snuh", "reason": "our own study"}, seen=seen)
    with pytest.raises(Overtaken, match=r"steward did 'keep_out'.*our own study") as raised:
        act(ledger, number, "withdraw", actor="researcher", said={"reason": "r"}, seen=seen)
    assert raised.value.last == seen + 1


def test_work_is_not_said_by_hand_and_not_begun_by_who_may_not(ledger: Ledger) -> None:
    number, begun = walk(ledger, "approved"), []

    def work(case: Any) -> Evidence:
        begun.append((case.hospitals, case.form["level"], case.conditions["data_set"]))
        return Evidence({"result": "built", "digest": asked_for.DIGEST})

    with pytest.raises(UsageError, match="by what does the work"):
        act(ledger, number, "build", actor="secretary", said={"digest": "x"})
    with pytest.raises(Forbidden):
        carry_out(ledger, number, "build", work, actor="researcher")
    assert begun == []
    assert carry_out(ledger, number, "build", work, actor="secretary").after == "built"
    assert begun == [(["snuh", "cnuh"], "standard", "I10 with creatinine")]


def test_work_on_a_request_that_changed_meanwhile_does_not_count(ledger: Ledger) -> None:
    number = walk(ledger, "approved")

    def work(_case: Any) -> Evidence:
        do(ledger, number, "keep_out", "steward")
        return Evidence({"result": "built", "digest": asked_for.DIGEST})

    with pytest.raises(Overtaken):
        carry_out(ledger, number, "build", work, actor="secretary")
    assert show_request(ledger, number).state == "approved"


# The review -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "possible"),
    [
        ({"member": "for", "member2": "for"}, "approve"),
        ({"member": "for", "member2": "against"}, "refuse"),
        ({"member": "for", "member2": "abstain", "member3": "abstain"}, "refuse"),
        ({"member": "for", "member2": "for", "member3": "against"}, "approve"),
        ({"member": "for"}, None),
    ],
)
def test_quorum_and_majority_decide(ledger: Ledger, votes: dict[str, str], possible: str | None) -> None:
    number = _reviewed(ledger, SEATS)
    for name, vote in votes.items():
        do(ledger, number, "declare", name)
        do(ledger, number, "vote", name, vote=vote, criteria=asked_for.CRITERIA if vote == "for" else [])
    with pytest.raises(NotYet, match="not declared"):
        do(ledger, number, possible or "approve", "chair")
    do(ledger, number, "declare", "chair")
    for move in ("approve", "refuse"):
        if move != possible:
            with pytest.raises(NotYet):
                do(ledger, number, move, "chair")
    if possible:
        assert do(ledger, number, possible, "chair") in ("approved", "refused")


@pytest.mark.parametrize(
    ("members", "why"),
    [
        (["member", "member2"], "at least 3"),
        (["member", "member2", "member2"], "at least 3"),
        (["member", "member2", "auditor"], "no member of the board: auditor"),
    ],
)
def test_a_review_has_three_members_of_the_board(ledger: Ledger, members: list[str], why: str) -> None:
    with pytest.raises(NotYet, match=why):
        do(ledger, walk(ledger, "irb_done"), "open_review", "secretary", members=members)


def test_what_the_irb_passed_for_a_while_is_reviewed_in_that_while(ledger: Ledger, later: Any) -> None:
    number = walk(ledger, "submitted")
    do(ledger, number, "irb", "irb_office", until=day(1))
    later(2)
    with pytest.raises(NotYet, match="approval is over"):
        do(ledger, number, "open_review", "secretary")


def test_nobody_decides_on_their_own(ledger: Ledger) -> None:
    mine = [{"account": name, "name": "N", "part": part, "affiliation": "A"}
            for name, part in (("researcher", "principal"), ("member", "researcher"), ("chair", "recipient"),
                               ("irb_office", "recipient"))]  # fmt: skip
    number = draft(ledger, with_form(people=mine), actor="researcher", hospitals=HOSPITALS)
    do(ledger, number, "submit", "researcher")
    with pytest.raises(Forbidden):
        do(ledger, number, "irb", "irb_office")
    with pytest.raises(Forbidden):
        do(ledger, number, "send_back", "chair")


def test_who_sits_in_a_review_declares_first_votes_once_and_not_with_a_conflict(ledger: Ledger) -> None:
    number = _reviewed(ledger, ["member", "member2", "chair"])
    with pytest.raises(NotYet, match="not declared"):
        do(ledger, number, "vote", "member")
    do(ledger, number, "declare", "chair", conflict=True)
    for move in ("vote", "declare", "send_back"):
        with pytest.raises(NotYet):
            do(ledger, number, move, "chair")
    do(ledger, number, "declare", "member")
    with pytest.raises(NotYet, match="finds that all hold"):
        do(ledger, number, "vote", "member", criteria=["purpose"])
    do(ledger, number, "vote", "member")
    with pytest.raises(NotYet, match="voted already"):
        do(ledger, number, "vote", "member", vote="against")
    with pytest.raises(NotYet, match="does not sit"):
        do(ledger, number, "vote", "member3")


@pytest.mark.parametrize(
    "beyond",
    [{"hospitals": ["snuh", "dumc"]}, {"variables": ["drug_exposure.*"]}, {"variables": ["person.*"]},
    {"recipients": ["auditor"]}, {"until": day(160)},
     {"period": {"from": "2019-12-31", "to": "2020-01-02"}}, {"place": None}, {"until": day(-1)}],
    ids=lambda each: next(iter(each)),
)  # fmt: skip
def test_no_more_is_approved_than_was_asked_for(ledger: Ledger, beyond: dict[str, Any]) -> None:
    number = walk(ledger, "in_review")
    with pytest.raises(NotYet):
        do(ledger, number, "approve", "chair", conditions=asked_for.conditions(**beyond))


def test_a_hospital_that_is_kept_out_stays_out(ledger: Ledger) -> None:
    number = walk(ledger, "submitted")
    with pytest.raises(Forbidden):
        do(ledger, number, "keep_out", "steward", hospital="cnuh")
    do(ledger, number, "keep_out", "steward")
    do(ledger, number, "irb", "irb_office")
    do(ledger, number, "open_review", "secretary")
    for name in SEATS:
        do(ledger, number, "declare", name)
        do(ledger, number, "vote", name)
    do(ledger, number, "declare", "chair")
    with pytest.raises(NotYet, match="hospitals"):
        do(ledger, number, "approve", "chair")
    do(ledger, number, "approve", "chair", conditions=asked_for.conditions(hospitals=["cnuh"]))
    assert show_request(ledger, number).hospitals == ["cnuh"]


@pytest.mark.parametrize("state", ["built", "open", "suspended"])
def test_data_that_hold_a_hospital_kept_out_are_built_anew(ledger: Ledger, state: str) -> None:
    number = walk(ledger, state)
    do(ledger, number, "keep_out", "steward")
    if state == "suspended":
        do(ledger, number, "resume", "privacy_officer")
    case = show_request(ledger, number)
    assert (case.state, case.hospitals, case.has_data) == ("approved", ["cnuh"], True)


# Changes, stops, ends -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "goes_to"),
    [({"title": "another"}, "open"), ({"variables": ["measurement.*"]}, "irb_done"), ({"purpose": "else"}, "submitted"),
     ({"purpose": "else", "place": "home"}, "submitted"), ({"until": day(300)}, "irb_done")],
    ids=lambda each: "-".join(each) if isinstance(each, dict) else each,
)  # fmt: skip
def test_a_change_goes_back_to_the_step_that_it_touches(ledger: Ledger, changed: dict, goes_to: str) -> None:
    number = walk(ledger, "open")
    assert do(ledger, number, "change", "researcher", **changed) == goes_to
    case = show_request(ledger, number)
    assert (case.steps[-1].version, is_open(ledger, number)) == (2, goes_to == "open")
    assert bool(case.conditions) == (goes_to == "open"), "an approval is of what was asked for when it was given"


def test_a_change_never_goes_forward(ledger: Ledger) -> None:
    assert do(ledger, walk(ledger, "submitted"), "change", "researcher", variables=["death.*"]) == "submitted"


def test_stops_are_lifted_in_turn(ledger: Ledger) -> None:
    number = walk(ledger, "suspended")
    do(ledger, number, "breach", "researcher")
    with pytest.raises(NotYet, match="privacy officer"):
        do(ledger, number, "close", "researcher")
    assert do(ledger, number, "resume", "privacy_officer") == "suspended"
    assert do(ledger, number, "resume", "privacy_officer") == "open"


def test_use_ends_by_itself_after_the_last_day(ledger: Ledger, later: Any) -> None:
    number = walk(ledger, "open")
    later(100)
    assert is_open(ledger, number)
    later(101)
    assert not is_open(ledger, number)
    assert next(r for r in list_requests(ledger) if r.number == number).state == "expired"
    with pytest.raises(UsageError, match="is expired"):
        do(ledger, number, "check_outputs", "checker")
    assert do(ledger, number, "close", "privacy_officer") == "closed"
    assert [s.move for s in show_request(ledger, number).steps[-2:]] == ["expire", "close"]


def test_data_are_destroyed_before_the_register_also_where_the_request_went_back(ledger: Ledger) -> None:
    number = walk(ledger, "open")
    do(ledger, number, "change", "researcher", purpose="else")
    with pytest.raises(NotYet, match="given up, closed and destroyed"):
        do(ledger, number, "withdraw", "researcher")
    assert do(ledger, number, "give_up", "researcher") == "closed"
    assert do(ledger, number, "destroy", "privacy_officer") == "destroyed"


def test_use_begins_when_everybody_has_signed_the_text_of_today(ledger: Ledger) -> None:
    number = walk(ledger, "adequate", voted=False)
    with pytest.raises(NotYet, match="colleague, researcher"):
        do(ledger, number, "open", "privacy_officer")
    with pytest.raises(NotYet, match=pledge().version):
        do(ledger, number, "pledge", "colleague", text="1999")


def test_who_is_late_is_seen_in_working_days(ledger: Ledger, later: Any) -> None:
    number = walk(ledger, "submitted")
    assert number not in [each.number for each, _ in late_requests(ledger)]
    mine = next(r for r in list_requests(ledger) if r.number == number)
    later((mine.due - date.fromisoformat(day(0))).days + 7)
    late = {each.number: n for each, n in late_requests(ledger)}
    assert 1 <= late[number] <= 5
    assert mine.waits_for == ("irb_office",)
    assert [t.late for t in told(show_request(ledger, number))] == [0, 0]


# Days -----------------------------------------------------------------------------------------------------------------


def test_working_days_leave_out_weekends_and_korean_holidays() -> None:
    chuseok = date(2026, 9, 25)
    assert not any(is_working_day(chuseok + timedelta(days=n)) for n in (-1, 0, 1, 2))
    assert after(date(2026, 9, 22), 3) == date(2026, 9, 29)
    assert days_late(date(2026, 10, 2), date(2026, 10, 7)) == 2
    assert days_late(date(2026, 10, 2), date(2026, 10, 1)) == 0


# Forms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("titel: x", "did you mean 'title'"), ("level: secret", "strict, standard, linked"), ("[1", "no YAML"),
        ("until: someday", "YYYY-MM-DD"), ("period: {from: 2026-02-01, to: 2026-01-01}", "ends before it begins"),
        ("people: [{account: a, name: b, part: researcher, affiliation: c}]", "one principal"),
        ("people: [{account: a}]", "nothing else"), ("variables: x", "list of texts"), ("- a", "no fields"),
        ("level: [strict]", "strict, standard, linked"), ("legal_ground: {a: b}", "consent"),
        ('purpose: "a\\0b"', "not seen"), ('query: "select 1 \\u202e -- from person"', "not seen"),
        ('title: "\\e[2J"', "not seen"), ('hospitals: ["snuh\\u200b"]', "not seen"),
        ("until: 9999-12-31", "from 1900 to 2199"), ("period: {from: 0001-01-01, to: 2026-01-01}", "from 1900"),
    ],
)  # fmt: skip
def test_a_form_says_what_is_wrong_with_it(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        read_form("request", text)


@pytest.mark.parametrize("sign", ["\0", "\x1b[2J", "\u202e", "\u200b", "\ud800"])
def test_no_text_of_a_step_has_signs_that_are_not_seen(ledger: Ledger, sign: str) -> None:
    """Who reads a reason at a terminal would have it written on; half a letter no ledger keeps."""
    number = drafted(ledger)
    for move, said in (("give_up", {"reason": f"a{sign}b"}), ("pledge", {"name": [sign], "text": pledge().version})):
        with pytest.raises(UsageError, match="not seen"):
            act(ledger, number, move, actor="researcher", said=said)
    with pytest.raises(UsageError, match="not seen"):
        change(ledger, number, with_form(), actor="researcher", hospitals=HOSPITALS, reason=sign)
    with pytest.raises(UsageError, match="not seen"):
        set_role(ledger, "checker", "member", actor="root", reason=sign)
    assert show_request(ledger, number).last == 1


@pytest.mark.parametrize("name", ["request", "conditions"])
def test_a_blank_form_has_every_field_and_can_be_read(name: str) -> None:
    assert read_form(name, blank(name)) == {}
    assert all(f"\n{key}:" in blank(name) for key in layout(name).fields)


def test_states_that_fields_touch_are_states_of_the_chain() -> None:
    assert {f.touches for f in layout("request").fields.values() if f.touches} <= set(chain().order)


def test_large_files_are_not_taken() -> None:
    with pytest.raises(InputError, match=r"a\.csv"):
        given({}, {"a.csv": b"x" * (LARGEST + 1)})


def test_an_incomplete_draft_is_not_submitted(ledger: Ledger) -> None:
    number = drafted(ledger, purpose=None)
    with pytest.raises(NotYet, match="lacks purpose"):
        do(ledger, number, "submit", "researcher")


@pytest.mark.parametrize("other", [{"hospitals": ["nowhere"]}, {"until": day(-1)}])
def test_a_form_that_names_what_there_is_not_goes_nowhere(ledger: Ledger, other: dict[str, Any]) -> None:
    with pytest.raises(NotYet):
        do(ledger, drafted(ledger, **other), "submit", "researcher")


# Roles ----------------------------------------------------------------------------------------------------------------


def test_nobody_gives_themselves_a_role(ledger: Ledger) -> None:
    for actor, account, role in (("root", "root", "chair"), ("member", "auditor", "chair"), ("admin", "root", "chair")):
        with pytest.raises(Forbidden):
            set_role(ledger, account, role, actor=actor, entered_by="admin")


def test_the_log_tells_who_gave_and_took_a_role(ledger: Ledger) -> None:
    set_role(ledger, "auditor", "member", actor="root", reason="she joins", entered_by="admin")
    set_role(ledger, "auditor", "member", actor="root", given=False)
    set_role(ledger, "auditor", "steward", actor="root", hospital="snuh", hospitals=HOSPITALS)
    set_role(ledger, "auditor", "steward", actor="root", hospital="snuh", hospitals=HOSPITALS, given=False)
    query = sa.select(ENTRY.c.kind, ENTRY.c.actor, ENTRY.c.subject, ENTRY.c.reason).order_by(ENTRY.c.number.desc())
    told = [tuple(row.values()) for row in ledger.read(query.limit(4))]
    assert told[::-1] == [
        ("role in requests given", "root", "auditor: member", "she joins"),
        ("role in requests taken", "root", "auditor: member", None),
        ("role in requests given", "root", "auditor: steward of snuh", None),
        ("role in requests taken", "root", "auditor: steward of snuh", None),
    ]


def test_a_role_that_was_taken_holds_no_more(ledger: Ledger) -> None:
    set_role(ledger, "auditor", "checker", actor="root")
    set_role(ledger, "auditor", "checker", actor="root", given=False)
    with pytest.raises(Forbidden):
        do(ledger, walk(ledger, "open"), "check_outputs", "auditor")


@pytest.mark.parametrize(
    ("account", "role", "hospital"),
    [("nobody", "member", None), ("auditor", "king", None), ("auditor", "steward", None), ("auditor", "steward", "x"),
     ("auditor", "member", "snuh"), ("chair", "chair", None)],
)  # fmt: skip
def test_a_role_that_cannot_be_given_is_not(ledger: Ledger, account: str, role: str, hospital: str | None) -> None:
    with pytest.raises(UsageError):
        set_role(ledger, account, role, actor="root", hospital=hospital, hospitals=HOSPITALS)
    assert PEOPLE["auditor"] == "auditor"


def test_who_ended_a_use_does_not_destroy_its_data(ledger: Ledger) -> None:
    number = walk(ledger, "open")
    do(ledger, number, "give_up", "privacy_officer")
    for move in ("order_destroy", "destroy"):
        with pytest.raises(NotYet, match="who ended the use does not destroy its data"):
            do(ledger, number, move, "privacy_officer")
    assert do(ledger, number, "destroy", "root") == "destroyed"
