"""Makes a check of what is written: its kind, words and conditions, or what is wrong with them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from etl.cdm.spec import tables
from etl.errors import Problem, nearest
from etl.mapping.expression import ExpressionError
from etl.quality.battery.checks import Check, CheckType
from etl.quality.battery.definition import Own, Query, Words
from etl.quality.battery.own.conditions import ALIASES, Condition, read_condition
from etl.quality.battery.own.items import Item
from etl.quality.battery.own.said import Said, fill, holes, words


@dataclass(frozen=True, slots=True)
class Ready:
    """One check of an item, with what is filled into its texts; `violated` and `of` as SQL."""

    item: Item
    said: Said
    names: Mapping[str, str]
    violated: Condition
    of: Condition | None

    @property
    def conditions(self) -> list[tuple[str, str]]:
        """The SQL of its conditions by key."""
        return [("violated", self.violated.sql), *([("of", self.of.sql)] if self.of else [])]

    def check(self, query: Query | None, needs: tuple[tuple[str, tuple[str, ...]], ...]) -> Check:
        """The check; `query` makes its rows where they are none of a table."""
        said, reason = self.said, self.said.reason
        named = [self.violated, *([self.of] if self.of else [])]
        own = Own(
            violated=self.violated.sql, of=self.of.sql if self.of else "", cause=_filled(said.cause, self.names),
            place=f"{self.item.file}:{self.item.line}", query=query,
            beside={table: tuple(dict.fromkeys(c for n in named for c in n.columns.get(ALIASES[table], ())))
                    for table in said.beside},
            reason=_filled(reason, self.names) if reason else None, needs=needs,
        )  # fmt: skip
        says = words(said.says, self.names)
        kind = CheckType(
            name=said.check, level="FIELD" if said.field else "TABLE", context="Validation", category=said.category,
            subcategory=said.subcategory, severity=said.severity, dimension=said.dimension, title=says, sees=says,
            means=own.cause,
        )  # fmt: skip
        return Check(kind, said.table, said.field, threshold=said.threshold, line=self.item.line, own=own)


def _filled(said: Words, names: Mapping[str, str]) -> Words:
    return Words(**{language: fill(text, names) for language, text in said})


def ready(
    item: Item, said: Said, names: Mapping[str, str], known: Mapping[str, Collection[str]],
    known_of: Mapping[str, Collection[str]],
) -> Ready | list[Problem]:  # fmt: skip
    """A check whose conditions are read, or what is wrong with it.

    `known` are the columns by alias of what is `violated`, `known_of` those of what it is `of`.
    """
    problems = _of_places(item, said, names)
    read: dict[str, Condition | None] = {}
    for key, text, columns in ("violated", said.violated, known), ("of", said.of, known_of):
        try:
            read[key] = read_condition(text, columns) if text else None
        except ExpressionError as error:
            problems.append(item.problem(key, str(error)))
    violated = read.get("violated")
    if problems or violated is None:
        return problems or [item.problem("violated", "says nothing")]
    return Ready(item, said, names, violated, read["of"])


def _of_places(item: Item, said: Said, names: Mapping[str, str]) -> list[Problem]:
    """What is wrong with the table, the field and the words of a check."""
    table = tables().get(said.table)
    if not said.table:
        return [item.problem("table", "is missing")]
    if table is None:
        return [
            item.problem(_key(item, "table"), f"the CDM has no table '{said.table}'{nearest(said.table, tables())}")
        ]
    if said.field and said.field not in table.columns:
        wrong = f"the table {said.table} has no field '{said.field}'{nearest(said.field, table.columns)}"
        return [item.problem(_key(item, "field"), wrong)]
    texts = {"check": [said.check], "says": [t for _, t in said.says], "cause": [t for _, t in said.cause]}
    return [
        item.problem(key, f"nothing fills '{{{hole}}}'; known: {', '.join(names)}")
        for key, parts in texts.items()
        for hole in dict.fromkeys(hole for text in parts for hole in holes(text) if hole not in names)
    ]


def _key(item: Item, key: str) -> str:
    return key if key in item.lines else "each"
