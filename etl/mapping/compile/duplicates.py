"""Which of several rows counts: of those with one key, of what a patient has once, of those an entry makes one of."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from etl.mapping.language.entries import Entry
from etl.sql import literal, quote

PER, PREFER, SUPERSEDED, DUPLICATE = "per", "prefer", "superseded", "key_duplicate"
VERSION = "_version"


def doubled(
    entry: Entry, rows: Callable[[Container[str] | None], str], parsed: Mapping[str, str], keys: Sequence[str], *,
    keyed: bool,
) -> str:  # fmt: skip
    """SQL of the rows (`_row`, `older`) behind another one with the same key: the contract's, or the table's own.

    The contract's `version` decides which one goes first, then what the rows say, and only between equal rows their
    place: so the order in which rows were delivered changes nothing. `older` are those that lost by their version. A
    record that was merged into another goes behind the other. Rows are put in order only among those whose keys are
    there more than once. `rows` gives SQL of the source's rows with all columns of `parsed` or some of them, `keys`
    are those of the contract's key; `keyed`: every key is there once already. Of an entry that says `per` or `prefer`
    only what these leave open is decided here (see `chosen_rows`).
    """
    valid = "_filtered is null" + (" and person > 0" if "person" in parsed else "")
    newest = [f"{VERSION} desc nulls last"] if VERSION in parsed else []
    long, said = entry.unpivot is not None, content(parsed, keys)
    order = ", ".join(["_given_up", *newest, *(["_said"] if long else said), "_row"])
    told = [list(keys)] if keys and not keyed and (long or newest or not entry.prefer) else []
    only = " and older" if entry.prefer and not long else ""
    parts = []
    for i, names in enumerate(told if chooses(entry) else [*told, *_key_of_table(entry)]):
        columns, same = ", ".join(map(quote, names)), f"same{i}"  # the engine wants names of its own for each window
        filled = " and ".join([valid, *(f"{quote(n)} is not null" for n in names)])
        some = rows({*names, "_filtered", "person"})  # to put long expressions in twice takes the engine long to plan
        more = f"select {columns} from ({some}) where {filled} group by {columns} having count(*) > 1"
        older = f"{VERSION} is distinct from first_value({VERSION}) over {same}" if newest else "false"
        found = f"select * from ({rows(None)}) where {filled} and ({columns}) in ({more})"
        if long:  # a row of the source is all that was made of it
            alike = ", ".join(["_row", "_given_up", columns, *([VERSION] if newest else [])])
            found = f"select {alike}, list_sort(list(({', '.join(said)}, null))) as _said from ({found}) group by all"
        parts.append(
            f"select _row, {older} as older from ({found}) "
            f"window {same} as (partition by {columns} order by {order}) qualify row_number() over {same} > 1{only}"
        )
    return " union ".join(parts) or "select null::bigint as _row, false as older where false"


def content(parsed: Mapping[str, str], keys: Sequence[str]) -> list[str]:
    """The parsed columns that tell rows of one key apart."""
    return [quote(n) for n in parsed if n not in ("_filtered", VERSION, *keys)]


def chosen_rows(entry: Entry, rows: str, keys: Sequence[str]) -> str:
    """SQL of the staged `rows` of an entry that says `per` or `prefer`, in which one row of each key counts.

    A row that does not become a CDM row is never chosen. `_choice0 …` are the values of `per` and then of `prefer`,
    `_content` what decides between rows that are equal in these.
    """
    per = [f"_choice{i}" for i in range(len(entry.per))]
    prefer = [f"_choice{len(per) + i} desc nulls last" for i in range(len(entry.prefer))]
    order = ", ".join([*prefer, "_content", "_row"])
    for names, status in _choices(entry, per, keys):
        whole = " and ".join(f"{n} is not null" for n in names)
        rank = f"dense_rank() over (partition by {', '.join(names)}, _status is null and {whole} order by {order}) > 1"
        missing = f"when _status is null and not ({whole}) then 'q:key_missing' " if status == f"f:{PER}" else ""
        rows = (
            f"select * replace (case {missing}when _status is null and {whole} and {rank} then {literal(status)} "
            f"else _status end as _status) from ({rows})"
        )
    helpers = [f"_choice{i}" for i in range(len(entry.per) + len(entry.prefer))]
    return f"select * exclude ({', '.join([*helpers, *keys, '_content'])}) from ({rows})"


def chooses(entry: Entry) -> bool:
    """Whether which of several rows counts is seen once they are staged: the entry says it, or makes rows of one."""
    return bool(entry.per or entry.prefer or (entry.unpivot and _key_of_table(entry)))


def _choices(entry: Entry, per: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The sets of columns of which one row counts, in turn, and what becomes of the others."""
    if entry.prefer and keys and entry.unpivot is None:
        yield list(keys), f"f:{PREFER}"
    if per:
        yield ["_person", *per], f"f:{PER}"
    if entry.prefer or not entry.shape.merge:
        status = f"f:{PREFER}" if entry.prefer else f"q:{DUPLICATE}"
        yield from (([quote(n) for n in names], status) for names in _key_of_table(entry, melt=True))


def _key_of_table(entry: Entry, *, melt: bool = False) -> list[list[str]]:
    """By which columns a row of the table may be there once; `melt`: also those by which equal rows become one."""
    unique = entry.shape.unique
    if not unique or (entry.shape.merge and not melt):
        return []
    parts = unique.split(", ")
    own = "person" in entry.shape.kinds and "person" not in parts
    return [["person", *parts] if own else parts]
