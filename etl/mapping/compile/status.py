"""Why a row of a source does not become a CDM row: the first reason that holds, in a fixed order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.cdm.shapes import ENTITIES, Kind
from etl.mapping.compile.duplicates import DUPLICATE, SUPERSEDED
from etl.mapping.compile.relation import Rows
from etl.mapping.language.entries import Entry
from etl.mapping.language.hospital import Hospital
from etl.sql import literal

# why a row that must say a field of these kinds is quarantined when nothing comes of it
_NOT_FOUND: dict[Kind, str] = {"text": "text_missing", "visit": "visit_unknown", "ref": "reference_unknown"}
_BEHIND = "p._row in (select _row from doubled where {older})"


def filtered(hospital: Hospital, entry: Entry, rows: Rows) -> str:
    """SQL of the named rule that filters a row, as `f:<rule>`, or NULL."""
    setting = entry.shape.setting
    if setting and not getattr(hospital, setting):
        return literal(f"f:{setting}_off")
    if not entry.rules:
        return "null::varchar"
    cases = " ".join(
        f"when not coalesce({rows.write(sql)}, false) then {literal('f:' + name)}" for name, sql in entry.rules.items()
    )
    return f"case {cases} end"


def first_reason(
    entry: Entry, keys: Sequence[str], final: Mapping[str, str], *, code: str | None, versioned: bool
) -> str:  # fmt: skip
    """SQL of the first reason why a row does not become a CDM row, or NULL.

    `keys` are the parsed columns of the contract's key, `final` SQL by staged column; `code` SQL of the code that an
    event's concept is looked up by; `versioned`: the contract says which of several rows with a key is the newest.
    """
    older = [(_BEHIND.format(older="older"), literal(f"f:{SUPERSEDED}"))] if versioned else []
    reasons = [
        ("p._filtered is not null", "p._filtered"),
        *older,
        *((condition, literal(f"q:{reason}")) for condition, reason in _quarantines(entry, keys, final, code=code)),
    ]
    return f"case {' '.join(f'when {condition} then {reason}' for condition, reason in reasons)} end"


def _quarantines(
    entry: Entry, keys: Sequence[str], final: Mapping[str, str], *, code: str | None
) -> list[tuple[str, str]]:  # fmt: skip
    """Conditions and reason codes, in the order in which they are asked."""
    shape = entry.shape
    asked = [*_of_person(entry), *_of_keys(entry, keys), *_of_birth(entry)]
    if "start" in shape.required:
        asked += [
            ("not p._start_given", "start_missing"),
            ("p.start is null", "start_invalid"),
            ("p.start >= omop_night() + interval 1 day", "start_in_future"),
            ("p.start < b.birth - interval 1 year", "before_birth"),
        ]
    if code:
        asked.append((f"{code} is null", "code_missing"))
    missing = ((name, _NOT_FOUND.get(shape.kinds[name])) for name in sorted(shape.required))
    return asked + [(f"{final[name]} is null", reason) for name, reason in missing if reason]


def _of_person(entry: Entry) -> list[tuple[str, str]]:
    if "person" not in entry.shape.kinds:
        return []
    asked = [("p.person is null", "person_missing"), ("p.person = 0", "person_unknown")]
    return asked if entry.target == "person" else [*asked, ("b.person is null", "person_unknown")]


def _of_keys(entry: Entry, keys: Sequence[str]) -> list[tuple[str, str]]:
    unique = entry.shape.unique
    named = [f"p.{unique}"] if unique in ENTITIES or unique == "key" else []
    missing = [(f"{column} is null", "key_missing") for column in (*named, *(f"p.{name}" for name in keys))]
    return [*missing, (_BEHIND.format(older="not older"), DUPLICATE)]


def _of_birth(entry: Entry) -> list[tuple[str, str]]:
    if entry.target == "person":
        return [
            ("not p._birth_given", "birth_missing"),
            ("p.birth is null or p.birth > omop_night()", "birth_invalid"),
        ]
    return [("not b.loaded", "person_excluded")] if "person" in entry.shape.kinds else []
