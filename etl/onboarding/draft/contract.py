"""Writes the draft of a contract (`sources.yaml`): what lands of each file, what is an identifier and stays behind."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import duckdb
import yaml

from etl.onboarding.draft.layouts import Layout
from etl.onboarding.draft.roles import Guess
from etl.onboarding.profile.model import Column, FileProfile, Profile

#: Roles whose columns the drafted entries use; other columns do not land until somebody needs them.
_UNUSED = {
    "orders": {"class", "department"}, "diagnoses": {"department"}, "drug_orders": {"department"},
    "ward_moves": {"department"}, "reports": {"text", "doctor", "department"}, "deaths": {"cause"},
    "departments": {"ward", "doctor", "visit"}, "diagnosis_codes": {"description"}, "order_codes": {"description"},
    "patients": {"visit"}, "staff": {"visit", "doctor"}, "immunizations": {"doctor", "department"},
    "devices": {"doctor", "department"}, "allergies": {"doctor", "department"}, "care_plans": {"doctor", "department"},
}  # fmt: skip
_NIGHT = re.compile(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}")
_IDENTIFIERS = ("name", "rrn", "phone", "address", "other")


def scalar(value: Any) -> str:
    """A YAML scalar on one line, quoted where plain text would mean something else."""
    text = str(value)
    written = (
        yaml.safe_dump(text, allow_unicode=True, width=1 << 20, default_style=None).removesuffix("\n...\n").strip()
    )
    plain = written == text and not re.search(r"[,\[\]{}#:&*!|>%@`]", text)
    return text if plain else yaml.safe_dump(text, allow_unicode=True, width=1 << 20, default_style='"').strip()


def file_pattern(file: FileProfile) -> str:
    """The file's name with its night left open."""
    return _NIGHT.sub("*", file.name)


def encoding(file: FileProfile, profile: Profile) -> str:
    """The encoding to declare: a file that held only ASCII tonight is written like the others of the export."""
    korean = any(f.form.encoding in ("euc-kr", "cp949") for f in profile.files)
    if file.form.encoding in ("euc-kr", "cp949") or (file.form.encoding == "ascii" and korean):
        return "cp949"  # what EUC-KR cannot write, a name such as 똠방각하, comes with another night
    return "utf-8"


def _form(file: FileProfile, profile: Profile) -> Iterator[str]:
    form = file.form
    yield f"    file: {scalar(file_pattern(file))}"
    if form.format == "parquet":
        yield "    format: parquet"
        return
    if encoding(file, profile) != "utf-8":
        yield f"    encoding: {encoding(file, profile)}"
    if form.encoding.startswith("utf-16"):
        yield "    # check: the file is written in UTF-16, which cannot land; ask for UTF-8"
    if form.delimiter != ",":
        yield f"    delimiter: {scalar(form.delimiter)}"
    if form.quote != '"':
        yield f"    quote: {scalar(form.quote)}"
    if not form.ends_with_newline:
        yield "    final_newline: false  # check: that the file was not cut off"


def _attributes(guess: Guess, column: Column, role: str | None, known: set[str]) -> str | None:
    """What a column is declared as; None when it is to stay out."""
    said: list[str] = []
    hidden = column.hidden.kind if column.hidden else None
    if role == "person":
        said += ["identifier: person", *(["registers: true"] if _registers(guess, known) else [])]
    elif role == "zip":
        said.append("identifier: other")  # five digits are part of too many texts to be hidden from them
    elif role in ("doctor", "staff"):
        said += ["identifier: other", *(["entity: provider"] if "staff" in known else [])]
        said += ["registers: true"] if role == "staff" else []
    elif hidden in _IDENTIFIERS:
        said.append(f"identifier: {hidden}")
    elif role in ("department", "ward") and "departments" in known:
        said += ["entity: care_site", *(["registers: true"] if guess.kind == "departments" else [])]
    elif role == "value":
        said.append("scrub: true")
    elif role is None:
        return None
    return f"{{{', '.join(said)}}}" if said else ""


def _registers(guess: Guess, known: set[str]) -> bool:
    """Whether the patients that a file names get their ids of it: it lists them, or no file does."""
    return guess.kind == "patients" or "patients" not in known


def _columns(guess: Guess, known: set[str]) -> Iterator[str]:
    roles = {c: r for r, c in guess.columns.items() if r not in _UNUSED.get(guess.kind, ())}
    silent = []
    if "person" in roles.values() and "patients" not in known:
        yield "    # check: no file lists the patients; whoever is named here counts as one"
    yield "    columns:"
    for column in guess.file.columns:
        said = _attributes(guess, column, roles.get(column.name), known)
        if said is None and not guess.decided and (column.hidden is None or column.hidden.kind in ("record", "people")):
            said = ""
        if said is None:
            silent.append(column.name)
        else:
            yield f"      {scalar(column.name)}: {said}".rstrip()
    if silent:
        yield f"    # these do not land, name those that are needed: {', '.join(silent)}"


