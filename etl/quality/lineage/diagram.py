"""The diagram of a hospital's lineage as inline SVG: sources on the left, CDM tables on the right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from etl.pages.formats import count
from etl.pages.language import ENGLISH, Say
from etl.quality.lineage.document import Edge, HospitalLineage

_WIDTH, _LINE, _TOP = 860, 30, 14
_LEFT, _RIGHT = 250, 610  # where the edges begin and end
_WIDEST = 7.0


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    kind: str
    y: float
    rows: int | None


def diagram(lineage: HospitalLineage, say: Say = ENGLISH) -> Markup:
    """The whole drawing; every node links to its section of the page."""
    edges = lineage.edges
    rows = {s.name: s.rows for s in lineage.sources}
    right = [_Node(t.name, "table", 0, t.rows) for t in lineage.tables]
    at = {n.name: i for i, n in enumerate(right)}
    names = [s.name for s in lineage.sources if any(e.source == s.name for e in edges)]
    # sources in the order of the tables they feed, so that few edges cross
    names.sort(key=lambda n: (_mean([at[e.table] for e in edges if e.source == n]), n))
    left = [_Node(n, "source", 0, rows[n]) for n in names]
    longest = max(len(left), len(right), 1)
    left, right = _spread(left, longest), _spread(right, longest)
    ys = {(n.kind, n.name): n.y for n in (*left, *right)}
    most = max((e.rows or 0 for e in edges), default=0)
    lines = Markup("").join(_edge(e, ys["source", e.source], ys["table", e.table], most, say) for e in edges)
    nodes = Markup("").join(_node(n) for n in (*left, *right))
    height = _TOP * 2 + longest * _LINE
    says = say("Sources on the left, the CDM tables they fill on the right")
    return Markup(
        '<svg class="lineage" viewBox="0 0 {} {}" width="{}" height="{}" role="group" aria-label="{}">{}{}</svg>'
    ).format(_WIDTH, height, _WIDTH, height, says, lines, nodes)


def _mean(values: Sequence[int]) -> float:
    return sum(values) / len(values)


def _spread(nodes: Sequence[_Node], longest: int) -> list[_Node]:
    """Nodes of one side, evenly over the height."""
    step = longest / max(len(nodes), 1)
    return [_Node(n.name, n.kind, _TOP + _LINE * (i + 0.5) * step, n.rows) for i, n in enumerate(nodes)]


def _edge(edge: Edge, begin: float, end: float, most: int, say: Say) -> Markup:
    width = 1.5 if not edge.rows or most < 2 else 1.5 + (_WIDEST - 1.5) * math.log(1 + edge.rows) / math.log(1 + most)
    middle = (_LEFT + _RIGHT) / 2
    said = {
        "entry": "", "routed": f", {say('by the domain of the concept')}", "master": f", {say('as a code master')}",
    }[edge.kind]  # fmt: skip
    rows = f": {say('%(n)s rows', n=count(edge.rows))}" if edge.rows is not None else ""
    return Markup(
        '<path class="edge {}" data-source="{}" data-table="{}" d="M{} {:.1f}C{} {:.1f} {} {:.1f} {} {:.1f}" '
        'stroke-width="{:.1f}"><title>{}</title></path>'
    ).format(
        edge.kind, edge.source, edge.table, _LEFT, begin, middle, begin, middle, end, _RIGHT, end, width,
        f"{edge.source} → {edge.table}{rows}{said}",
    )  # fmt: skip


def _node(node: _Node) -> Markup:
    left = node.kind == "source"
    box, text = (4, _LEFT - 10) if left else (_RIGHT, _RIGHT + 10)
    width = _LEFT - 4 if left else _WIDTH - _RIGHT - 4
    rows = Markup('<tspan class="rows" dx="8">{}</tspan>').format(count(node.rows)) if node.rows is not None else ""
    inside = Markup("{}{}").format(node.name, rows)
    return Markup(
        '<a class="node" href="#{}-{}" data-{}="{}"><rect x="{}" y="{:.1f}" width="{}" height="24" rx="5"/>'
        '<text x="{}" y="{:.1f}" text-anchor="{}">{}</text></a>'
    ).format(
        node.kind, quote(node.name), node.kind, node.name, box, node.y - 12, width, text, node.y + 4.5,
        "end" if left else "start", inside,
    )  # fmt: skip
