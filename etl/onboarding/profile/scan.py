"""Profiles a folder of files: each is read once and measured column after column in the engine, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import combinations
from pathlib import Path

import duckdb
from duckdb import DuckDBPyConnection

from etl.engine import one_number, open_engine
from etl.errors import InputError
from etl.night.land.decode import as_utf8
from etl.night.land.read import reading, rejected, relation
from etl.night.manifest import MANIFEST
from etl.night.naming import listed
from etl.onboarding.profile import sets
from etl.onboarding.profile.columns import DISTINCT, Figures, gather, measure, shows_values
from etl.onboarding.profile.form import Form, detect
from etl.onboarding.profile.hiding import hidden_columns
from etl.onboarding.profile.model import Column, FileProfile, Join, Key, Profile
from etl.onboarding.profile.packed import unpacked
from etl.onboarding.profile.rules import rules
from etl.onboarding.profile.ties import KEYLIKE
from etl.settings import Settings
from etl.sql import literal, quote

_ROWS = "profiled_rows"
_JOINED = 0.9
_LED_TO = 0.6  # a code master is key-like although codes have several windows of validity
_PAIRS = 6  # columns of which pairs are tried as key
_SAID = 3  # pairs that are told, those without a date first


@dataclass(frozen=True, slots=True)
class Options:
    """What a profile may show and how much it reads: `rows` per file (None: all)."""

    rows: int | None = None
    min_count: int = 5
    values: int = 100


@dataclass(slots=True)
class _Scan:
    """What was found so far; columns are numbered over all files."""

    files: list[FileProfile] = field(default_factory=list)
    figures: list[list[Figures]] = field(default_factory=list)
    numbers: list[list[int]] = field(default_factory=list)
    columns: int = 0


def profile_folder(
    settings: Settings, folder: Path, options: Options, tell: Callable[[str], None] = lambda _text: None
) -> Profile:
    """Profile the files of a folder; a file that cannot be read is in the result with its problem.

    Raises InputError when the folder holds no file.
    """
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", hint="give the folder that holds the export's files")
    shown = sorted(p for p in folder.iterdir() if not p.name.startswith("."))
    if wrong := [n for n, p in enumerate(shown, 1) if p.exists() and not (p.is_file() or p.is_dir())]:
        raise InputError(
            f"{len(wrong)} of the {len(shown)} things in {folder} are pipes, sockets or devices (number "
            f"{listed(wrong)} in the order of their names)",
            hint="ask for files",
        )
    paths = [p for p in shown if p.is_file() and p.name != MANIFEST]
    if not paths:
        raise InputError(f"{folder} holds no files", hint="give the folder that holds the export's files")
    scan = _Scan()
    with open_engine(settings, identifiers=True) as con:
        sets.create_tables(con)
        con.execute("create temp table frequent (col integer, value varchar, n bigint)")
        for path in paths:
            tell(path.name)
            _file(con, scan, path, options)
        pairs = sets.contained(con, _JOINED)
        hidden = hidden_columns(scan.figures, scan.numbers, pairs)
        places = {n: (i, j) for i, own in enumerate(scan.numbers) for j, n in enumerate(own)}
        # whole numbers that name rows of another file, not of people or records, are codes
        coded = {p.column for p in pairs if p.other not in hidden}
        files = tuple(
            replace(
                file,
                columns=tuple(
                    replace(f.column, hidden=hidden[n]) if n in hidden else _with_values(con, f.column, n, n in coded)
                    for f, n in zip(figures, numbers, strict=True)
                ),
            )
            for file, figures, numbers in zip(scan.files, scan.figures, scan.numbers, strict=True)
        )
        return Profile(named_after(folder), files, _joins(files, places, pairs), min_count=options.min_count)


def named_after(folder: Path) -> str:
    """A name for what is said of a folder: that of a night alone would say nothing."""
    whole = folder.resolve()
    return f"{whole.parent.name}-{whole.name}" if whole.parent.name else whole.name


def _joins(
    files: tuple[FileProfile, ...], places: dict[int, tuple[int, int]], pairs: list[sets.Contained]
) -> tuple[Join, ...]:
    """Joins in the order of the files; those between columns of one name first.

    Where a column leads to one that names its rows, what only repeats those numbers elsewhere is no place to join to.
    """

    def column(number: int) -> Column:
        file, position = places[number]
        return files[file].columns[position]

    named = {p.column for p in pairs if column(p.other).unique >= KEYLIKE}
    found = []
    for pair in pairs:
        one, other = column(pair.column), column(pair.other)
        if other.unique < KEYLIKE and (pair.column in named or one.unique >= KEYLIKE):
            continue
        i, k = places[pair.column][0], places[pair.other][0]
        join = Join(files[i].name, one.name, files[k].name, other.name, pair.share, one.name == other.name)
        found.append((i, join))
    found.sort(key=lambda item: (item[0], not item[1].same_name, item[1].column, -item[1].share))
    return tuple(join for _, join in found)


def _file(con: DuckDBPyConnection, scan: _Scan, path: Path, options: Options) -> None:
    figures: list[Figures] = []
    numbers: list[int] = []
    try:
        form = detect(path)
        lost, complete = _read(con, form, path, options.rows)
    except (InputError, duckdb.Error) as error:
        # what the engine says may quote the file, so only that it failed is told
        said = error.message if isinstance(error, InputError) else f"{path.name} cannot be read as a table"
        form = Form(path.name, "csv", path.stat().st_size, "", 0, "", "", "", 0, True, ())
        profile = FileProfile(form, problem=said)
    else:
        gather(con, _ROWS, form.header)
        figures = measure(con, form.header, options.min_count)
        numbers = list(range(scan.columns, scan.columns + len(figures)))
        scan.columns += len(figures)
        for position, (figure, number) in enumerate(zip(figures, numbers, strict=True)):
            _keep(con, number, len(scan.files), position, figure.column, options)
        columns = [f.column for f in figures]
        rows = columns[0].rows if columns else 0
        profile = FileProfile(form, rows, lost, keys=_keys(con, columns), complete=complete)
    scan.files.append(profile)
    scan.figures.append(figures)
    scan.numbers.append(numbers)


def _read(con: DuckDBPyConnection, form: Form, path: Path, limit: int | None) -> tuple[int, bool]:
    """Read a file into the table of rows; how many lines could not be read, and whether all were looked at."""
    source, file = form.source(), form.opened(path)
    for table in ("lost", "lost_scan"):
        con.execute(f"drop table if exists {table}")
    with unpacked(path) as plain, as_utf8(plain, source.encoding) as text, reading(source, file):
        query = f"select * from {relation(source, file, text, 'lost')}"
        con.execute(f"create or replace temp table {_ROWS} as {query}{f' limit {limit}' if limit else ''}")
    lost = len(rejected(con, "lost")) if form.format == "csv" else 0
    row = con.execute(f"select count(*) from {_ROWS}").fetchone()
    return lost, not (limit and row and row[0] >= limit)


def _keep(con: DuckDBPyConnection, number: int, file: int, position: int, column: Column, options: Options) -> None:
    """Keep the column's hashes and its frequent values until all files are read and it is known what may be shown."""
    if sets.comparable(column):
        sets.keep(con, number, file, position, column, keylike=column.unique >= _LED_TO)
    if shows_values(column) or column.kind == "integer":
        numbers = "and omop_result_number(value) is null" if column.kind == "number" else ""
        con.execute(
            f"insert into frequent select {number}, value, n from {DISTINCT} where col = {position} "
            f"and value is not null {numbers} and n >= {options.min_count} "
            f"and not regexp_full_match(value, {literal(rules().anywhere)}) "
            f"order by n desc, value limit {options.values}"
        )


