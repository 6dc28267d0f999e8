"""The register in words: the columns of its lines in Korean or English, for a page, a table and a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from etl.quality.names import Names, name_of
from etl.research.oversight.definition import definition
from etl.research.oversight.register import Happened, Processing
from etl.research.requests.chain import chain
from etl.research.requests.forms import layout


def columns(language: str) -> list[str]:
    """The titles of the columns."""
    return [getattr(column.title, language) for column in definition().columns.values()]


def told(line: Processing, names: Names, language: str) -> dict[str, list[str]]:
    """A line of the register by its columns; each with none, one or several texts."""
    return {key: _TOLD[key](line, names, language) for key in definition().columns}


def word(key: str, language: str, **values: object) -> str:
    """A word of the register's own."""
    return str(getattr(definition().words[key], language)).format(**values)


def _choice(field: str, value: str, language: str) -> list[str]:
    words = layout("request").fields[field].choices.get(value)
    return [getattr(words, language) if words else value]


def _happened(each: Happened, language: str) -> str:
    said = [word(result, language)] if (result := each.said.get("result")) in definition().words else []
    if digest := each.said.get("digest"):
        said.append(f"sha256 {str(digest)[:16]}")
    move = getattr(chain().moves[each.move].title, language)
    return f"{each.day} {move}" + (f" ({', '.join(said)})" if said else "")


def _use(line: Processing) -> list[str]:
    return [f"{line.use_from or ''} – {line.use_until}".strip()]


def _destroyed(line: Processing, language: str) -> list[str]:
    if line.destroyed is None:
        return [word("not_yet", language)]
    return [str(line.destroyed), *([word("built_anew", language)] if line.built_anew else [])]


def _all(each: Sequence[Happened], language: str) -> list[str]:
    return [_happened(one, language) for one in each]


def _there(value: object) -> list[str]:
    return [] if value is None else [str(value)]


_Told = Callable[[Processing, Names, str], list[str]]
_TOLD: Mapping[str, _Told] = {
    "number": lambda line, _n, _l: [line.number],
    "title": lambda line, _n, _l: [line.title],
    "purpose": lambda line, _n, _l: line.purpose.splitlines(),
    "legal_ground": lambda line, _n, language: _choice("legal_ground", line.legal_ground, language),
    "items": lambda line, _n, _l: list(line.items),
    "hospitals": lambda line, names, language: [getattr(name_of(names, h), language) for h in line.hospitals],
    "level": lambda line, _n, language: _choice("level", line.level, language),
    "processed": lambda line, _n, _l: [str(line.processed)],
    "adequacy": lambda line, _n, language: [_happened(line.adequacy, language)] if line.adequacy else [],
    "recipients": lambda line, _n, _l: [f"{p['name']} ({p['affiliation']})" for p in line.recipients],
    "place": lambda line, _n, _l: [line.place],
    "use": lambda line, _n, _l: _use(line),
    "history": lambda line, _n, language: _all(line.history, language),
    "released": lambda line, _n, language: _all(line.released, language),
    "destroyed": lambda line, _n, language: _destroyed(line, language),
    "certificate": lambda line, _n, _l: _there(line.certificate),
    "kept_until": lambda line, _n, _l: _there(line.kept_until),
}


def as_plain(line: Processing) -> dict[str, Any]:
    """A line for a script: days as texts, everything in its own shape."""
    found: dict[str, Any] = {name: getattr(line, name) for name in line.__slots__}
    for name in ("history", "released"):
        found[name] = [_plain(each) for each in found[name]]
    found["adequacy"] = _plain(line.adequacy) if line.adequacy else None
    return found


def _plain(each: Happened) -> dict[str, Any]:
    return {"day": each.day, "move": each.move, **each.said}
