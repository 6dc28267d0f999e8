"""Reads a hospital's YAML files (its layout's first), keeps every key's file and line, and merges them.

Later files win: the same key replaces, mappings merge, entries merge by name, the word `absent` removes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from etl import yamls
from etl.errors import Problem
from etl.files import NO_FILE, NoFileError, read_bytes
from etl.mapping.language.places import Path_, Place

ABSENT = "absent"
_TRUTH = ("true", "false")  # the words that YAML 1.2 kept; 1.1 takes yes, no, on and off for truth values, too


@dataclass(slots=True)
class Document:
    """Merged YAML of one hospital, and where each part of it was written."""

    data: dict[str, Any] = field(default_factory=dict)
    places: dict[Path_, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    root: Path = Path()  # the files of `places` are named from here
    unreadable: bool = False  # a file is no YAML: what else seems wrong may follow from that

    def place(self, path: Path_) -> Place:
        """The place of the nearest written ancestor of `path`."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return Place("hospital.yaml", 1)

    def problem(self, path: Path_, message: str) -> Problem:
        """A problem at `path`."""
        where = self.place(path)
        return Problem(where.file, where.line, ".".join(str(p) for p in path) or "-", message)


class _Reader:
    """Builds plain data from YAML nodes while noting the line of every key."""

    def __init__(self, file: str, document: Document) -> None:
        self.file = file
        self.document = document
        self.places: dict[Path_, Place] = {}
        self.constructor = SafeConstructor()

    def build(self, node: yaml.Node, path: Path_) -> Any:
        self.places.setdefault(path, Place(self.file, node.start_mark.line + 1))
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, i)) for i, item in enumerate(node.value)]
        value = yamls.construct(self.constructor, node)
        if isinstance(value, bool) and str(node.value).lower() not in _TRUTH:
            return str(
                node.value
            )  # a column may be called NO or ON; where a truth value is due, `yes` is one as a text
        if value is not None and not isinstance(value, str):
            self.places[path] = replace(self.places[path], text=str(node.value))
        return value

    def _mapping(self, node: yaml.MappingNode, path: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yamls.Unusable("a key is one word or text", key_node)
            key = str(key_node.value)  # as written: YAML would read the code Y as a truth value and 01 as a number
            line = key_node.start_mark.line + 1
            if key in result:
                self.document.problems.append(Problem(self.file, line, str(key), "is written twice; keep one"))
            self.places[(*path, key)] = Place(self.file, line)
            result[key] = self.build(value_node, (*path, key))
        return result


def _entries(data: Any) -> dict[str, Any]:
    """A file that is a list holds entries."""
    return {"entries": data} if isinstance(data, list) else dict(data or {})


def entry_name(entry: Any) -> str:
    """The name of a raw entry: given, or made from its source and target."""
    if not isinstance(entry, dict):
        return "?"
    return str(entry.get("name") or f"{entry.get('from')}_{entry.get('event') or entry.get('table')}")


def read_file(path: Path, root: Path, document: Document) -> None:
    """Read one YAML file and merge it over what `document` holds."""
    file = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
    reader = _Reader(file, document)
    try:
        content = read_bytes(path)
    except NoFileError:
        document.problems.append(Problem(file, 1, "-", NO_FILE))
        document.unreadable = True
        return
    try:
        node = yamls.compose(content.decode("utf-8-sig"))
        data = reader.build(node, ()) if node is not None else {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        document.problems.append(_unreadable(file, content, error))
        document.unreadable = True
        return
    if isinstance(data, list):
        reader.places = {("entries", *path): place for path, place in reader.places.items()}
    elif not isinstance(data, dict):
        document.problems.append(Problem(file, 1, "-", "expected keys or a list of entries"))
        return
    incoming = _entries(data)
    incoming["entries"], places = _name_entries(incoming.get("entries") or [], reader.places, document, file)
    document.data = merge(document.data, incoming)
    document.places |= places


def _unreadable(file: str, content: bytes, error: Exception) -> Problem:
    """What is wrong with a file that is no YAML, at its line."""
    mark = getattr(error, "problem_mark", None)
    last = len(content.splitlines())  # where a file ends too early, the mark stands behind it
    line = max(min(mark.line + 1, last), 1) if mark else 1
    return Problem(file, line, "-", f"is not YAML: {getattr(error, 'problem', None) or 'not UTF-8 text'}")


def _name_entries(
    entries: Any, places: dict[Path_, Place], document: Document, file: str
) -> tuple[dict[str, Any], dict[Path_, Place]]:
    """Key entries by name instead of position, so that a later file can change one of them."""
    if not isinstance(entries, list):
        document.problems.append(Problem(file, 1, "entries", "expected a list"))
        return {}, places
    names = [entry_name(e) for e in entries]
    for i, name in enumerate(names):
        if name in names[:i]:
            line = places[("entries", i)].line
            document.problems.append(Problem(file, line, "entries", f"'{name}' is there twice; give one a `name`"))
    renamed = {
        (("entries", names[int(str(p[1]))], *p[2:]) if len(p) > 1 and p[0] == "entries" else p): place
        for p, place in places.items()
    }
    kept = [ABSENT if isinstance(e, dict) and e.get(ABSENT) else e for e in entries]
    return dict(zip(names, kept, strict=True)), renamed


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `new` over `old`: mappings merge key by key, everything else replaces, `absent` removes."""
    result = dict(old)
    for key, value in new.items():
        if value == ABSENT:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merge(result[key], value)
        else:
            result[key] = value
    return result


def read_head(folder: Path) -> Document:
    """What the `hospital.yaml` in `folder` says."""
    head = Document(root=folder.parent)
    read_file(folder / "hospital.yaml", folder.parent, head)
    return head


def read_hospital(folder: Path) -> Document:
    """Everything that holds for the hospital in `folder`: shared files, its layout's, its own, in this order."""
    root = folder.parent
    document = Document(root=root)
    head = read_head(folder)
    document.problems += head.problems
    layout = head.data.get("layout")
    folders = [root / "shared", *([root / "shared" / "layouts" / str(layout)] if layout else []), folder]
    for place in folders:
        if place == root / "shared" and not place.exists():
            continue  # a consortium need not share anything
        if not place.is_dir():
            if place == root / "shared":  # nothing need be shared
                continue
            document.problems.append(head.problem(("layout",), f"there is no folder {place.relative_to(root)}"))
            continue
        files = sorted([*place.glob("*.yaml"), *(place / "maps").glob("*.yaml")])
        for file in files:
            read_file(file, root, document)
    document.problems = list(dict.fromkeys(document.problems))  # the head was read twice
    document.places[()] = Place(f"{folder.name}/hospital.yaml", 1)  # where a missing key belongs
    return document


def hospital_folders(root: Path) -> list[Path]:
    """Folders under `mappings/` that hold a `hospital.yaml`."""
    return sorted(p.parent for p in root.glob("*/hospital.yaml"))
