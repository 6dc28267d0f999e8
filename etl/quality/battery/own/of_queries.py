"""Checks of `.sql` files: conditions over the rows that a query makes, with a head of YAML that names them.

The head is a comment with `checks`, with `reads`: lists that the query joins, and with `by: person` where a person's
own rows tell all that is told of the person. The query gives `person_id` or `owner`, and `n` where a row stands for
several. A second one, behind a `;`, gives the rows that they are of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.errors import Problem, nearest
from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Query
from etl.quality.battery.own import bind
from etl.quality.battery.own.items import Item, Misshapen, compose, item, items, nodes_of
from etl.quality.battery.own.lists import Listed, names, read_list
from etl.quality.battery.own.personal import value_of_a_patient
from etl.quality.battery.own.queries import QueryError, Written, read_queries
from etl.quality.battery.own.ready import Ready, ready
from etl.quality.battery.own.said import Said, each_of, holes, read

_HEAD = re.compile(r"\s*/\*(.*?)\*/", re.DOTALL)
_HEAD_KEYS = ("checks", "reads", "by")
_OWNERS = ("person_id", "owner")


def checks_of(file: Path, text: str, con: DuckDBPyConnection) -> Iterator[Check | Problem]:
    """The checks of a file, and what is wrong with it; raises Misshapen where it cannot be read at all."""
    found = _HEAD.match(text)
    if found is None:
        raise Misshapen(file.name, 1, "has to begin with a comment /* … */ that names its checks in YAML")
    above = text[: found.start(1)].count("\n")
    node = compose(found[1], file.name, above)
    head = item(node, file.name, above)
    for key in head.said:
        if key not in _HEAD_KEYS:
            raise Misshapen(file.name, head.lines[key], f"{key}: is no key of a head{nearest(key, _HEAD_KEYS)}")
    if "checks" not in head.said:
        raise Misshapen(file.name, head.line, "checks: is missing")
    body = text[found.end() :].lstrip()
    try:
        written = items(nodes_of(node)["checks"], file.name, above)
        yield from _of_queries(written, read_queries(body, _lists(head, file.parent)), con, by_person=_by_person(head))
    except QueryError as error:
        line = text[: len(text) - len(body)].count("\n")
        raise Misshapen(file.name, line + error.line, str(error)) from None


def _lists(head: Item, folder: Path) -> list[Listed]:
    said = head.said.get("reads", [])
    if not isinstance(said, list) or not all(isinstance(name, str) for name in said):
        raise Misshapen(head.file, head.lines["reads"], "reads: has to be a list of names")
    for name in said:
        if name not in names(folder):
            wrong = f"reads: there is no list '{name}'{nearest(name, names(folder))}"
            raise Misshapen(head.file, head.lines["reads"], wrong)
    return [read_list(name, folder) for name in said]


def _by_person(head: Item) -> bool:
    if head.said.get("by", "person") != "person":
        raise Misshapen(head.file, head.lines["by"], "by: can be person, or is left out")
    return "by" in head.said


def _of_queries(
    written: Sequence[Item], queries: Sequence[Written], con: DuckDBPyConnection, *, by_person: bool
) -> Iterator[Check | Problem]:  # fmt: skip
    given = [_given(query, con) for query in queries]
    owners = [_owner(columns) for columns in given]
    query = Query(
        name=written[0].file if written else "", rows=queries[0].sql, of=queries[1].sql if len(queries) > 1 else "",
        owner=owners[0], of_owner=owners[-1], weighted="n" in given[0], of_weighted="n" in given[-1],
        by_person=by_person,
    )  # fmt: skip
    found: list[Ready] = []
    for one in written:
        said = read(one)
        for made in [said] if isinstance(said, list) else _ready(one, said, given):
            if isinstance(made, list):
                yield from made
            else:
                found.append(made)
    if found and (problem := _told_of_patients(written, queries[0], owners[0])):
        yield problem
        return
    of = f"({query.of or query.rows}) t"
    wrong = list(bind.troubles(con, {"violated": f"({query.rows}) t", "of": of}, found))
    yield from wrong or (one.check(query, _needs(queries)) for one in found)


def _told_of_patients(written: Sequence[Item], query: Written, owner: str) -> Problem | None:
    """What is wrong where a reason is told of rows that are patients'."""
    one = next((each for each in written if each.said.get("reason")), None)
    if one is None:
        return None
    if owner == "person_id":
        return one.problem("reason", "is told of hospitals only: the query has to give owner, hospital << 24")
    column = value_of_a_patient(query.sql)
    if column is None:
        return None
    told = "all columns of a table of patients" if column == "*" else f"'{column}'"
    return one.problem("reason", f"may tell no value of a patient, and the query gives {told} of single rows")


def _given(query: Written, con: DuckDBPyConnection) -> list[str]:
    try:
        return bind.columns(con, query.sql)
    except duckdb.Error:
        raise QueryError(bind.trouble(con, query.sql) or "cannot be planned") from None


def _owner(columns: Sequence[str]) -> str:
    owner = next((name for name in _OWNERS if name in columns), None)
    if owner is None:
        raise QueryError("has to give person_id, or owner: whose a row is")
    return owner


def _ready(one: Item, said: Said, given: Sequence[Sequence[str]]) -> list[Ready | list[Problem]]:
    """The checks that an item stands for, over the columns that each query gives."""
    if said.beside:
        return [[one.problem("beside", "is for checks of .yaml files; a query says it itself")]]
    found: list[Ready | list[Problem]] = []
    for filled, filling in each_of(said):
        lost = [h for _, text in said.reason or () for h in holes(text) if h not in given[0] and h not in filling]
        if lost:
            found.append([one.problem("reason", f"the query gives no '{lost[0]}'{nearest(lost[0], given[0])}")])
        else:
            found.append(ready(one, filled, filling, {"t": given[0]}, {"t": given[-1]}))
    return found


def _needs(queries: Sequence[Written]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(dict.fromkeys((table, ()) for query in queries for table in query.reads))
