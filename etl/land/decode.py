"""Feeds a file of any encoding to the engine as UTF-8, through a pipe: no decoded copy of it lies on disk."""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

_CHUNK = 1 << 22
_MARK = "\udcff"  # encodes to the byte FF, which no UTF-8 text holds: the engine rejects exactly that row


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.start + 1


codecs.register_error("omop-etl-mark", _mark_undecodable)


def is_utf8(encoding: str) -> bool:
    """Whether the engine can read the file itself."""
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


def _pump(source: Path, encoding: str, pipe: Path) -> None:
    decoder = codecs.getincrementaldecoder(encoding)("omop-etl-mark")
    try:
        with source.open("rb") as stream, pipe.open("wb") as sink:
            while chunk := stream.read(_CHUNK):
                sink.write(decoder.decode(chunk).encode("utf-8", "surrogateescape"))
            sink.write(decoder.decode(b"", final=True).encode("utf-8", "surrogateescape"))
    except BrokenPipeError:
        pass  # the reader stopped; it knows why


@contextmanager
def as_utf8(source: Path, encoding: str, folder: Path) -> Iterator[Path]:
    """A path that reads once, from start to end, as UTF-8."""
    if is_utf8(encoding):
        yield source
        return
    pipe = folder / f"{uuid4().hex}.pipe"
    os.mkfifo(pipe, 0o600)
    thread = threading.Thread(target=_pump, args=(source, encoding, pipe), daemon=True)
    thread.start()
    try:
        yield pipe
    finally:
        # a reader that stopped, or never opened the pipe, would leave the writer waiting for ever. The writer may not have
        # come to its own opening yet, so that being its reader once is not enough.
        while thread.is_alive():
            descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            thread.join(0.01)
            os.close(descriptor)
        pipe.unlink()
