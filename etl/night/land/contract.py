"""Holds a delivery against the contract before any row is read: files, headers, columns, encodings; all at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

from etl.errors import InputError, all_of
from etl.mapping.language.contract import Source
from etl.mapping.language.mapping import HospitalMapping
from etl.night.delivery import DeliveredFile, Delivery
from etl.night.lake.layers import WHOLE
from etl.night.lake.names import FILE_BITS
from etl.night.land.counts import too_few, too_many
from etl.night.land.headers import other_delimiter, read_header, same_name
from etl.night.manifest import is_manifest
from etl.night.naming import called, doubly_called, listed, told_as

MOST_FILES = 1 << FILE_BITS


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source; `raw` gives the name in this file of each contract column that it has."""

    file: DeliveredFile
    header: tuple[str, ...]
    raw: dict[str, str]

    @property
    def name(self) -> str:
        """What messages and records call the file."""
        return self.file.told

    @property
    def unnamed(self) -> list[int]:
        """Numbers (from 1) of the columns that the contract does not name; they do not land."""
        named = set(self.raw.values())
        return [number for number, column in enumerate(self.header, 1) if column not in named]


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing in which a delivery is not what the contract says; `refuses`: no night of it can land."""

    kind: str
    refuses: bool
    source: str | None
    file: str | None
    message: str
    hint: str | None = None

    def error(self) -> InputError:
        """The difference as the error that stops a night."""
        return InputError(self.message, hint=self.hint)


def matching(source: Source, delivery: Delivery) -> list[DeliveredFile]:
    """Files of the delivery that belong to a source, each told as the source calls it."""
    found = [f for f in delivery.files.values() if called(f, source.file)]
    return [replace(f, told=told_as(source.file, n, len(found))) for n, f in enumerate(found, 1)]


def find_files(name: str, source: Source, delivery: Delivery) -> list[DeliveredFile]:
    """Files of the delivery that belong to a source; InputError when a required one is missing."""
    found = matching(source, delivery)
    if not found and source.required:
        raise _missing_file(name, source, delivery, ()).error()
    return found


def asked_by_others(mapping: HospitalMapping, name: str) -> list[str]:
    """The files that other sources ask for: none of them is what this one misses."""
    return [source.file for other, source in mapping.sources.items() if other != name]


def _twice(name: str, source: Source, found: Iterable[DeliveredFile]) -> Iterator[Difference]:
    """A file that came more than once, as it is and in an archive: its rows would be there twice."""
    if twice := doubly_called({f.name: called(f, source.file) for f in found}):
        said = f"{source.file} is there more than once, {len(twice)} times (source '{name}')"
        hint = "ask for it once, or name in `file` which one counts, such as: july.zip!patients.csv"
        yield Difference("file_twice", True, name, source.file, said, hint)


def _too_many(name: str, source: Source, count: int) -> Difference:
    return Difference(
        "files_too_many", True, name, source.file,
        f"{count:,} files are called {source.file} (source '{name}'); {MOST_FILES:,} of a night have numbers",
        "ask for fewer and larger files, or make several sources of them",
    )  # fmt: skip


def _number(name: str, source: Source, count: int) -> Iterator[Difference]:
    """Another number of files than the contract says; none at all is told as the file that is missing."""
    hint = f"ask for the files, or correct `files` of {name}"
    if count and (said := too_few(name, source, count)):
        yield Difference("files_too_few", True, name, source.file, said, hint)
    if said := too_many(name, source, count):
        yield Difference("files_too_many", True, name, source.file, said, hint)


def _missing_file(name: str, source: Source, delivery: Delivery, others: Sequence[str]) -> Difference:
    place = f"{source.file} is missing from the delivery of {delivery.hospital} for {delivery.night} (source '{name}')"
    if not source.required:
        why = "its source is not used" if source.unused else "it may be"
        return Difference("file_missing", False, name, source.file, f"{place}; {why}")
    free = {n: f for n, f in enumerate(delivery.files.values(), 1) if not any(called(f, other) for other in others)}
    same = next((n for n, f in free.items() if f.name.casefold() == source.file.casefold()), None)
    unread = f"; {len(free)} of {len(delivery.files)} files are read by no source" if free else ""
    if same:
        unread = f"; file {same} of {len(delivery.files)} is called so in other letters"
    return Difference(
        "file_missing", True, name, source.file, f"{place}{unread}",
        "ask for the file, or set `optional: true` in the source's contract",
    )  # fmt: skip


def unknown_files(mapping: HospitalMapping, delivery: Delivery) -> list[Difference]:
    """Files of the delivery that no source reads."""
    known = {f.name for source in mapping.sources.values() for f in matching(source, delivery)}
    return [
        Difference("file_new", False, None, file.told, f"{file.told}: no source of the contract reads it")
        for name, file in delivery.files.items()
        if name not in known and name != WHOLE and not is_manifest(name)
    ]


def open_sources(mapping: HospitalMapping, delivery: Delivery) -> dict[str, list[SourceFile]]:
    """The files of every source, their headers matched to the contract; InputError with all that refuses them."""
    examined = {
        name: examine(name, source, delivery, asked_by_others(mapping, name))
        for name, source in mapping.sources.items()
    }
    _refuse(difference for _, differences in examined.values() for difference in differences)
    return {name: files for name, (files, _) in examined.items()}


def open_source(name: str, source: Source, delivery: Delivery) -> list[SourceFile]:
    """The source's files with their headers matched to the contract; InputError naming file, line and column."""
    files, differences = examine(name, source, delivery)
    _refuse(differences)
    return files


