"""What is sought in a hospital's free text: names and record numbers of this delivery and of all before it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from duckdb import DuckDBPyConnection

from etl.night.land.freetext.names import Names
from etl.night.land.freetext.numbers import Numbers
from etl.night.land.freetext.scrub import Scrubber
from etl.night.land.freetext.written import known_names
from etl.store.keys.keystore import KeyStore


def learn_names(con: DuckDBPyConnection, keys: KeyStore) -> Any:
    """All names that the key store keeps; those of the delivery (`ident.name`) that it did not know are added."""
    kept = keys.vault.names()
    con.register("kept", pa.table({"name": kept}))
    new = con.execute(
        "select distinct name from ident.name where name is not null and name not in (select name from kept)"
    ).to_arrow_table()["name"]
    con.unregister("kept")
    keys.vault.add_names(new.combine_chunks())
    return pa.chunked_array([kept, *new.chunks])


def scrubber(keys: KeyStore, names: Any) -> Scrubber:
    """What blanks a hospital's free text, given its names."""
    return Scrubber(Names(known_names(names)), Numbers(keys.vault.known_numbers(), keys.vault.numbers_like))
