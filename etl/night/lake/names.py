"""What stages call the files that they leave, and what the number `_row` of a row means."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote as file_name

# A row's number: that of its delivery (19 bits), of its file among the source's files, and its place in the file.
ROW_BITS = 34
FILE_BITS = 10
REJECTED = "rejected.parquet"
COLUMNS = "columns.json"  # of a landed folder: by source, which columns came
QUARANTINE = "quarantine.parquet"
LOOKUPS = "lookup"
MARKER = "_stage.json"  # of a finished stage: the key of its inputs, and its accounts


def lookup_file(folder: Path, name: str) -> Path:
    """The file of a look-up, named `<entry>.<field>`, in the folder of a mapped layer's look-ups."""
    return folder / f"{file_name(name, safe='')}.parquet"
