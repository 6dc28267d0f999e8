"""Reads concept sets, as ATLAS exports them and as we write them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

from etl.research.cohorts.model import ConceptSet, Item
from etl.research.cohorts.said import Said, Wrong

_ITEM = ("concept", "isExcluded", "includeDescendants", "includeMapped")
_OWN = ("concepts", "exclude", "csv", "atlas", "sets")
_COLUMNS = ("concept_id", "descendants", "mapped", "excluded")


def atlas_set(expression: Said, name: str) -> ConceptSet:
    """A concept set of Circe: `expression` has `items`."""
    expression.only(("items",))
    items = tuple(item for said in expression.at("items").each() if (item := _atlas_item(said)) is not None)
    return _filled(items, name, expression)


def _atlas_item(said: Said) -> Item | None:
    said.only(_ITEM)
    concept = said.at("concept").at("CONCEPT_ID")
    if concept.value is None:
        concept.add("is missing")
        return None
    return Item(
        concept.integer(), said.at("includeDescendants").yes(), said.at("includeMapped").yes(),
        said.at("isExcluded").yes(),
    )  # fmt: skip


def read_sets(said: Said, folder: Path) -> dict[str, ConceptSet]:
    """Concept sets by name; files that they name lie in the folder. What is wrong is kept in `said.wrong`."""
    names = [name for name, _ in said.items()]
    found: dict[str, ConceptSet] = {}
    open_: list[str] = []

    def one(name: str, asked: Said) -> ConceptSet:
        if name in open_:
            asked.add(f"goes round in a circle: {' → '.join([*open_[open_.index(name) :], name])}")
        elif name not in names:
            asked.add("is no concept set of this file")
        elif name not in found:
            open_.append(name)
            found[name] = _own_set(said.at(name), name, folder, one)
            open_.pop()
        return found.get(name, ConceptSet((), name))

    for name in names:
        one(name, said.at(name))
    return found


def _own_set(said: Said, name: str, folder: Path, other: Callable[[str, Said], ConceptSet]) -> ConceptSet:
    said.only(_OWN)
    items = [_own_item(item, excluded=False) for item in said.at("concepts").each()]
    items += [_own_item(item, excluded=True) for item in said.at("exclude").each()]
    if said.has("csv"):
        items += _csv_items(said.at("csv"), folder)
    if said.has("atlas"):
        items += _atlas_items(said.at("atlas"), folder)
    for each in said.at("sets").each():
        items += other(each.text(), each).items
    return _filled(tuple(items), name, said)


def _own_item(said: Said, *, excluded: bool) -> Item:
    if isinstance(said.value, int) and not isinstance(said.value, bool):
        return Item(said.value, excluded=excluded)
    said.only(("id", "descendants", "mapped", "name"))
    if not said.has("id"):
        said.at("id").add("is missing")
    return Item(said.at("id").integer(), said.at("descendants").yes(), said.at("mapped").yes(), excluded)


def _text(said: Said, folder: Path) -> str | None:
    file = folder / said.text()
    if not file.resolve().is_relative_to(folder.resolve()):
        said.add("has to be a file of the definition's folder")
        return None
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError:
        said.add(f"there is no file {said.text()} that can be read beside the definition")
    except UnicodeDecodeError:
        said.add(f"{said.text()} is no text in UTF-8")
    return None


def _csv_items(said: Said, folder: Path) -> list[Item]:
    text = _text(said, folder)
    if text is None:
        return []
    rows = list(csv.DictReader(text.splitlines()))
    if not rows or "concept_id" not in rows[0]:
        said.add(f"has to be a CSV file with a column concept_id, and rows; it may have {', '.join(_COLUMNS[1:])}")
        return []
    items = []
    for line, row in enumerate(rows, 2):
        number = (row["concept_id"] or "").strip()
        if not number.isdecimal():
            said.add(f"line {line}: concept_id has to be a whole number")
            continue
        items.append(Item(int(number), *(_is_true(row.get(column)) for column in _COLUMNS[1:])))
    return items


def _is_true(cell: str | None) -> bool:
    return (cell or "").strip().casefold() in ("true", "yes", "1", "y")


def _atlas_items(said: Said, folder: Path) -> tuple[Item, ...]:
    text = _text(said, folder)
    if text is None:
        return ()
    try:
        value = json.loads(text)
    except ValueError as error:
        said.add(f"{said.text()} is no JSON: {error}")
        return ()
    inner = value.get("expression", value) if isinstance(value, dict) else value
    return atlas_set(Said(inner, f"{said.key}({said.text()})", said.wrong), "").items


def _filled(items: tuple[Item, ...], name: str, said: Said) -> ConceptSet:
    if not any(not item.excluded for item in items):
        said.add("the concept set is empty: it includes no concept")
    return ConceptSet(items, name)


def sets_of(said: object, folder: Path, file: str) -> dict[str, ConceptSet]:
    """Concept sets as a mapping says them; ConfigError with all that is wrong."""
    wrong = Wrong(file)
    found = read_sets(Said(said, "concept_sets", wrong), folder)
    wrong.stop()
    return found
