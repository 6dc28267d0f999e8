"""Numbers what all cohorts of one search ask for, so that each thing is worked out once, as rows of small tables.

A *set* is a concept set, a *criterion* records of a table, a *context* the events that groups are asked around: the
records of a criterion, or the entry or qualified events of a cohort. A *node* is one question about each event of a
context: a leaf (how many records around it; what the person is) or a group of nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from etl.research.cohorts.model import Around, Cohort, ConceptSet, Criterion, Group, Person

#: Of a cohort's events: those that let in, those that pass what more is asked of them.
ENTRY, QUALIFIED = "entry", "qualified"
Context = Criterion | tuple[str, int]


@dataclass(frozen=True, slots=True)
class Node:
    """A question about the events of a context; groups have parts, and a height above the leaves."""

    number: int
    context: int
    asks: Around | Person | Group
    parts: tuple[int, ...] = ()
    height: int = 0


@dataclass
class Plan:
    """What is asked for, each by its number: the place in its mapping."""

    cohorts: Sequence[tuple[int, Cohort]]
    sets: dict[ConceptSet, int] = field(default_factory=dict)
    criteria: dict[Criterion, int] = field(default_factory=dict)
    contexts: dict[Context, int] = field(default_factory=dict)
    nodes: dict[tuple[int, Around | Person | Group], Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Number everything."""
        for place, (_, cohort) in enumerate(self.cohorts):
            for _, each in cohort.sets:
                self.set(each)
            for entry in cohort.entries:
                self.criterion(entry.criterion)
            for criterion in cohort.censors:
                self.criterion(criterion)
            if cohort.exit.of:
                self.set(cohort.exit.of)
            if cohort.extra:
                self.node((ENTRY, place), cohort.extra)
            for rule in cohort.rules:
                self.node((QUALIFIED, place), rule.group)

    def set(self, asked: ConceptSet) -> int:
        """The number of a concept set."""
        return self.sets.setdefault(asked, len(self.sets))

    def context(self, asked: Context) -> int:
        """The number of a context."""
        return self.contexts.setdefault(asked, len(self.contexts))

    def criterion(self, asked: Criterion) -> int:
        """The number of a criterion; what it asks around its records, and its records, are numbered before it."""
        if asked not in self.criteria:
            for named in (asked.of, asked.source, *(each.of for each in asked.conditions)):
                if named:
                    self.set(named)
            if asked.where:
                self.criterion(plain(asked))
                self.node(plain(asked), asked.where)
            self.criteria[asked] = len(self.criteria)
        return self.criteria[asked]

    def node(self, context: Context, asked: Around | Person | Group) -> Node:
        """A question about the events of a context."""
        key = (self.context(context), asked)
        if key not in self.nodes:
            parts: list[Node] = []
            if isinstance(asked, Group):
                parts = [self.node(context, each) for each in asked.parts]
            elif isinstance(asked, Around):
                self.criterion(asked.criterion)
            else:
                for each in asked.conditions:
                    if each.of:
                        self.set(each.of)
            height = 1 + max((each.height for each in parts), default=0) if isinstance(asked, Group) else 0
            self.nodes[key] = Node(len(self.nodes), key[0], asked, tuple(each.number for each in parts), height)
        return self.nodes[key]


def plain(asked: Criterion) -> Criterion:
    """The records of a criterion, whatever is asked around them."""
    return Criterion(
        asked.table, asked.of, asked.source, asked.first, asked.conditions, asked.starts, asked.ends
    )  # fmt: skip


def depth(asked: Criterion | Around | Person | Group) -> int:
    """How many times something is asked around records of what is asked around records …; 0 of plain ones."""
    if isinstance(asked, Criterion):
        return 1 + depth(asked.where) if asked.where else 0
    if isinstance(asked, Around):
        return depth(asked.criterion)
    return max((depth(part) for part in asked.parts), default=0) if isinstance(asked, Group) else 0