def _refuse(differences: Iterable[Difference]) -> None:
    wrong = [d.error() for d in differences if d.refuses]
    if wrong:
        raise all_of(wrong)


def examine(
    name: str, source: Source, delivery: Delivery, others: Sequence[str] = ()
) -> tuple[list[SourceFile], list[Difference]]:
    """The source's files that can be read, and every difference of all of them from the contract.

    `others` are the files that other sources ask for.
    """
    found = matching(source, delivery)
    differences = [*_twice(name, source, found)] if found else [_missing_file(name, source, delivery, others)]
    if len(found) > MOST_FILES:
        return [], [*differences, _too_many(name, source, len(found))]
    differences += _number(name, source, len(found))
    opened = []
    for file in found:
        try:
            header = read_header(file, source)
        except InputError as error:
            differences.append(Difference("header", True, name, file.told, error.message, error.hint))
            continue
        matched = SourceFile(file, header, _raw(source, header))
        wrong = [*_doubled(name, source, matched), *_columns(name, source, matched), *_cut(name, source, file)]
        differences += wrong
        if not any(d.refuses for d in wrong):
            opened.append(matched)
    return opened, differences


def _names(source: Source, column: str) -> tuple[str, ...]:
    declared = source.columns[column]
    return (column, *(declared.aliases if declared else ()))


def _raw(source: Source, header: Sequence[str]) -> dict[str, str]:
    """The name in the file of each contract column that it has."""
    found = ((c, next((n for n in _names(source, c) if n in header), None)) for c in source.columns)
    return {column: name for column, name in found if name is not None}


def _doubled(name: str, source: Source, file: SourceFile) -> Iterator[Difference]:
    """Names that are one to the engine, which takes no notice of case."""
    known = {same_name(n): n for column in source.columns for n in _names(source, column)}
    places: dict[str, list[int]] = {}
    for number, column in enumerate(file.header, 1):
        places.setdefault(same_name(column), []).append(number)
    for key, numbers in places.items():
        if len(numbers) > 1:
            what = f"column '{known[key]}'" if key in known else f"the name of column {numbers[0]}"
            text = f"{file.name}, line 1: {what} is there twice, first as number {numbers[0]}, then as "
            hint = "ask for the file with each column once; small letters and capitals are the same"
            yield Difference("column_doubled", True, name, file.name, f"{text}{listed(numbers[1:])}", hint)


def _columns(name: str, source: Source, file: SourceFile) -> Iterator[Difference]:
    """Columns that are missing, under another name, or new."""
    missing = [c for c in source.columns if c not in file.raw]
    wrong = [c for c in missing if not ((declared := source.columns[c]) and declared.optional)]
    split = other_delimiter(file.file, source, set(wrong)) if wrong and source.format == "csv" else None
    if split:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        yield Difference(
            "delimiter", True, name, file.name,
            f"{file.name}, line 1: column '{wrong[0]}' is missing{more}; the line is cut by {split!r}, the contract "
            f"says {source.delimiter!r}",
            f"correct `delimiter` of {name}, or ask for the file as it was",
        )  # fmt: skip
        return
    for column in missing:
        yield _missing_column(name, file, column, refuses=column in wrong)
    for column, raw in file.raw.items():
        if raw != column:
            yield Difference(
                "column_renamed", False, name, file.name,
                f"{file.name}, line 1: column '{column}' comes under its alias '{raw}'",
            )  # fmt: skip
    new = file.unnamed if file.raw else []
    if new:
        yield Difference(
            "column_new", False, name, file.name,
            f"{file.name}, line 1: {len(new):,} column{'s' if len(new) > 1 else ''} that the contract does not name, "
            f"number {listed(new)}",
        )  # fmt: skip


def _missing_column(name: str, file: SourceFile, column: str, *, refuses: bool) -> Difference:
    text = f"{file.name}, line 1: column '{column}' is missing"
    free = {file.header[number - 1]: number for number in reversed(file.unnamed)}
    hint = f"if it was renamed, add the new name to `aliases` of {name}.columns.{column}"
    other_case = next((n for n in free if same_name(n) == same_name(column)), None)
    close = [other_case] if other_case else get_close_matches(column, free, n=1) if file.raw else []
    if other_case:
        text = f"{text}; column {free[other_case]} is called so in other letters"
        return Difference("column_case", refuses, name, file.name, text, hint)
    if not refuses:
        return Difference("column_missing", False, name, file.name, f"{text}; it may be")
    if close:
        text = f"{text}; column {free[close[0]]} is called nearly so"
    elif not file.raw:
        text = f"{text}, and so is every other; the line names none of the contract's columns"
        hint = "ask for the file with its line of names first"
    return Difference("column_missing", True, name, file.name, text, hint)


def _cut(name: str, source: Source, file: DeliveredFile) -> Iterator[Difference]:
    if source.format == "csv" and source.final_newline and not file.ends_with_newline:
        yield Difference(
            "cut", True, name, file.told,
            f"{file.told}, line {file.lines + 1}: the last line has no end; the file was cut in the middle",
            "ask for the file again; if this export never ends its last line, set `final_newline: false`",
        )  # fmt: skip
