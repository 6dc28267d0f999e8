"""Checks of ours over rows that a query makes: a statement for each query, whatever it is asked."""

from __future__ import annotations

from collections.abc import Sequence

from etl.quality.battery.checks import Check
from etl.quality.battery.definition import Own, Query, as_on
from etl.quality.battery.own.said import pieces
from etl.quality.battery.statement import Ground, Statement, Wide
from etl.sql import literal, quote

_REASONS = 5  # of one check and hospital
_PERSONS = (1 << 24) - 1  # the part of an owner that names a person


def queries_of(asked: Sequence[Check], ground: Ground) -> list[Statement]:
    """The statements of all queries whose tables are there."""
    by_query: dict[str, list[Check]] = {}
    for check in asked:
        if check.own and check.own.query:
            by_query.setdefault(check.own.query.name, []).append(check)
    found = (build(mine, ground) for mine in by_query.values() for build in (_rows, _of))
    return [statement for statement in found if statement]


def _rows(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """What is violated, and of how many where the same rows tell it. The checks are of one query."""
    owns, query = _of_one_query(asked)
    wide = Wide("", ground, _hospital(query.owner))
    reasons = []
    for check, own in owns:
        of = None if query.of else wide.column(_counted(as_on(own.of, ground.night), weighted=query.weighted))
        violated = wide.column(_counted(as_on(own.counted(), ground.night), weighted=query.weighted))
        wide.add(check, violated, of)
        if own.reason:
            texts = [wide.column(_reasons(own, text, ground)) for text in (own.reason.en, own.reason.ko)]
            reasons.append((check, texts[0], texts[1]))
    statement = wide.statement(_rows, f"({as_on(query.rows, ground.night)}) t")
    statement.reasons = reasons
    return statement


def _of(asked: Sequence[Check], ground: Ground) -> Statement | None:
    """Of how many, where another query tells it."""
    owns, query = _of_one_query(asked)
    if not query.of:
        return None
    wide = Wide("", ground, _hospital(query.of_owner))
    for check, own in owns:
        wide.add(check, None, wide.column(_counted(as_on(own.of, ground.night), weighted=query.of_weighted)))
    return wide.statement(_of, f"({as_on(query.of, ground.night)}) t")


def _of_one_query(asked: Sequence[Check]) -> tuple[list[tuple[Check, Own]], Query]:
    owns = [(check, check.own, check.own.query) for check in asked if check.own and check.own.query]
    return [(check, own) for check, own, _ in owns], owns[0][2]


def _hospital(owner: str) -> str:
    return f"(t.{quote(owner)}::bigint >> 24)"


def _counted(condition: str, *, weighted: bool) -> str:
    """SQL of how many fulfil a condition; an empty one: all."""
    if weighted:
        return f"sum(case when {condition or 'true'} then t.n else 0 end)::bigint"
    return f"count_if({condition})" if condition else "count(*)"


def _reasons(own: Own, text: str, ground: Ground) -> str:
    """SQL of the sentences of violated rows, a few of them; of rows that are a hospital's, and no patient's."""
    said = " || ".join(
        f"coalesce(t.{quote(part)}::varchar, '–')" if is_column else literal(part) for is_column, part in pieces(text)
    )
    violated = f"({as_on(own.counted(), ground.night)}) and t.owner & {_PERSONS} = 0"
    return f"array_to_string(list_sort(list({said}) filter (where {violated}))[:{_REASONS}], '; ')"