def _with_values(con: DuckDBPyConnection, column: Column, number: int, coded: bool) -> Column:
    if not (coded or shows_values(column)):
        return column
    rows = con.execute(f"select value, n from frequent where col = {number} order by n desc, value").fetchall()
    values = tuple((str(value), int(n)) for value, n in rows)
    return replace(column, values=values, rest=column.distinct - len(values) if values else 0)


def _keys(con: DuckDBPyConnection, columns: list[Column]) -> tuple[Key, ...]:
    """Single columns that are unique but for doubled rows; if there are none, pairs that are."""
    full = [c for c in columns if c.rows and c.filled >= KEYLIKE * c.rows and c.kind not in ("number", "text", "time")]
    single = [
        Key((c.name,), c.filled - c.distinct) for c in full if c.unique >= KEYLIKE and c.kind in ("code", "integer")
    ]
    if single or not full:
        return tuple(single)
    best = sorted(full, key=lambda c: -c.distinct)[:_PAIRS]
    keys = []
    for one, other in combinations(best, 2):
        distinct = one_number(con, f"select count(distinct ({quote(one.name)}, {quote(other.name)})) from {_ROWS}")
        if distinct >= KEYLIKE * one.rows:
            keys.append(Key((one.name, other.name), one.rows - distinct))
    dated = {c.name for c in full if c.kind in ("date", "datetime")}
    return tuple(sorted(keys, key=lambda k: (bool(dated & set(k.columns)), k.doubled))[:_SAID])
