"""YAML lists and mappings with the lines they are written in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from etl import yamls
from etl.errors import Problem


@dataclass(frozen=True, slots=True)
class Item:
    """A mapping of YAML, where it begins, and where each of its keys does."""

    file: str
    line: int
    said: dict[str, Any]
    lines: dict[str, int] = field(default_factory=dict)

    def problem(self, key: str, message: str) -> Problem:
        """What is wrong with one of its keys."""
        return Problem(self.file, self.lines.get(key, self.line), key, message)


class Misshapen(Exception):
    """YAML that is not of the shape asked for; holds the problem."""

    def __init__(self, file: str, line: int, message: str) -> None:
        """Take the place and the words."""
        super().__init__(message)
        self.problem = Problem(file, line, "-", message)


def compose(text: str, file: str, above: int = 0) -> yaml.Node:
    """The nodes of a text that begins after `above` lines of a file; Misshapen where it is no YAML."""
    try:
        node = yamls.compose(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Misshapen(file, line + above, f"is no YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise Misshapen(file, 1 + above, "is no YAML") from None
    if node is None:
        raise Misshapen(file, 1 + above, "says nothing")
    return node


def items(node: yaml.Node, file: str, above: int = 0) -> list[Item]:
    """The mappings of a list."""
    if not isinstance(node, yaml.SequenceNode):
        raise Misshapen(file, node.start_mark.line + 1 + above, "has to be a list of checks")
    return [item(each, file, above) for each in node.value]


def item(node: yaml.Node, file: str, above: int = 0) -> Item:
    """A mapping with its lines; Misshapen where it is none."""
    line = node.start_mark.line + 1 + above
    if not isinstance(node, yaml.MappingNode):
        raise Misshapen(file, line, "has to be keys and values")
    try:
        said = yamls.construct(SafeConstructor(), node, deep=True)
    except yaml.MarkedYAMLError as error:
        raise Misshapen(file, line, f"is no YAML: {error.problem}") from None
    lines = {str(key.value): key.start_mark.line + 1 + above for key, _ in node.value}
    return Item(file, line, {str(key): value for key, value in said.items()}, lines)


def nodes_of(node: yaml.Node) -> dict[str, yaml.Node]:
    """The nodes of a mapping by key."""
    return {str(key.value): value for key, value in node.value} if isinstance(node, yaml.MappingNode) else {}