def _rrn_parts(guess: Guess) -> tuple[str, str] | None:
    """SQL of the birth date's six digits and of the digit behind them, out of the resident registration number."""
    columns = [c for c in guess.file.columns if c.hidden and c.hidden.kind == "rrn"]
    if not columns:
        return None
    if len(columns) > 1 and columns[0].max_length <= 6:
        return sql_name(columns[0].name), f"left({sql_name(columns[1].name)}, 1)"
    digits = f"replace({sql_name(columns[0].name)}, '-', '')"
    return f"left({digits}, 6)", f"substr({digits}, 7, 1)"


@cache
def _keywords() -> frozenset[str]:
    """Words that mean something in SQL, so that a column called so is written in quotes."""
    with duckdb.connect() as con:
        return frozenset(
            str(word).lower() for (word,) in con.execute("select keyword_name from duckdb_keywords()").fetchall()
        )


def free_name(file: FileProfile, name: str) -> str:
    """A name for a column that is made, which no column of the file has."""
    taken = {c.name.lower() for c in file.columns}
    return next(n for n in (name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))) if n.lower() not in taken)


def sql_name(column: str) -> str:
    """A column's name inside a SQL expression."""
    plain = re.fullmatch(r"[^\W\d]\w*", column) and column.lower() not in _keywords()
    return column if plain else '"' + column.replace('"', '""') + '"'


def _computed(guess: Guess) -> Iterator[str]:
    """What is made of columns that do not land: a date of birth, an area."""
    if guess.kind != "patients":
        return
    said = []
    parts = _rrn_parts(guess)
    if "birth" not in guess.columns and parts:
        day, digit = parts
        said.append("      # check: no column holds the date of birth; the resident registration number tells it")
        said.append(f"      {free_name(guess.file, 'BIRTH')}:")
        said.append("        sql: >-")
        said.append(
            f"          case when {digit} in ('1', '2', '5', '6') then '19' when {digit} in ('3', '4', '7', '8')"
        )
        said.append(f"          then '20' when {digit} in ('9', '0') then '18' end || {day}")
    if "zip" in guess.columns:
        name = free_name(guess.file, "AREA")
        area = scalar(f"left(omop_blank({sql_name(guess.columns['zip'])}), 3)")
        about = "entity: location, registers: true, note: no finer than three digits"
        said.append(f"      {name}: {{sql: {area}, {about}}}")
    if said:
        yield "    computed:"
        yield from said


def _key(guess: Guess) -> Iterator[str]:
    singles = {k.columns[0] for k in guess.file.keys if len(k.columns) == 1}
    if guess.kind == "patients":
        yield f"    key: [{scalar(guess.columns['person'])}]"
    elif guess.kind == "visits":
        visit = guess.columns["visit"]
        columns = [visit] if visit in singles else [guess.columns["person"], visit]
        yield f"    key: [{', '.join(map(scalar, columns))}]"


def _unused(guess: Guess) -> Iterator[str]:
    if guess.kind == "reports":
        yield "    unused: free text, which is not mapped"
    elif guess.lists:
        yield f"    unused: a list of the codes of {', '.join(guess.lists)}"
    elif guess.lacks:
        kind, roles = guess.lacks[0], ", ".join(guess.lacks[1])
        yield f"    unused: not decided yet  # check: called like {kind}, but no column for {roles} was found"
    elif not guess.decided:
        yield "    unused: not decided yet  # check: what does this file hold? Map it, or say why not"


def draft_contract(profile: Profile, guesses: Sequence[Guess]) -> str:
    """The whole of `sources.yaml`."""
    known = {g.kind for g in guesses}
    lines = [
        "# What lands of each file. check: every identifier is declared; what is not named here never lands.",
        "sources:",
    ]
    for guess in guesses:
        lines += [f"  {guess.source}:", *_form(guess.file, profile), *_key(guess), *_columns(guess, known)]
        lines += [*_computed(guess), *_unused(guess), ""]
    return "\n".join(lines[:-1]) + "\n"


def draft_differences(profile: Profile, layout: Layout) -> str:
    """`sources.yaml` of a hospital that follows a known layout: only what differs from its contract."""
    lines = [f"# Differences from layout {layout.name}.", "sources:"]
    for name, declared in layout.declared.items():
        file = layout.files.get(name)
        lines.append(f"  {name}:")
        if file is None:
            lines.append("    optional: true  # check: no file of the export looks like this one")
            continue
        lines += _form(file, profile)
        if encoding(file, profile) == "utf-8" and declared.get("encoding", "utf-8") != "utf-8":
            lines.append("    encoding: utf-8")
        if file.form.delimiter == "," and declared.get("delimiter", ",") != ",":
            lines.append('    delimiter: ","')
        if layout.missing[name]:
            lines.append("    columns:  # check: missing in this export, or called otherwise (then: aliases)")
            lines += [f"      {scalar(c)}: {{optional: true}}" for c in layout.missing[name]]
    used = {f.name for f in layout.files.values()}
    other = [f.name for f in profile.files if f.name not in used]
    if other:
        lines.append(f"# check: files the layout does not know: {', '.join(other)}")
    return "\n".join(lines) + "\n"
