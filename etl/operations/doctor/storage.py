"""Disk: rights, room for the coming nights, what was left behind."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa

from etl.at_rest import encrypted_files, home_key, writes_encrypted
from etl.errors import EtlError
from etl.operations.doctor.finding import Finding, Look, gigabytes
from etl.store.ledger.tables import RUN

SUBJECT = "disk"
_STAGES = ("land", "merge", "map", "derive")
_FEW_FILES = 20_000
_LEFT_BEHIND_SECONDS = 86_400


def check_rights(look: Look) -> Iterator[Finding]:
    """The pipeline's user can write where it works, and nobody else can read there."""
    home = look.settings.home
    if not home.exists():
        # the first run makes it; whether it may is told by the nearest folder that is there
        above = next(p for p in home.parents if p.exists())
        if not os.access(above, os.W_OK):
            step = f"make the folder and give it to this user: install -d -m 0750 {home}"
            yield Finding(SUBJECT, "rights", "fail", f"{home} is missing and cannot be made in {above}", step)
        return
    places = [home, *(home / n for n in ("lake", "keys", "runs", "locks", "tmp", "reports", "vocabulary"))]
    files = [home / "ledger.sqlite", *look.settings.keys.glob("*.sqlite")]
    closed = [p for p in (*places, *files) if p.exists() and not os.access(p, os.W_OK)]
    if closed:
        who = os.geteuid()
        yield Finding(
            SUBJECT, "rights", "fail", f"user {who} cannot write {', '.join(str(p) for p in closed)}",
            f"mount it for writing, or: chown -R {who} {home} (was a command run as another user?)",
        )  # fmt: skip
    lake = look.settings.lake
    if lake.exists() and all(stat.S_IMODE(p.stat().st_mode) & 0o005 for p in (home, lake)):
        yield Finding(SUBJECT, "rights", "warn", f"every user of this machine may read {lake}", f"chmod o-rwx {home}")
    elif not closed:
        closed_off = ", and its lake is not open to everybody" if lake.exists() else ""
        yield Finding(SUBJECT, "rights", "ok", f"{home} can be written{closed_off}")


def check_room(look: Look) -> Iterator[Finding]:
    """Free disk against what the hospitals' next nights need, told by what their last ones did."""
    home = next(p for p in (look.settings.home, *look.settings.home.parents) if p.exists())
    lake = look.settings.lake
    free = min(shutil.disk_usage(p).free for p in (home, lake) if p.exists())  # the lake may be a disk of its own
    need = sum(_need(look, hospital) for hospital in look.hospitals)
    text = f"{gigabytes(free)} free"
    if not need:
        yield Finding(SUBJECT, "room", "ok", f"{text}; no night has been run, so what one needs is not known")
        return
    text += f"; a night of {len(look.hospitals)} hospital(s) needs about {gigabytes(need)}"
    step = f"etl clean; free or add space below {look.settings.home}"
    if free < need:
        yield Finding(SUBJECT, "room", "fail", text, step, 5)
    elif free < 7 * need:
        yield Finding(SUBJECT, "room", "warn", f"{text}: room for {free // need} night(s)", step)
    else:
        yield Finding(SUBJECT, "room", "ok", text)


def _need(look: Look, hospital: str) -> int:
    """Bytes that a hospital's next night may need.

    That is the size of its newest folders in the lake, and scratch: the engine may spill as much as the biggest of the
    last five deliveries holds.
    """
    if look.ledger is None:
        return 0
    query = sa.select(RUN.c.bytes_in).where(RUN.c.hospital == hospital, RUN.c.bytes_in.is_not(None))
    came = [row["bytes_in"] for row in look.ledger.read(query.order_by(RUN.c.number.desc()).limit(5))]
    kept = 0
    for stage in _STAGES:
        folders = [f for f in look.settings.stage_folder(stage, hospital).glob("delivery=*") if f.is_dir()]
        if folders:
            kept += _size(max(folders, key=lambda f: f.stat().st_mtime).rglob("*"))
    return kept + max(came, default=0)


def _size(files: Iterable[Path]) -> int:
    return sum(f.stat().st_size for f in files if f.is_file())


def check_files(look: Look) -> Iterator[Finding]:
    """Free inodes: Parquet files of many nights use them up before the bytes. Some file systems count none."""
    home = next(p for p in (look.settings.home, *look.settings.home.parents) if p.exists())
    said = os.statvfs(home)
    if said.f_files and said.f_favail < _FEW_FILES:
        text = f"the file system has room for {said.f_favail:,} more files only"
        yield Finding(SUBJECT, "files", "warn", text, "etl clean, which removes what no night needs, or add inodes")


def check_scratch(look: Look) -> Iterator[Finding]:
    """What killed runs left in scratch; the next run removes what is older than a day."""
    old = time.time() - _LEFT_BEHIND_SECONDS
    left = [f for f in look.settings.scratch.glob("*") if f.stat().st_mtime < old]
    size = sum(_size(f.rglob("*")) for f in left)
    if size > 1e9:
        text = f"{gigabytes(size)} of killed runs lie in {look.settings.scratch}"
        yield Finding(
            SUBJECT, "scratch", "warn", text, "the next run removes it; or: rm -r the folders older than a day"
        )


def check_at_rest(look: Look) -> Iterator[Finding]:
    """Whether what lies on the disk is encrypted as the settings say; nothing is said where nothing is to be."""
    try:
        key = home_key(look.settings)
    except EtlError as error:
        yield Finding(SUBJECT, "at rest", "fail", error.message, error.hint)
        return
    if key is None:
        return
    encrypted, plain = encrypted_files(look.settings.home)
    text = f"{encrypted:,} files of rows are encrypted at rest, {plain:,} are in the clear"
    file = look.settings.at_rest_key_file
    if file and file.is_relative_to(look.settings.home):
        step = "move it to another disk or machine, and set ETL_AT_REST_KEY_FILE"
        yield Finding(SUBJECT, "at rest", "warn", f"the key file {file} lies in the home that it opens", step)
    if plain and writes_encrypted(look.settings):
        step = "nights of before stay as they were written; docs/at-rest.md says how they go"
        yield Finding(SUBJECT, "at rest", "warn", text, step)
    else:
        yield Finding(SUBJECT, "at rest", "ok", text)
