"""Holds a night's figures against those of the nights before it, and tells what differs beyond chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from math import sqrt
from statistics import median

from etl.night.check.drift.mixes import Figures, Key, Mix, Moved, chance, moved, recur, usual
from etl.night.check.drift.rules import Rule, Rules
from etl.night.check.earlier import confirmed
from etl.store.ledger.records import Finding

SUITE = "drift"
_OTHERWISE = {
    "filled": "empty",
    "known": "empty",
    "midnight": "other",
    "same_day": "other",
}  # of two items, the one that goes unsaid
_LITTLE = 30  # rows of a concept below which its numbers are not looked at
_DRAWN = (
    20  # rows of a whole sample; half of it, the least that is drawn, may show half of an item's and tell it no more
)
_FEW = 3  # times the rows that are told at least: from there on a night waits
_UNTOLD = ("codes", "numbers")  # kinds whose items are no words
_KNOWN, _UNKNOWN = 3, 0.8  # nights of changes from which their scatter is known; else what share of rows may be missing
_SCATTER = 3.0  # of a number of rows that are drawn anew each night: standard deviations


def judge(rules: Rules, tonight: Figures, before: Sequence[Figures], *, whole: bool) -> list[Finding]:
    """What the night is unlike the nights `before`, the newest first; findings that failed only.

    `whole`: the deliveries were all there is; else each has its own rows, as many as there happened to be.
    """
    if not before:
        return []
    return [*_of_rows(rules, tonight, before, whole=whole), *_of_mixes(rules, tonight, before, whole=whole)]


def _of_rows(rules: Rules, tonight: Figures, before: Sequence[Figures], *, whole: bool) -> Iterator[Finding]:
    counted = {key for figures in (tonight, *before) for key in figures if key.kind == "rows"}
    for key in sorted(counted):
        counts = [sum(figures[key].values()) for figures in before if key in figures]
        now, rows = sum(tonight.get(key, {}).values()), float(median(confirmed(counts) or [0]))
        if not rows:
            continue
        slack = 0.0 if whole else _slack(counts, rows)
        kind, off = ("fewer", rows - now) if now < rows else ("more", now - rows)
        rule = rules.rule(kind, key.table)
        if rule and off >= rule.least and off > slack + rule.warn * rows:
            told = f"{now:,} rows, usually {rows:,.0f} ({(now - rows) / rows:+.1%})"
            yield _finding(kind, key, rule, off - slack, rows, told)


def _slack(counts: Sequence[int], rows: float) -> float:
    """By how many rows a night of changes may be off: more than chance makes, and than nights were off before.

    Rows come in bunches, as many as a visit has. Of few nights nobody knows how far they are apart.
    """
    if len(counts) < _KNOWN:
        return _UNKNOWN * rows
    return max(_SCATTER * sqrt(rows) + 0.3 * rows, 2 * max(abs(count - rows) for count in counts))


def _of_mixes(rules: Rules, tonight: Figures, before: Sequence[Figures], *, whole: bool) -> Iterator[Finding]:
    keys = sorted(key for key in tonight if key.kind in rules.kinds)
    for (table, column, kind), groups in groupby(keys, key=lambda k: (k.table, k.column, k.kind)):
        rule = rules.rule(kind, table, column or None)
        if rule is None:
            continue
        drawn = sum(tonight.get(Key(table, "", "rows"), {}).values()) > rules.sample
        least = _DRAWN / rules.sample if drawn else 0.0
        same = whole and not drawn
        changed = [
            m
            for key in groups
            if (m := _changed(rule, key, tonight[key], before, least, whole=same, drawn_anew=not whole))
        ]
        if not changed:
            continue
        rows, total = sum(m.rows for _, m in changed), sum(m.total for _, m in changed)
        if rows >= rule.least:
            yield _finding(kind, Key(table, column, kind), rule, rows, total, _told(kind, changed))


def _changed(
    rule: Rule, key: Key, now: Mix, before: Sequence[Figures], least: float, *, whole: bool, drawn_anew: bool
) -> tuple[Key, Moved] | None:
    """What changed of one mix, beyond the rule's share and chance; None if it is as usual.

    `whole`: the rows looked at are those of the nights before and new ones, none was left to chance; `drawn_anew`: they
    are new, every night, so that numbers of visits and the like are not the codes of the night before.
    """
    mixes = [figures[key] for figures in before if key in figures]
    then = usual(mixes)
    if then is None or (key.group and min(then.rows, sum(now.values())) < _LITTLE):
        return None
    if key.kind == "codes" and drawn_anew and not recur(mixes):
        return None
    found = moved(now, then, least)
    return (key, found) if found.share > rule.warn + chance(now, then, whole=whole) else None


def _told(kind: str, changed: Sequence[tuple[Key, Moved]]) -> str:
    if changed[0][0].group:
        return f"of concept {', '.join(key.group for key, _ in sorted(changed, key=lambda c: -c[1].rows))}"
    items = changed[0][1].items
    if kind in _UNTOLD:
        new = sum(now for _, was, now in items if was == 0)
        return f"{changed[0][1].share:.1%} of the rows have other ones" + (
            f", {new:.1%} ones never seen" if new else ""
        )
    told = sorted(items, key=lambda item: item[0] == _OTHERWISE.get(kind))[: 1 if kind in _OTHERWISE else 2]
    return ", ".join(f"{item} {was:.1%} → {now:.1%}" for item, was, now in told)


def _finding(kind: str, key: Key, rule: Rule, off: float, total: float, told: str) -> Finding:
    return drifted(kind, key.table, key.column or None, rule, round(off), round(total), told)


def drifted(
    kind: str, table: str, column: str | None, rule: Rule, off: int | None, total: int | None, told: str
) -> Finding:
    """The warning that something is not as it was, `off` of `total` rows; a person decides above the rule's limit."""
    counts = off is not None and off >= _FEW * rule.least  # of few rows a large share is no reason to wait
    return Finding(
        SUITE, table, f"expect_{kind}_to_stay", rule.says, "warn", False, column_name=column, unexpected=off,
        total=total, observed=told, approve_above=rule.hold if counts else None,
    )  # fmt: skip
