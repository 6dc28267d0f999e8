"""Any error as one of the pipeline's: the one place where what nobody foresaw gets an exit code, words and a hint.

An error's own text may quote a value of a patient or a delivered name, so none is shown: its class is, and the line of
the program where it came up. What is known of a kind of error stands in a table below. Libraries are known by the
names of their classes: whoever tells of an error need not have imported them.
"""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from etl.errors import ConfigError, EtlError, InputError, TransientError, of_file_system

#: What reads files that a hospital has delivered; whatever else is read is our own.
DELIVERED = ("open", "land")
_PROGRAM = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of error: classes by name (of a module, or `module.Class`), and what its text holds; all in lower case."""

    classes: tuple[str, ...]
    family: type[EtlError]
    said: str
    hint: str
    text: str = ""


_AGAIN = "restore it from the newest back-up, or run the night that it is of again with --force"
_REPORT = "the same data and mappings fail again: report it with this line; the error's text is left out on purpose"
#: Damaged files are delivered ones (exit 3, ask again) or ours (exit 4); the first kind that fits tells.
_DAMAGED = (
    _Kind(
        ("duckdb", "pyarrow"), ConfigError, "a Parquet file is damaged", _AGAIN,
        r"magic bytes|footer|parquet.*(invalid|corrupt|fail|unexpected|metadata|too small)|thrift|tprotocol|snappy|zstd"
        r"|page header|decompress|corrupt|end of file|out of buffer",
    ),
    _Kind(("pyarrow",), ConfigError, "a Parquet file cannot be read", _AGAIN),
    _Kind(
        ("duckdb.IOException",), ConfigError, "a file is gone", _AGAIN, "no files found|no such file|cannot open file"
    ),
    _Kind(("builtins.UnicodeError",), ConfigError, "a name or text is not in the encoding it should be in", _AGAIN),
    _Kind(("csv.Error",), ConfigError, "a line of a table cannot be taken apart", _AGAIN),
    _Kind(("json.decoder.JSONDecodeError",), ConfigError, "a file of JSON is damaged", _AGAIN),
    _Kind(("zipfile", "zlib.error", "lzma", "builtins.EOFError"), ConfigError, "a packed file is damaged", _AGAIN),
)  # fmt: skip
_OTHERS = (
    _Kind(
        ("duckdb.",), ConfigError, "the home's key does not open what is encrypted at rest, or that was changed",
        "restore at_rest.json with the rest of ETL_HOME, from one back-up: docs/at-rest.md",
        "aes tag|wrong encryption key",
    ),
    _Kind(
        ("duckdb.OutOfMemoryException", "builtins.MemoryError"), TransientError, "memory or disk ran out",
        "free disk below ETL_HOME or raise ETL_MEMORY; run again",
    ),
    _Kind(
        ("duckdb.IOException",), TransientError, "the disk is full", "free disk below ETL_HOME, run again",
        "no space left|disk quota|could not write|enough disk|out of disk",
    ),
    _Kind(
        ("duckdb.",), ConfigError, "the warehouse's catalog is damaged",
        "restore the folder of the warehouse from its newest back-up: etl doctor",
        "not a database|disk image is malformed",
    ),
    _Kind(
        ("sqlite3.OperationalError",), TransientError, "the key store cannot be used now",
        "see that the disk has room and nobody else writes it, run again",
        "locked|busy|full|i/o|unable to open|readonly",
    ),
    _Kind(
        ("sqlite3.Error",), ConfigError, "the key store is damaged",
        "never delete it, its numbers are the patients' ids: restore it from the newest back-up (etl doctor)",
    ),
    _Kind(
        ("psycopg.OperationalError", "psycopg.errors.OperationalError"), TransientError,
        "the warehouse's server cannot be used", "see that it answers, run again: etl doctor",
    ),
    _Kind(("psycopg",), ConfigError, "the warehouse's server refused", _REPORT),
    _Kind(
        ("sqlalchemy.exc.OperationalError",), TransientError, "the ledger's database cannot be used",
        "see that it answers, run again",
    ),
    _Kind(
        ("sqlalchemy.exc.DatabaseError",), ConfigError, "the ledger is damaged or of another version",
        "restore it from the newest back-up: etl doctor",
    ),
    _Kind(("builtins.RecursionError",), ConfigError, "something is nested too deeply", _REPORT),
    _Kind(("builtins.ImportError",), ConfigError, "a library is missing", "run: make install"),
    _Kind(
        ("duckdb.DataError", "duckdb.ProgrammingError", "duckdb.NotSupportedError"), ConfigError, "the engine failed",
        _REPORT,
    ),
    _Kind(("duckdb.Error",), TransientError, "the engine failed", "run again; if it stays, report it with this line"),
)  # fmt: skip


def as_etl_error(error: Exception, doing: str | None = None) -> EtlError:
    """Any error as one of ours; `doing` is the stage at work, `open` before the first, None outside of a night."""
    if isinstance(error, EtlError):
        return error
    at = f"stage '{doing}': " if doing else ""
    if isinstance(error, OSError) and not _kind_of(error, _DAMAGED):  # zipfile's and zlib's are some, too
        passing = of_file_system(error)
        # within a night the path may be a name that somebody delivered
        said = f"{at}{error.strerror or type(error).__name__}" if doing else passing.message
        return TransientError(said, hint=passing.hint)
    where = f"({type(error).__name__}{_place(error)})"
    if (kind := _kind_of(error, _DAMAGED)) and not isinstance(error, MemoryError):
        if doing in DELIVERED:
            return InputError(f"{at}of the delivery {kind.said} {where}", hint="ask for the night's files again")
        return kind.family(f"{at}{kind.said} {where}", hint=kind.hint)
    if kind := _kind_of(error, _OTHERS):
        return kind.family(f"{at}{kind.said} {where}", hint=kind.hint)
    return ConfigError(f"{at}unexpected {type(error).__name__}{_place(error)}", hint=_REPORT)


@contextmanager
def etl_errors(doing: str | None = None) -> Iterator[None]:
    """Whatever is raised inside is raised as an EtlError."""
    try:
        yield
    except EtlError:
        raise
    except Exception as error:
        raise as_etl_error(error, doing) from error


def _kind_of(error: Exception, kinds: tuple[_Kind, ...]) -> _Kind | None:
    names = [f"{cls.__module__.lstrip('_')}.{cls.__name__}" for cls in type(error).__mro__]
    text = (str(error).lower().splitlines() or [""])[0]  # below it engines quote the query
    return next(
        (k for k in kinds if any(n.startswith(c) for n in names for c in k.classes) and re.search(k.text, text)), None
    )


def _place(error: Exception) -> str:
    """The line of the program where the error came up."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if Path(f.filename).is_relative_to(_PROGRAM)]
    return f" at etl/{Path(own[-1].filename).relative_to(_PROGRAM)}:{own[-1].lineno}" if own else ""
