"""Feeds a file of any encoding, packed or not, to the engine as UTF-8, through a pipe: no copy of it lies on disk."""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from etl.night.content import Content

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


def utf8_chunks(source: Content, encoding: str) -> Iterator[bytes]:
    """The bytes that the engine reads of a file: its own, or decoded and written as UTF-8."""
    with source.open("rb") as stream:
        if is_utf8(encoding):
            yield from iter(lambda: stream.read(_CHUNK), b"")
            return
        decoder = codecs.getincrementaldecoder(encoding)("omop-etl-mark")
        while chunk := stream.read(_CHUNK):
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _pump(source: Content, encoding: str, pipe: Path) -> None:
    try:
        with pipe.open("wb") as sink:
            for chunk in utf8_chunks(source, encoding):
                sink.write(chunk)
    except BrokenPipeError:
        pass  # the reader stopped; it knows why


@contextmanager
def as_utf8(source: Content, encoding: str, folder: Path) -> Iterator[Path]:
    """A path that reads once, from start to end, as UTF-8."""
    if is_utf8(encoding) and isinstance(source, Path):
        yield source
        return
    pipe = folder / f"{uuid4().hex}.pipe"
    os.mkfifo(pipe, 0o600)
    thread = threading.Thread(target=_pump, args=(source, encoding, pipe), daemon=True)
    thread.start()
    try:
        yield pipe
    finally:
        # a reader that stopped, or never opened the pipe, would leave the writer waiting for ever; the writer may
        # not have come to its own opening yet, so that being its reader once is not enough
        while thread.is_alive():
            descriptor = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
            thread.join(0.01)
            os.close(descriptor)
        pipe.unlink()
