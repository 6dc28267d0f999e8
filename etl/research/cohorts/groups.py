"""Answers, for all events of some contexts at once, how many records there are around each, and which groups hold."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from etl.research.cohorts.events import meets
from etl.research.cohorts.model import Around, Group, Person, Window
from etl.research.cohorts.plan import Node, Plan
from etl.research.cohorts.records import FIELDS
from etl.research.cohorts.rows import table
from etl.sql import literal, quote

_WINDOW = {"low": "int", "high": "int", "index_end": "bool", "event_end": "bool"}
_LEAF = {
    "node": "int", "context": "int", "criterion": "int", "op": "text", "count": "int", "counted": "text",
    "in_period": "bool", "same_visit": "bool", "has_end": "bool",
    **{f"s_{name}": kind for name, kind in _WINDOW.items()}, **{f"e_{name}": kind for name, kind in _WINDOW.items()},
}  # fmt: skip
_COUNTED = {
    "concept": "e.concept_id", "start": "e.start_date - date '1970-01-01'", "end": "e.end_date - date '1970-01-01'",
    "visit": "e.visit_occurrence_id",
}  # fmt: skip
_HOLDS = "case {of}.op when '=' then n = {of}.count when '<=' then n <= {of}.count else n >= {of}.count end"


def make_tables(con: DuckDBPyConnection) -> None:
    """Make the empty tables of events that are asked about, and of the nodes that hold of them."""
    con.execute(
        "create or replace temp table cohorts_index (context integer, person_id bigint, event_id bigint, "
        "start_date date, end_date date, opens date, closes date, visit_occurrence_id bigint)"
    )
    con.execute("create or replace temp table cohorts_true (node integer, person_id bigint, event_id bigint)")


def answer(con: DuckDBPyConnection, plan: Plan, asked: Iterable[Node]) -> None:
    """Add to `cohorts_true` the events in `cohorts_index` of which nodes hold; their parts are among them, or done."""
    nodes = list(asked)
    _around(con, plan, [node for node in nodes if isinstance(node.asks, Around)])
    _persons(con, plan, [node for node in nodes if isinstance(node.asks, Person)])
    for height in range(1, 1 + max((node.height for node in nodes), default=0)):
        _groups(con, [node for node in nodes if node.height == height])


def _window(window: Window | None) -> tuple[int | None, int | None, bool, bool]:
    return (window.low, window.high, window.index_end, window.event_end) if window else (None, None, False, False)


def _around(con: DuckDBPyConnection, plan: Plan, nodes: list[Node]) -> None:
    rows = [
        (
            node.number, node.context, plan.criteria[asks.criterion], asks.op, asks.count, asks.counted,
            asks.in_period, asks.same_visit, asks.ends is not None, *_window(asks.starts), *_window(asks.ends),
        )
        for node in nodes if isinstance(asks := node.asks, Around)
    ]  # fmt: skip
    table(con, "cohorts_leaf", _LEAF, rows)
    if not rows:
        return
    different = " ".join(f"when {literal(name)} then {what}" for name, what in _COUNTED.items())
    counts = " union all ".join(
        f"select l.node, i.person_id, i.event_id, {count} as n from cohorts_index i join cohorts_leaf l "
        "on l.context = i.context join cohorts_event e on e.criterion = l.criterion and e.person_id = i.person_id "
        f"where {only} and {_INSIDE} group by all"
        for only, count in (
            ("l.counted = 'event'", "count(*)"),
            ("l.counted <> 'event'", f"count(distinct case l.counted {different} end)"),
        )
    )
    con.execute(f"create or replace temp table cohorts_count as {counts}")
    _compare(con, "cohorts_leaf", "cohorts_count")


def _side(name: str) -> str:
    """SQL that is true where an event lies in the window of that name (`s`, `e`) of its leaf."""
    event = f"case when l.{name}_event_end then e.end_date else e.start_date end"
    index = f"case when l.{name}_index_end then i.end_date else i.start_date end"
    edges = []
    for sign, days, edge in ((">=", "low", "opens"), ("<=", "high", "closes")):
        limit = f"case when l.{name}_{days} is null then i.{edge} else {index} + l.{name}_{days}::integer end"
        edges.append(f"(l.{name}_{days} is null and not l.in_period or {event} {sign} {limit})")
    return " and ".join(edges)


_INSIDE = (
    "(not l.in_period or e.start_date between i.opens and i.closes) "
    "and (not l.same_visit or e.visit_occurrence_id = i.visit_occurrence_id) "
    f"and {_side('s')} and (not l.has_end or {_side('e')})"
)


def _compare(con: DuckDBPyConnection, asked: str, counts: str) -> None:
    """Add the nodes of `asked` whose count is as they say; where nothing was counted that is none."""
    con.execute(
        f"insert into cohorts_true select a.node, c.person_id, c.event_id from {counts} c join {asked} a using (node) "
        f"where {_HOLDS.format(of='a')}"
    )
    con.execute(
        f"insert into cohorts_true select distinct a.node, i.person_id, i.event_id from {asked} a "
        f"join cohorts_index i on i.context = a.context anti join {counts} c on c.node = a.node "
        "and c.person_id = i.person_id and c.event_id = i.event_id where a.count = 0 or a.op = '<='"
    )


def _persons(con: DuckDBPyConnection, plan: Plan, nodes: list[Node]) -> None:
    asked = {node: node.asks.conditions for node in nodes if isinstance(node.asks, Person)}
    rows = [(node.number, node.context) for node in asked]
    table(con, "cohorts_leaf", {"node": "int", "context": "int"}, rows)
    if not rows:
        return
    fields = sorted({each.field for conditions in asked.values() for each in conditions})
    carried = "".join(f", {FIELDS[name]} as {quote(f'is_{name}')}" for name in fields)
    cases = " ".join(f"when {node.number} then {meets(plan, says, 'is_')}" for node, says in asked.items())
    con.execute(
        "insert into cohorts_true with asked as (select l.node, i.person_id, i.event_id, i.start_date, i.end_date"
        f"{carried} from cohorts_leaf l join cohorts_index i using (context) "
        "join cohorts_person p on p.person_id = i.person_id) "
        f"select distinct node, person_id, event_id from asked where case node {cases} end"
    )


def _groups(con: DuckDBPyConnection, nodes: list[Node]) -> None:
    columns = {"node": "int", "context": "int", "op": "text", "count": "int"}
    rows = [
        (node.number, node.context, node.asks.op, node.asks.count) for node in nodes if isinstance(node.asks, Group)
    ]  # fmt: skip
    table(con, "cohorts_group", columns, rows)
    parts = [(node.number, part) for node in nodes for part in node.parts]
    table(con, "cohorts_part", {"node": "int", "part": "int"}, parts)
    con.execute(
        "create or replace temp table cohorts_count as select p.node, t.person_id, t.event_id, count(*) as n "
        "from cohorts_part p join cohorts_true t on t.node = p.part group by all"
    )
    _compare(con, "cohorts_group", "cohorts_count")
