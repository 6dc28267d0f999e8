"""Checks look-ups: that code maps, cleaning rules and masters are there, and the rows of the maps."""

from __future__ import annotations

from collections.abc import Mapping

from etl.errors import nearest
from etl.mapping.check.checker import Checker
from etl.mapping.language.codemaps import CodeMap, MapRows
from etl.mapping.language.lookups import Step
from etl.mapping.language.mapping import Declarations
from etl.mapping.language.places import Path_
from etl.mapping.read.codemaps import format_of, read_rows, with_file, written_rows


def check_step(check: Checker, path: Path_, step: Step, known: Declarations) -> None:
    """A step of a look-up names a map, rule or master that is there, and says where to look."""
    for kind, value, names in (
        ("map", step.map, check.names("maps", known.maps)),
        ("clean", step.clean, check.names("clean", known.clean)),
        ("through", step.through, check.names("masters", known.masters)),
    ):
        if value is not None and value not in names:
            check.add((*path, kind), f"there is no '{value}'{nearest(value, names)}")
    if step.map is None and step.vocabulary is None:
        check.add(path, "says neither `map` nor `vocabulary`: where is the code to be looked up?")


def read_map_rows(check: Checker, maps: Mapping[str, CodeMap]) -> dict[str, MapRows]:
    """The rows of every code map; what is wrong with a CSV file is a problem of that file."""
    found: dict[str, MapRows] = {}
    for name, code_map in maps.items():
        path: Path_ = ("maps", name)
        if code_map.usagi and code_map.source_to_concept_map:
            check.add(path, "says both `usagi` and `source_to_concept_map`; keep one")
            continue
        if not code_map.model_fields_set & {"codes", "usagi", "source_to_concept_map"}:
            check.add(path, "says neither `codes` nor `usagi` nor `source_to_concept_map`: what do its codes become?")
        codes: Path_ = (*path, "codes")
        found[name] = written_rows(code_map, {c: check.document.place((*codes, c)) for c in code_map.codes})
        named = format_of(code_map)
        if named:
            root, beside = check.document.root, check.document.place((*path, named[0])).file
            rows, wrong = read_rows(code_map, (root / beside).parent, root)
            check.problems += wrong
            found[name] = with_file(found[name], rows) if rows else found[name]
    return found
