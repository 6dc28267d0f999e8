"""Feeds a file of any encoding, packed or not, to the engine as UTF-8, through a pipe: no copy of it lies on disk."""

from __future__ import annotations

import codecs
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from etl.night.content import Content

_CHUNK = 1 << 22
_MARK = "\udcff"  # encodes to the byte FF, which no UTF-8 text holds: the engine rejects exactly that row


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _MARK, error.start + 1


codecs.register_error("omop-etl-mark", _mark_undecodable)

#: What becomes of bytes that are no text of the encoding: a mark for which the engine rejects the row, or `?`.
MARKED, REPLACED = "omop-etl-mark", "replace"


def is_utf8(encoding: str) -> bool:
    """Whether the engine can read the file itself."""
    return codecs.lookup(encoding).name in ("utf-8", "ascii")


def utf8_chunks(source: Content, encoding: str, wrong: str = MARKED) -> Iterator[bytes]:
    """The bytes that the engine reads of a file: its own, or decoded and written as UTF-8."""
    with source.open("rb") as stream:
        if is_utf8(encoding) and wrong == MARKED:
            yield from iter(lambda: stream.read(_CHUNK), b"")
            return
        decoder = codecs.getincrementaldecoder(encoding)(wrong)
        while chunk := stream.read(_CHUNK):
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")


def _pump(chunks: Iterator[bytes], pipe: int) -> None:
    try:
        with open(pipe, "wb") as sink:
            for chunk in chunks:
                sink.write(chunk)
    except BrokenPipeError:
        pass  # the reader stopped; it knows why


@contextmanager
def as_utf8(source: Content, encoding: str, wrong: str = MARKED) -> Iterator[Path]:
    """A path that reads once, from start to end, as UTF-8; `wrong`: what becomes of bytes that are no text."""
    if is_utf8(encoding) and wrong == MARKED and isinstance(source, Path):
        yield source
        return
    reader, writer = os.pipe()
    thread = threading.Thread(target=_pump, args=(utf8_chunks(source, encoding, wrong), writer), daemon=True)
    thread.start()
    try:
        yield Path(f"/dev/fd/{reader}")  # a pipe in a folder is not found where the folder's name looks like a pattern
    finally:
        os.close(reader)  # the writer of a reader that stopped ends now
        thread.join()
