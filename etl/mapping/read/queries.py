"""Sources that are queries over a hospital's own database: their SQL, what can be wrong with them, their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType
from sqlglot.tokens import Tokenizer

from etl.files import read_bytes
from etl.mapping.language.contract import Source, deletions_of
from etl.mapping.language.hospital import Hospital
from etl.mapping.language.mapping import HospitalMapping
from etl.mapping.language.places import Path_, Place


@dataclass(frozen=True, slots=True)
class Query:
    """A source's query and where it is written: `file:line` as messages name it."""

    source: str
    sql: str
    place: str
    connection: str


def _is_file(said: str) -> bool:
    return said.endswith(".sql") and not any(c.isspace() for c in said)


def _text(root: Path, said: str, place: Place) -> tuple[str, str]:
    """The SQL and where it is written; OSError or UnicodeDecodeError when its file cannot be read."""
    if not _is_file(said):
        return said.strip().rstrip(";"), f"{place.file}:{place.line}"
    file = (root / place.file).parent / said
    named = str(file.relative_to(root)) if file.is_relative_to(root) else said
    return read_bytes(file).decode("utf-8-sig").strip().rstrip(";"), f"{named}:1"


def queries(root: Path, mapping: HospitalMapping) -> dict[str, Query]:
    """The queries of a checked mapping by source, those of deleted keys included; `root` is the folder of mappings."""
    found = {}
    for name, source in mapping.sources.items():
        if source.query is None:
            continue
        of_deleted = next((n for n in mapping.sources if deletions_of(n) == name), None)
        path = ("sources", of_deleted, "deletions_query") if of_deleted else ("sources", name, "query")
        sql, place = _text(root, source.query, mapping.places[path])
        connection = source.connection or mapping.hospital.connection
        found[name] = Query(name, sql, place, str(connection))
    return found


def _problem_of(sql: str) -> str | None:
    try:
        tokens = Tokenizer().tokenize(sql)
    except SqlglotError:
        return None  # a dialect that only its database knows
    if not tokens:
        return "is empty"
    if tokens[0].token_type not in (TokenType.SELECT, TokenType.WITH):
        return "must be one query that begins with `select` or `with`"
    if any(t.token_type == TokenType.SEMICOLON for t in tokens):
        return "must be one query: a semicolon stands in it"
    return None


def query_problems(
    root: Path, places: Mapping[Path_, Place], hospital: Hospital | None, sources: Mapping[str, Source]
) -> Iterator[tuple[Path_, str]]:
    """What is wrong with the queries of sources: the place in the YAML, and a message."""
    for name, source in sources.items():
        path: Path_ = ("sources", name)
        for key, said in (("query", source.query), ("deletions_query", source.deletions_query)):
            if said is None:
                continue
            try:
                sql, _ = _text(root, said, places[(*path, key)])
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "is not UTF-8 text"
                yield (*path, key), f"the file '{said}' beside this YAML file: {why}"
            else:
                if wrong := _problem_of(sql):
                    yield (*path, key), wrong
        yield from (((*path, key), message) for key, message in _contradictions(hospital, source))


def _contradictions(hospital: Hospital | None, source: Source) -> Iterator[tuple[str, str]]:
    if source.query is None:
        if not source.file:
            yield "file", "says neither `file` nor `query`: where do its rows come from?"
        for key in ("connection", "since", "deletions_query"):
            if getattr(source, key) is not None:
                yield key, "belongs to a source that says `query`"
        return
    if source.file:
        yield "query", "says both `file` and `query`; keep one (`file: absent` takes away what a layout says)"
    if source.optional:
        yield "optional", "a query is never missing from a delivery; leave it out"
    if source.deletions and source.deletions_query:
        yield "deletions_query", "says both `deletions` and `deletions_query`; keep one"
    if hospital is not None and hospital.connection is None:
        yield "query", "hospital.yaml says no `connection`, without which the nightly DAG would not extract"
    if source.since and hospital is not None and (source.delivery or hospital.delivery) == "full":
        yield "since", "a night of changes only needs `delivery: delta`, here or in hospital.yaml"
    if source.overlap and not source.since:
        yield "overlap", "says how far `since` reaches back, and there is no `since`"


def with_extracted(sources: Mapping[str, Source]) -> dict[str, Source]:
    """The sources; a query's one reads the Parquet file that its extraction leaves."""
    return {name: _read_from_file(name, source) if source.query else source for name, source in sources.items()}


def _read_from_file(name: str, source: Source) -> Source:
    gone = f"{deletions_of(name)}.parquet" if source.deletions_query else source.deletions
    return source.model_copy(update={"file": f"{name}.parquet", "format": "parquet", "deletions": gone})
