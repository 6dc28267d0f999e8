"""Packages of parts (ZIP): opened within bounds, and what may stand in an office's file that nobody sees."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

from etl.research.disclosure.files.texts import TooLarge, Unreadable
from etl.research.disclosure.findings import Found
from etl.research.disclosure.rules import Rules

_SMALL = 1_000_000  # bytes unpacked below which no ratio is looked at
_BROKEN = (BadZipFile, zlib.error, EOFError, RuntimeError, ParseError, LookupError, ValueError, OverflowError)
#: What parts of a package are, by their paths.
_PARTS = (
    ("macro", re.compile(r"vbaproject|macrosheets|(^|/)scripts/|basic/|activex", re.IGNORECASE)),
    ("pivot_cache", re.compile(r"pivotcache", re.IGNORECASE)),
    ("external_link", re.compile(r"externallinks|(^|/)connections\.xml|querytables", re.IGNORECASE)),
    ("comment", re.compile(r"comments?[0-9]*\.xml|threadedcomment|(^|/)persons/", re.IGNORECASE)),
    (
        "embedded",
        re.compile(r"embeddings|oleobject|customxml/|(^|/)model/|\.(bin|zip|docx|xlsx|csv)$", re.IGNORECASE),
    ),
    ("look_image", re.compile(r"media/|(^|/)charts?/chart|pictures/", re.IGNORECASE)),
)
_PRINTER = re.compile(r"printersettings", re.IGNORECASE)
_TARGET = re.compile(rb'TargetMode\s*=\s*["\']External["\']', re.IGNORECASE)
_ENTITY = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


@contextmanager
def opened(content: bytes, rules: Rules) -> Iterator[ZipFile]:
    """A package whose parts may be read: none has more than the limits say, whatever the package says of itself.

    Raises Unreadable where it is broken or has a password, TooLarge where it is made to exhaust who opens it.
    """
    try:
        with ZipFile(io.BytesIO(content)) as package:
            _measure(package, len(content), rules)
            yield package
    except (TooLarge, Unreadable):
        raise
    except _BROKEN as error:
        raise Unreadable(type(error).__name__) from None


def _measure(package: ZipFile, packed: int, rules: Rules) -> None:
    parts = package.infolist()
    if len(parts) > rules.limit("parts"):
        raise TooLarge("parts")
    most, ratio = int(rules.limit("unpacked_bytes")), rules.limit("unpacked_ratio")
    total = 0
    for part in parts:
        if part.flag_bits & 1:
            raise Unreadable("a password")
        with package.open(part) as stream:
            while piece := stream.read(1 << 20):
                total += len(piece)
                if total > most or (total > _SMALL and total > ratio * packed):
                    raise TooLarge("unpacked")


def hiding(package: ZipFile) -> Iterator[Found]:
    """What the parts of a package are that nobody sees who looks at it. Raises Unreadable for one that unfolds."""
    for name in package.namelist():
        if not _PRINTER.search(name):
            yield from (Found(rule) for rule, pattern in _PARTS if pattern.search(name))
        if name.endswith((".xml", ".rels")):
            content = package.read(name)
            if _ENTITY.search(content[:4096]):
                raise Unreadable("XML that unfolds")
            if name.endswith(".rels") and _TARGET.search(content):
                yield Found("external_link")
