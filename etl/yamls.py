"""Reads YAML that people write: what unfolds without end, or lies deeper than anybody writes, is an error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from yaml.constructor import SafeConstructor
from yaml.error import MarkedYAMLError

_DEEPEST = 60
_UNFOLDED = 100_000  # nodes that aliases may stand for beyond those that are written


class Unusable(MarkedYAMLError):
    """YAML that can be parsed and not be used."""

    def __init__(self, problem: str, node: yaml.Node) -> None:
        super().__init__(problem=problem, problem_mark=node.start_mark)


def compose(text: str) -> yaml.Node | None:
    """The nodes of one YAML document, of which aliases make a tree that ends; raises yaml.YAMLError."""
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    if node is not None:
        _measure(node)
    return node


def load(text: str) -> Any:
    """One YAML document as plain data; raises yaml.YAMLError whatever is wrong with it."""
    node = compose(text)
    return None if node is None else construct(SafeConstructor(), node, deep=True)


def construct(constructor: SafeConstructor, node: yaml.Node, *, deep: bool = False) -> Any:
    """What a node stands for; raises yaml.YAMLError where it is none of what it says, such as the 40th of May."""
    try:
        return constructor.construct_object(node, deep=deep)
    except (ValueError, TypeError, OverflowError, AttributeError, KeyError, RecursionError):
        raise Unusable("is no value of its kind; write it in quotes where it is a text", node) from None


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _measure(root: yaml.Node) -> None:
    """Raise Unusable where nodes lie too deep, hold themselves, or are too many once aliases are unfolded."""
    sizes: dict[int, int] = {}  # of finished nodes, all that lies in them
    open_ = {id(root)}
    stack = [(root, _children(root), [1])]
    while stack:
        node, children, size = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            open_.discard(id(node))
            sizes[id(node)] = size[0]
            if size[0] - len(sizes) > _UNFOLDED:
                raise Unusable("aliases unfold to more than a file may hold", node)
            if stack:
                stack[-1][2][0] += size[0]
        elif id(child) in sizes:
            size[0] += sizes[id(child)]
        elif id(child) in open_:
            raise Unusable("an alias names what it stands in", child)
        elif len(stack) > _DEEPEST:
            raise Unusable(f"is nested deeper than {_DEEPEST} levels", child)
        else:
            open_.add(id(child))
            stack.append((child, _children(child), [1]))
