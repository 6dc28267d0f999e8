"""Which of several rows counts: of those with one key, of what a patient has once, of those an entry makes one of."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from etl.mapping.language.entries import Entry
from etl.sql import quote

PER, PREFER, SUPERSEDED = "per", "prefer", "superseded"
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
    are those of the contract's key; `keyed`: every key is there once already.
    """
    valid = "_filtered is null" + (" and person > 0" if "person" in parsed else "")
    newest = [f"{VERSION} desc nulls last"] if VERSION in parsed else []
    order = ", ".join(["_given_up", *newest, *content(parsed, keys), "_row"])
    parts = []
    for i, names in enumerate([] if entry.prefer else _keys_of(entry, keys, keyed=keyed)):
        columns, same = ", ".join(map(quote, names)), f"same{i}"  # the engine wants names of its own for each window
        filled = " and ".join([valid, *(f"{quote(n)} is not null" for n in names)])
        some = rows({*names, "_filtered", "person"})  # to put long expressions in twice takes the engine long to plan
        more = f"select {columns} from ({some}) where {filled} group by {columns} having count(*) > 1"
        older = f"{VERSION} is distinct from first_value({VERSION}) over {same}" if newest else "false"
        parts.append(
            f"select _row, {older} as older from ({rows(None)}) where {filled} and ({columns}) in ({more}) "
            f"window {same} as (partition by {columns} order by {order}) qualify row_number() over {same} > 1"
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
            f"select * replace (case {missing}when _status is null and {whole} and {rank} then '{status}' "
            f"else _status end as _status) from ({rows})"
        )
    helpers = [f"_choice{i}" for i in range(len(entry.per) + len(entry.prefer))]
    return f"select * exclude ({', '.join([*helpers, *keys, '_content'])}) from ({rows})"


def _choices(entry: Entry, per: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[list[str], str]]:
    """The sets of columns of which one row counts, and what becomes of the others."""
    if per:
        yield ["_person", *per], f"f:{PER}"
    elif entry.prefer:
        for names in _keys_of(entry, keys, keyed=False, melt=True):
            yield list(map(quote, names)), f"f:{PREFER}"


def _keys_of(entry: Entry, keys: Sequence[str], *, keyed: bool, melt: bool = False) -> list[list[str]]:
    """The sets of columns by which a row may be there once; `melt`: also those by which equal rows become one."""
    if entry.unpivot is not None:
        return []
    found = [list(keys)] if keys and not keyed else []
    unique = entry.shape.unique
    if unique and (melt or not entry.shape.merge):
        parts = unique.split(", ")
        own = "person" in entry.shape.kinds and "person" not in parts
        found.append(["person", *parts] if own else parts)
    return found
