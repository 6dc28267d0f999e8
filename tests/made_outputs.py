"""Files of results as tests describe them in YAML: a text, a workbook, an image, an archive, bytes."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path
from typing import Any

import xlsxwriter

from etl.settings import PROJECT

DATA = PROJECT / "tests" / "data" / "disclosure"


def write(folder: Path, said: dict[str, Any]) -> Path:
    """Write one file: `file` is its name, and what it holds stands under `text`, `workbook`, `zip`, `png` or `hex`."""
    path = folder / said["file"]
    path.write_bytes(content_of(said))
    return path


def content_of(said: dict[str, Any]) -> bytes:
    if "text" in said:
        again = said.get("repeat", "")
        text = said["text"] + "".join(again.format(i=i, n=i + 1, j=i % 7) for i in range(said.get("times", 0)))
        return text.encode(said.get("encoding", "utf-8")) + bytes.fromhex(said.get("then_hex", ""))
    if "workbook" in said:
        return workbook(said["workbook"], said.get("parts", {}))
    if "zip" in said:
        return zipped(said["zip"])
    if "tar" in said:
        return tarred(said["tar"])
    if "png" in said:
        return png(said["png"])
    return bytes.fromhex(said["hex"])


def workbook(sheets: list[dict[str, Any]], parts: dict[str, str]) -> bytes:
    """A workbook; a sheet has `rows`, and may hide itself, rows and columns, and hold formulae and comments."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True})
    for said in sheets:
        sheet = book.add_worksheet()
        for number, row in enumerate(said["rows"]):
            sheet.write_row(number, 0, row)
        for number in said.get("hidden_rows", []):
            sheet.set_row(number, None, None, {"hidden": True})
        for number in said.get("hidden_columns", []):
            sheet.set_column(number, number, None, None, {"hidden": True})
        for cell, formula in said.get("formulae", {}).items():
            sheet.write_formula(cell, formula, None, 0)
        for cell, comment in said.get("comments", {}).items():
            sheet.write_comment(cell, comment)
        for cell, link in said.get("links", {}).items():
            sheet.write_url(cell, link, string="link")
        if "hide" in said:
            sheet.very_hidden() if said["hide"] == "very" else sheet.hide()
        if "unseen" in said:
            sheet.write_number(said["unseen"], 3, book.add_format({"num_format": ";;;"}))
    book.close()
    if not parts:
        return stream.getvalue()
    with zipfile.ZipFile(stream, "a") as package:
        for name, text in parts.items():
            package.writestr(name, text)
    return stream.getvalue()


def zipped(parts: dict[str, Any]) -> bytes:
    """An archive; a part is a text, or `zeros`: so many of them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as package:
        for name, part in parts.items():
            package.writestr(name, part if isinstance(part, str) else bytes(part["zeros"]))
    return stream.getvalue()


def tarred(parts: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as package:
        for name, text in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            package.addfile(info, io.BytesIO(text.encode()))
    return stream.getvalue()


def png(said: dict[str, Any]) -> bytes:
    """A white PNG of one point, with the `chunks` said (name: text), and `behind` its end."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))]
    chunks += [(name.encode(), text.encode("latin-1")) for name, text in said.get("chunks", {}).items()]
    chunks += [(b"IDAT", zlib.compress(b"\0\xff")), (b"IEND", b"")]
    parts = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + said.get("behind", "").encode()
