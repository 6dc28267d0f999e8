"""On which line of a JSON file a value stands; JSON's own parser forgets it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from etl import yamls
from etl.errors import Problem
from etl.files import NO_FILE, NoFileError, read_bytes

Step = str | int


def read_json(file: Path) -> tuple[str, Any, Problem | None]:
    """The text of a JSON file, what it says, and what is wrong with it where it is none."""
    text, line = "", 1
    try:
        text = read_bytes(file).decode("utf-8")
        return text, json.loads(text), None
    except json.JSONDecodeError as error:
        line, wrong = error.lineno, error.msg
    except RecursionError:
        wrong = "is nested too deeply"
    except UnicodeDecodeError:
        wrong = "is not UTF-8 text"
    except NoFileError:
        wrong = NO_FILE
    return text, None, Problem(str(file), line, "json", wrong)


@dataclass
class LineFinder:
    """Finds lines in a JSON text; the text is parsed a second time only when a line is asked for."""

    text: str

    @cached_property
    def _root(self) -> yaml.Node | None:
        # JSON is a subset of YAML, and YAML's nodes know where they stand.
        try:
            return yamls.compose(self.text)
        except yaml.YAMLError:
            return None

    def line(self, path: tuple[Step, ...]) -> int:
        """Line (from 1) of the value at `path`, or of the innermost part of the path that exists."""
        node, line = self._root, 1
        for step in path:
            if isinstance(node, yaml.MappingNode):
                pair = next(((k, v) for k, v in node.value if k.value == step), None)
                if pair is None:
                    return line
                line, node = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                node = node.value[step]
                line = node.start_mark.line + 1
            else:
                return line
        return line
