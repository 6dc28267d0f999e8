"""The texts of pages that have to be in every catalogue: what templates, program and tables of the pages say."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from jinja2.ext import babel_extract

from etl.mapping.reasons import texts
from etl.settings import PROJECT

#: How texts are marked in the program: `say(…)`, `say.many(one, other, n)`, `noted(…)` of one in a table.
_IN_PROGRAM = ("say", "many", "noted")
_IN_TEMPLATES = ("_", "gettext", "ngettext")
_JINJA = {"trim_blocks": "true", "lstrip_blocks": "true"}
#: Templates of pages that are one file and speak English.
_ENGLISH = ("dictionary", "profile", "draft", "reference")
Message = str | tuple[str, str]


def messages() -> dict[Message, str]:
    """Every text, and the file that says it; one that depends on a number is a pair."""
    found: dict[Message, str] = {}
    for file in sorted((PROJECT / "etl").rglob("*.j2")):
        if not set(_ENGLISH) & set(file.parts):
            found |= dict.fromkeys(_of_template(file), file.name)
    for file in sorted((PROJECT / "etl").rglob("*.py")):
        found |= dict.fromkeys(_of_program(file), file.name)
    for group in texts().values():
        for said in group.values():
            found |= {said["title"]: "reasons.yaml"} | ({said["text"]: "reasons.yaml"} if said["text"] else {})
    return found


def _of_template(file: Path) -> Iterator[Message]:
    for _, name, message, _ in babel_extract(BytesIO(file.read_bytes()), _IN_TEMPLATES, (), _JINJA):
        if isinstance(message, tuple):
            yield (str(message[0]), str(message[1])) if name == "ngettext" else str(message[0])
        else:
            yield message


def _of_program(file: Path) -> Iterator[Message]:
    for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and (said := _name(call.func)) in _IN_PROGRAM:
            texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if texts:
                yield (texts[0], texts[1]) if said == "many" else texts[0]


def _name(function: ast.expr) -> str:
    """`say` of `say(…)` and of `site.say(…)`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
