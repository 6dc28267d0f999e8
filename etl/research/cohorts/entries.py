"""Finds the events that let persons into cohorts, and which of them the inclusion rules leave."""

from __future__ import annotations

from collections.abc import Iterable

from duckdb import DuckDBPyConnection

from etl.research.cohorts.groups import answer
from etl.research.cohorts.model import Limit
from etl.research.cohorts.plan import ENTRY, QUALIFIED, Plan, depth, plain
from etl.research.cohorts.rows import table

_EVENT = "cohort, person_id, event_id, start_date, end_date, opens, closes, visit_occurrence_id"
_LIMITS = {"cohort": "int", "entry_limit": "text", "extra_limit": "text", "included_limit": "text", "extra": "int"}


def refine_events(con: DuckDBPyConnection, plan: Plan) -> None:
    """Add to `cohorts_event` the records of criteria that ask what is around them, the innermost first."""
    outer = [(criterion, number) for criterion, number in plan.criteria.items() if criterion.where]
    inner = {plain(criterion): plan.criteria[plain(criterion)] for criterion, _ in outer}
    rows = [(plan.context(criterion), number) for criterion, number in inner.items()]
    table(con, "cohorts_inner", {"context": "int", "criterion": "int"}, rows)
    con.execute(
        "insert into cohorts_index select n.context, e.person_id, e.event_id, e.start_date, e.end_date, "
        "o.opens, o.closes, e.visit_occurrence_id "
        f"from cohorts_inner n join cohorts_event e using (criterion) {_PERIOD}"
    )
    contexts = {context for context, _ in rows}
    for level in range(max((depth(criterion) for criterion, _ in outer), default=0)):
        answer(con, plan, [n for n in plan.nodes.values() if n.context in contexts and depth(n.asks) == level])
        refined = [
            (number, inner[plain(criterion)], plan.node(plain(criterion), criterion.where).number)
            for criterion, number in outer if criterion.where and depth(criterion) == level + 1
        ]  # fmt: skip
        table(con, "cohorts_refined", {"refined": "int", "criterion": "int", "node": "int"}, refined)
        con.execute(
            "insert into cohorts_event select r.refined, e.* exclude (criterion) from cohorts_refined r "
            "join cohorts_event e using (criterion) join cohorts_true t "
            "on t.node = r.node and t.person_id = e.person_id and t.event_id = e.event_id"
        )


_PERIOD = "join cohorts_period o on o.person_id = e.person_id and e.start_date between o.opens and o.closes"


def find_entries(con: DuckDBPyConnection, plan: Plan) -> None:
    """Make `cohorts_qualified`: the events that let a person in, before the inclusion rules."""
    entries = [
        (place, plan.criteria[entry.criterion], entry.prior, entry.post)
        for place, (_, cohort) in enumerate(plan.cohorts) for entry in cohort.entries
    ]  # fmt: skip
    columns = {"cohort": "int", "criterion": "int", "prior": "int", "post": "int"}
    table(con, "cohorts_wanted", columns, entries)
    table(con, "cohorts_limit", _LIMITS, _limits(plan))
    con.execute(
        "create or replace temp table cohorts_entry as with seen as (select w.cohort, e.person_id, e.start_date, "
        "e.end_date, o.opens, o.closes, "
        f"e.visit_occurrence_id, {_place('w.cohort', 'e', 'l.entry_limit', ', e.event_id, e.criterion')} as event_id, "
        f"l.entry_limit as kept from cohorts_wanted w join cohorts_event e using (criterion) {_PERIOD} "
        "join cohorts_limit l on l.cohort = w.cohort "
        "where e.start_date - w.prior::integer >= o.opens and e.start_date + w.post::integer <= o.closes) "
        f"select {_EVENT} from seen where kept = 'all' or event_id = 1"
    )
    _qualify(con, plan)


