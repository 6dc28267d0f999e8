"""Images and PDF: metadata, what is behind their end, and what a PDF carries; what they show is for a person."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from etl.research.disclosure.files.texts import Unreadable
from etl.research.disclosure.findings import Found

_PNG_TELLS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME"})
_HARMLESS = re.compile(rb"Software\0(matplotlib|Matplotlib)[^\0]{0,80}")
_PDF_HIDES = (
    ("embedded", re.compile(rb"/EmbeddedFile|/Filespec|/RichMedia")),
    ("macro", re.compile(rb"/JavaScript|/JS\b|/Launch|/OpenAction")),
    ("comment", re.compile(rb"/Subtype\s*/(Text|FreeText|Popup)\b")),
)


def in_png(content: bytes) -> Iterator[Found]:
    """Texts, EXIF and XMP among a PNG's parts, and bytes behind its end. Raises Unreadable where it ends early."""
    at, kind = 8, b""
    while at + 8 <= len(content) and kind != b"IEND":
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        part = content[at + 8 : at + 8 + length]
        if len(part) < length:
            break
        if kind in _PNG_TELLS and not _HARMLESS.fullmatch(part):
            yield Found("metadata")
        at += 12 + length
    if kind != b"IEND" or at > len(content):
        raise Unreadable("it ends early")
    if at < len(content):
        yield Found("trailing")


def in_jpeg(content: bytes) -> Iterator[Found]:
    """EXIF, XMP, IPTC and comments among a JPEG's segments, and bytes behind its end. Raises Unreadable."""
    at = 2
    while at + 4 <= len(content) and content[at] == 0xFF:
        marker, length = content[at + 1], int.from_bytes(content[at + 2 : at + 4])
        if marker in {0xE1, 0xED, 0xFE}:
            yield Found("metadata")
        if marker == 0xDA:
            break
        at += 2 + length
    end = content.rfind(b"\xff\xd9")
    if end < at:
        raise Unreadable("it ends early")
    if end + 2 < len(content):
        yield Found("trailing")


def in_pdf(content: bytes) -> Iterator[Found]:
    """What a PDF carries beside its pages. Raises Unreadable where it has a password or no end."""
    if b"/Encrypt" in content or b"%%EOF" not in content[-2048:]:
        raise Unreadable("a password, or no end")
    yield from (Found(rule) for rule, pattern in _PDF_HIDES if pattern.search(content))
