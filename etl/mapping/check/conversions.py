"""Checks conversions of units taken together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_
from etl.mapping.language.units import Conversion


def conversion_problems(conversions: Mapping[str, Conversion]) -> Iterator[tuple[Path_, str]]:
    """What is wrong with conversions taken together, and where: a value must not become two values."""
    owners: defaultdict[int, list[str]] = defaultdict(list)
    for name, conversion in conversions.items():
        for concept in dict.fromkeys(conversion.concepts):
            owners[concept].append(name)
        if conversion.to in conversion.from_:
            yield ("conversions", name, "from", str(conversion.to)), "is the unit that the values get; remove it"
    for concept, (first, *others) in owners.items():
        for name in others:
            yield ("conversions", name, "concepts"), f"{concept} is converted by '{first}' already; keep it in one"


def written_concepts(mapping: HospitalMapping) -> Iterator[tuple[str, int]]:
    """Every concept id of the conversions that the hospital uses, and where it stands."""
    if not mapping.hospital.units.convert:
        return
    for name, conversion in mapping.conversions.items():
        for concept in conversion.concepts:
            yield f"conversions.{name}.concepts", concept
        for unit in conversion.from_:
            yield f"conversions.{name}.from", unit
        yield f"conversions.{name}.to", conversion.to