def _limits(plan: Plan) -> Iterable[tuple[int, Limit, Limit, Limit, int | None]]:
    for place, (_, cohort) in enumerate(plan.cohorts):
        extra = plan.node((ENTRY, place), cohort.extra).number if cohort.extra else None
        yield place, cohort.entry_limit, cohort.extra_limit if cohort.extra else "all", cohort.limit, extra


def _place(cohort: str, event: str, limit: str, ties: str) -> str:
    """SQL of an event's place among those of its person, the last one first where the limit says so."""
    days = f"{event}.start_date - date '1970-01-01'"
    order = f"case when {limit} = 'last' then -({days}) else {days} end"
    return f"row_number() over (partition by {cohort}, {event}.person_id order by {order}{ties})"


def _into_index(con: DuckDBPyConnection, plan: Plan, kind: str, events: str) -> list[int]:
    """Have groups be asked around events of cohorts; returns the contexts."""
    rows = [(place, plan.contexts[kind, place]) for place in range(len(plan.cohorts)) if (kind, place) in plan.contexts]
    table(con, "cohorts_context", {"cohort": "int", "context": "int"}, rows)
    con.execute(
        "insert into cohorts_index select context, person_id, event_id, start_date, end_date, opens, closes, "
        f"visit_occurrence_id from cohorts_context join {events} using (cohort)"
    )
    return [context for _, context in rows]


def _qualify(con: DuckDBPyConnection, plan: Plan) -> None:
    contexts = _into_index(con, plan, ENTRY, "cohorts_entry")
    answer(con, plan, [node for node in plan.nodes.values() if node.context in contexts])
    con.execute(
        "create or replace temp table cohorts_qualified as with passed as (select e.*, l.extra_limit, "
        f"{_place('e.cohort', 'e', 'l.extra_limit', ', e.event_id')} as place from cohorts_entry e "
        "join cohorts_limit l using (cohort) left join cohorts_true t "
        "on t.node = l.extra and t.person_id = e.person_id and t.event_id = e.event_id "
        f"where l.extra is null or t.node is not null) select {_EVENT} from passed "
        "where extra_limit = 'all' or place = 1"
    )


def include(con: DuckDBPyConnection, plan: Plan) -> None:
    """Make `cohorts_passed` (how many rules, in order, each event passes) and `cohorts_included`."""
    contexts = _into_index(con, plan, QUALIFIED, "cohorts_qualified")
    answer(con, plan, [node for node in plan.nodes.values() if node.context in contexts])
    rules = [
        (place, number, rule.name, plan.node((QUALIFIED, place), rule.group).number)
        for place, (_, cohort) in enumerate(plan.cohorts) for number, rule in enumerate(cohort.rules, 1)
    ]  # fmt: skip
    columns = {"cohort": "int", "rule_number": "int", "rule": "text", "node": "int"}
    table(con, "cohorts_rule", columns, rules)
    con.execute(
        "create or replace temp table cohorts_passed as with failed as (select q.cohort, q.person_id, q.event_id, "
        "min(r.rule_number) as rule_number from cohorts_qualified q join cohorts_rule r on r.cohort = q.cohort "
        "anti join cohorts_true t on t.node = r.node and t.person_id = q.person_id and t.event_id = q.event_id "
        "group by all), total as (select cohort, count(*) as rules from cohorts_rule group by all) "
        "select q.*, coalesce(f.rule_number - 1, t.rules, 0) as passed, f.rule_number is null as whole "
        "from cohorts_qualified q left join total t using (cohort) "
        "left join failed f on f.cohort = q.cohort and f.person_id = q.person_id and f.event_id = q.event_id"
    )
    con.execute(
        "create or replace temp table cohorts_included as with placed as (select p.*, l.included_limit, "
        f"{_place('p.cohort', 'p', 'l.included_limit', ', p.event_id')} as place from cohorts_passed p "
        f"join cohorts_limit l using (cohort) where p.whole) select {_EVENT} from placed "
        "where included_limit = 'all' or place = 1"
    )
