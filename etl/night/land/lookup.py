"""Looks up whose id an identifier has, row by row, so that rows keep the order of their file: a join of the engine does
not keep it.

Few texts are an enumeration of the engine, the fastest look-up it has; of many one takes ten times the memory of what
it holds, and a minute for some millions. There, the known texts lie in one array in the order of their hash, in which a
search of halves finds the place; the text there is compared as a whole, so that what hashes alike is told apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from duckdb import DuckDBPyConnection

from etl.cdm.namespaces import Namespace
from etl.engine import one_number

_AT_ONCE = 100_000  # texts that are taken from the engine in one go
_FEW = 100_000  # ids between the first and the last that are put into an enumeration


class _Known:
    """The texts of a namespace and their ids, by hash."""

    def __init__(self, batches: Iterable[pa.RecordBatch], count: int) -> None:
        """`batches` hold `hash` (ascending), `raw` and `id` of `count` texts; what they hold is not there twice."""
        self._hash: npt.NDArray[np.uint64] = np.empty(count, np.uint64)
        self._id: npt.NDArray[np.int64] = np.empty(count, np.int64)
        ends, texts, at = np.zeros(count + 1, np.int64), bytearray(), 0
        for batch in batches:
            here = slice(at, at := at + len(batch))
            self._hash[here], self._id[here] = batch["hash"].to_numpy(), batch["id"].to_numpy()
            said = [str(raw).encode() for raw in batch["raw"].to_pylist()]
            ends[1:][here] = np.cumsum([*map(len, said)]) + len(texts)
            texts += b"".join(said)
        buffers: list[Any] = [None, pa.py_buffer(ends.data), pa.py_buffer(texts)]
        self._raw: Any = pa.Array.from_buffers(pa.large_string(), count, buffers)
        last = np.flatnonzero(np.append(self._hash[1:] != self._hash[:-1], True))
        self._alike = int(np.diff(last, prepend=-1).max()) if count else 0

    def ids(self, hashes: Any, texts: Any) -> Any:  # the engine evaluates these
        """The id of each text; NULL for one that is not known."""
        found: Any = pa.nulls(len(texts), pa.int64())
        first = np.searchsorted(self._hash, hashes.to_numpy())
        for step in range(self._alike):  # as many as share a hash: one
            place = np.minimum(first + step, len(self._hash) - 1)
            same: Any = pc.equal(self._raw.take(pa.array(place)), texts)
            found = pc.if_else(pc.fill_null(same, False), pa.array(self._id[place]), found)
        return found if isinstance(found, pa.Array) else found.combine_chunks()


def define(con: DuckDBPyConnection, namespace: Namespace) -> None:
    """Define `omop_id_<namespace>(text)` over `ident.<namespace>`: NULL for NULL, 0 for a text that is not in it."""
    known = f"ident.{namespace}"
    first, last, few = con.execute(
        f"select min(id), max(id), count(*) = count(distinct id) and max(id) - min(id) < {_FEW} from {known}"
    ).fetchone() or (None, None, None)
    found = _enumeration(con, namespace, first, last) if few else _array(con, namespace)
    # most texts are known: what else the text is asked for is not asked of them
    con.execute(f"create macro omop_id_{namespace}(t) as coalesce({found}, case when t is not null then 0 end)")


def _enumeration(con: DuckDBPyConnection, namespace: Namespace, first: int, last: int) -> str:
    """SQL of the id of `t`. Words are in the order of the ids; for ids that nobody has in this delivery there is one
    that no identifier can be, because it begins with a blank.
    """
    con.execute(
        f"create type ident.main.{namespace}_text as enum (select coalesce(raw, ' ' || n) "
        f"from range({first}, {last + 1}) r(n) left join ident.{namespace} on id = n order by n)"
    )
    return f"{first} + enum_code(try_cast(t as ident.main.{namespace}_text))::bigint"


def _array(con: DuckDBPyConnection, namespace: Namespace) -> str:
    """SQL of the id of `t`, found in arrays."""
    count = one_number(con, f"select count(*) from ident.{namespace}")
    query = f"select hash(raw) as hash, raw, id from ident.{namespace} order by 1"
    known = _Known(con.execute(query).to_arrow_reader(_AT_ONCE), count)
    con.create_function(
        f"omop_found_{namespace}", known.ids, ["UBIGINT", "VARCHAR"], "BIGINT", type="arrow", null_handling="special"
    )  # type: ignore[call-overload]
    return f"omop_found_{namespace}(hash(t), t)"
