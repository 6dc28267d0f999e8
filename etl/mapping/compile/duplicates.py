"""Which of several rows of one delivery with the same key counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from etl.mapping.language.entries import Entry
from etl.sql import quote


def doubled(entry: Entry, rows: str, parsed: Mapping[str, str], keys: Sequence[str], *, keyed: bool) -> str:
    """SQL of the rows (`_row`) behind another one with the same key: the contract's, or one the table allows once.

    What the rows say decides which one goes first, and only between equal rows their place: so the order in which
    rows were delivered changes nothing. A record that was merged into another goes behind the other. Rows are put in
    order only among those whose keys are there more than once. `rows` is SQL of the source's rows with the columns of
    `parsed`, `keys` are those of the contract's key; `keyed`: every key is there once already.
    """
    valid = "_filtered is null" + (" and person > 0" if "person" in parsed else "")
    said = [quote(n) for n in parsed if n not in ("_filtered", *keys) and not n.endswith("_given")]
    order = ", ".join(["_given_up", *said, "_row"])
    parts = []
    for names in _keys_of(entry, keys, keyed=keyed):
        columns = ", ".join(map(quote, names))
        filled = " and ".join([valid, *(f"{quote(n)} is not null" for n in names)])
        more = f"select {columns} from ({rows}) where {filled} group by {columns} having count(*) > 1"
        parts.append(
            f"select _row from ({rows}) where {filled} and ({columns}) in ({more}) "
            f"qualify row_number() over (partition by {columns} order by {order}) > 1"
        )
    return " union ".join(parts) or "select null::bigint as _row where false"


def _keys_of(entry: Entry, keys: Sequence[str], *, keyed: bool) -> list[list[str]]:
    """The sets of columns by which a row may be there once."""
    if entry.unpivot is not None:
        return []
    found = [list(keys)] if keys and not keyed else []
    unique = entry.shape.unique
    if unique and not entry.shape.merge:
        found.append(["person"] if unique == "person" else ["person", unique])
    return found
