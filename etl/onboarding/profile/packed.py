"""Files that come packed with gzip: read as what is in them, without an unpacked copy on disk."""

from __future__ import annotations

import gzip
import os
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from etl.errors import InputError

_CHUNK = 1 << 22
_GZIP = b"\x1f\x8b"


def is_packed(path: Path) -> bool:
    """Whether the file's first bytes are those of gzip, whatever its name says."""
    with path.open("rb") as stream:
        return stream.read(2) == _GZIP


def opened(path: Path) -> BinaryIO:
    """The file's content as a stream of bytes."""
    return cast(BinaryIO, gzip.open(path, "rb")) if is_packed(path) else path.open("rb")


def chunks(path: Path) -> Iterator[bytes]:
    """The file's content, piece by piece; InputError when it is packed and the packing is damaged."""
    try:
        with opened(path) as stream:
            yield from iter(lambda: stream.read(_CHUNK), b"")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(
            f"{path.name} is packed, and cannot be unpacked to its end", hint="ask for it again"
        ) from error


def _pump(path: Path, sink: int) -> None:
    with suppress(BrokenPipeError, InputError), os.fdopen(sink, "wb") as stream:
        for chunk in chunks(path):
            stream.write(chunk)


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A path that reads once, from start to end, as the file's content: the file itself when it is not packed."""
    if not is_packed(path):
        yield path
        return
    source, sink = os.pipe()
    thread = threading.Thread(target=_pump, args=(path, sink), daemon=True)
    thread.start()
    try:
        yield Path(f"/dev/fd/{source}")
    finally:
        os.close(source)  # a reader that stopped early: the writer finds its pipe broken
        thread.join()
