"""Exports as they come: files in sub-folders, gzipped, zipped, and the sheets of a workbook; read without unpacking."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import tiny
import xlsxwriter
from tiny import Tiny

from etl.errors import ConfigError, InputError
from etl.night import content
from etl.night.delivery import open_delivery
from etl.night.pipeline import run_delivery
from etl.quality.lineage.line import trace_line

Put = Callable[[Path, dict[str, bytes]], None]


def _zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def _into_folder(folder: Path, files: dict[str, bytes]) -> None:
    (folder / "ward").mkdir()
    for name, data in files.items():
        (folder / "ward" / name).write_bytes(data)


def _gzipped(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(data))


def _into_archive(folder: Path, files: dict[str, bytes]) -> None:
    (folder / "july.zip").write_bytes(_zipped(files))


def _one_by_one(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name.replace("csv", "zip")).write_bytes(_zipped({name: data}))


def packed(hospital: Tiny, put: Put) -> Path:
    """The hospital's delivery with every file packed."""
    folder = hospital.deliver()
    files = {f.name: f.read_bytes() for f in folder.iterdir()}
    for name in files:
        (folder / name).unlink()
    put(folder, files)
    return folder


@pytest.mark.parametrize("put", [_gzipped, _into_archive, _one_by_one])
def test_packed_files_are_the_files_of_the_delivery(hospital: Tiny, put: Put) -> None:
    plain = hospital.mapped()
    rows = {name: tiny.landed(plain, name) for name in plain.mapping.sources}
    run = hospital.through("land", "merge", "map", folder=packed(hospital, put))
    assert run.run_id != plain.run_id
    assert {name: tiny.landed(run, name) for name in run.mapping.sources} == rows
    tiny.assert_adds_up(run, {"patients": len(rows["patients"]), "diagnoses": len(rows["diagnoses"])})
    assert not [f for f in run.settings.home.rglob("*.csv") if run.delivery.folder not in f.parents]


@pytest.mark.parametrize("pattern", ["ward/PAT.csv", "*/PAT.csv", "**/P*.csv"])  # told as the contract says
def test_files_may_lie_in_sub_folders(hospital: Tiny, pattern: str) -> None:
    folder = packed(hospital, _into_folder)
    for name in ("ADM", "DIAG", "LAB", "EXM"):
        hospital.rewrite("sources.yaml", f"file: {name}.csv", f"file: ward/{name}.csv")
    hospital.rewrite("sources.yaml", "file: PAT.csv", f'file: "{pattern}"')
    run = hospital.through("land", folder=folder)
    assert len(tiny.landed(run, "patients")) == len(hospital.tables["PAT.csv"]) - 1
    assert {f["file"] for f in run.ledger.accounts(run.run_id).files} >= {pattern, "ward/LAB.csv"}


def test_folders_may_be_called_what_they_like(hospital: Tiny) -> None:
    """Brackets are no pattern of the engine's, and `UNIT=x` gives no column a value."""
    folder = hospital.deliver()
    place = folder / "[외래] 1*" / "UNIT=none"
    place.mkdir(parents=True)
    (folder / "LAB.csv").rename(place / "LAB[1].csv")
    hospital.rewrite("sources.yaml", "file: LAB.csv", 'file: "**/LAB*.csv"')
    run = hospital.through("land", folder=folder)
    units = [row["UNIT"] for row in tiny.landed(run, "results")]
    assert units == [row[5] for row in hospital.tables["LAB.csv"][1:]]


def test_a_star_does_not_reach_into_sub_folders(hospital: Tiny) -> None:
    folder = packed(hospital, _into_folder)
    hospital.rewrite("sources.yaml", "file: PAT.csv", 'file: "P*.csv"')
    with pytest.raises(InputError, match=r"P\*.csv is missing"):
        hospital.through("land", folder=folder)


def test_a_delivery_is_known_by_what_its_archives_hold(hospital: Tiny) -> None:
    folder = packed(hospital, _into_archive)
    before = open_delivery("tiny", folder)
    data = {
        i.filename: zipfile.ZipFile(folder / "july.zip").read(i)
        for i in zipfile.ZipFile(folder / "july.zip").infolist()
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content_ in data.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content_)
    (folder / "july.zip").write_bytes(out.getvalue())
    assert open_delivery("tiny", folder).sha256 == before.sha256


def test_names_of_members_as_korean_windows_writes_them(hospital: Tiny) -> None:
    folder = packed(hospital, _into_archive)
    data = (folder / "july.zip").read_bytes()
    wrong = "환자".encode("cp949")
    (folder / "july.zip").write_bytes(data.replace(b"PAT.csv", wrong + b"csv"))
    assert "july.zip!환자csv" in open_delivery("tiny", folder).files


def test_lines_are_checked_and_traced_inside_archives(hospital: Tiny, tmp_path: Path) -> None:
    hospital.tables["DIAG.csv"][1][3] = "two\nlines"
    hospital.publish()
    plain = trace_line(hospital.settings, "tiny", "DIAG.csv", 4)
    folder = packed(hospital, _into_archive)
    run_delivery(hospital.settings, "tiny", folder)
    for name in ("DIAG.csv", "july.zip!DIAG.csv"):
        found = trace_line(hospital.settings, "tiny", name, 4)
        assert (found.outcomes, found.line) == (plain.outcomes, plain.line)


def test_a_file_cut_inside_an_archive_is_told(hospital: Tiny) -> None:
    folder = packed(hospital, lambda f, files: _into_archive(f, {**files, "LAB.csv": files["LAB.csv"][:-7]}))
    with pytest.raises(InputError, match=r"^LAB.csv, line \d+: the last line has no end"):
        hospital.through("land", folder=folder)


def test_a_manifest_promises_archives_or_what_they_hold(hospital: Tiny) -> None:
    folder = packed(hospital, _into_archive)
    size, rows = len(hospital.raw("LAB.csv")), len(hospital.tables["LAB.csv"]) - 1
    archive = (folder / "july.zip").stat().st_size
    manifest = folder / "manifest.csv"
    manifest.write_text(f"file,bytes,rows\njuly.zip,{archive},\nLAB.csv,{size},{rows + 1}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"^LAB.csv: the manifest promises {rows + 1} rows, {rows} were read"):
        hospital.through("land", folder=folder)
    manifest.write_text(f"file,bytes\njuly.zip,{archive + 1}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"^manifest.csv, line 2: .* bytes came, the manifest says"):
        open_delivery("tiny", folder)


def test_a_file_that_came_twice_is_not_read_twice(hospital: Tiny) -> None:
    folder = hospital.deliver()
    _gzipped(folder, {"PAT.csv": hospital.raw("PAT.csv")})
    with pytest.raises(InputError, match=r"PAT.csv is there more than once, 2 times \(source 'patients'\)"):
        hospital.through("land", folder=folder)


def test_an_archive_made_to_fill_a_disk_is_not_read_on(hospital: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "ALWAYS", 1 << 20)
    folder = hospital.deliver()
    (folder / "bomb.csv.gz").write_bytes(gzip.compress(bytes(1 << 25)))
    with pytest.raises(InputError, match=r"^file 6 of 6: it unpacks to more than 200 times its size"):
        open_delivery("tiny", folder)
    (folder / "bomb.csv.gz").unlink()
    (folder / "bomb.zip").write_bytes(_zipped({f"{i}.csv": bytes(1 << 19) for i in range(8)}))
    with pytest.raises(InputError, match=r"^file 6 of 6: it unpacks to more than 200 times its size"):
        open_delivery("tiny", folder)


@pytest.mark.parametrize("name", ["x.csv.gz", "x.zip", "x.xlsx"])
def test_an_archive_that_was_cut_is_told(hospital: Tiny, name: str) -> None:
    folder = hospital.deliver()
    whole = gzip.compress(b"A,B\n" * 1000) if name.endswith("gz") else _zipped({"x.csv": b"A,B\n" * 1000})
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"^file 6 of 6: this is no readable (archive|workbook), or it was cut"):
        open_delivery("tiny", folder)


def workbook(file: Path, sheets: dict[str, list[list[object]]]) -> None:
    with xlsxwriter.Workbook(file) as book:
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for name, rows in sheets.items():
            sheet = book.add_worksheet(name)
            for r, row in enumerate(rows):
                for c, cell in enumerate(row):
                    if hasattr(cell, "year"):
                        sheet.write_datetime(r, c, cell, day)
                    elif cell is not None:
                        sheet.write(r, c, cell)


def test_sheets_of_one_workbook_are_sources(hospital: Tiny) -> None:
    plain = hospital.mapped()
    wanted = {name: tiny.landed(plain, name) for name in ("patients", "visits")}
    folder = hospital.deliver()
    tables = {"환자": hospital.tables["PAT.csv"], "입퇴원": hospital.tables["ADM.csv"]}
    workbook(folder / "book.xlsx", {n: [list(r) for r in rows] for n, rows in tables.items()})
    hospital.rewrite("sources.yaml", "file: PAT.csv\n    encoding: cp949", 'file: "book.xlsx!환자"')
    hospital.rewrite("sources.yaml", "file: ADM.csv", 'file: "book.xlsx!입퇴원"')
    run = hospital.through("land", folder=folder)
    assert {name: tiny.landed(run, name) for name in wanted} == wanted


def test_a_sheet_takes_no_encoding(hospital: Tiny) -> None:
    folder = hospital.deliver()
    workbook(folder / "book.xlsx", {"환자": [list(r) for r in hospital.tables["PAT.csv"]]})
    hospital.rewrite("sources.yaml", "file: PAT.csv", 'file: "book*"')
    with pytest.raises(InputError, match=r"^book\*: a sheet is read as UTF-8 with commas") as raised:
        hospital.through("land", folder=folder)
    assert "encoding" in str(raised.value.hint)
    hospital.rewrite("sources.yaml", 'file: "book*"', "file: book.xlsx")
    with pytest.raises(ConfigError, match=r"sources.yaml:3  sources.patients.file: a sheet is read as UTF-8"):
        hospital.through("land", folder=folder)


def test_a_missing_file_is_not_mistaken_for_one_that_another_source_asks_for(hospital: Tiny) -> None:
    folder = hospital.deliver(PAT=None)
    hospital.rewrite("sources.yaml", "file: ADM.csv", "file: PATS.csv")
    (folder / "ADM.csv").rename(folder / "PATS.csv")
    with pytest.raises(InputError, match=r"PAT.csv is missing") as raised:
        hospital.through("land", folder=folder)
    assert "PATS.csv" not in raised.value.message
    (folder / "pat.CSV").write_bytes(hospital.raw("PAT.csv"))
    with pytest.raises(InputError, match=r"PAT.csv is missing.* file 5 of 5 is called so in other letters"):
        hospital.through("land", folder=folder)


def test_hidden_files_and_folders_of_other_nights_are_no_part_of_a_delivery(hospital: Tiny) -> None:
    folder = hospital.deliver()
    before = open_delivery("tiny", folder)
    for place in (".part", "2026-06-30", "20260629", "ward/.tmp"):
        (folder / place).mkdir(parents=True)
        (folder / place / "PAT.csv").write_bytes(b"x")
    (folder / "july.zip").write_bytes(_zipped({"__MACOSX/._PAT.csv": b"x", ".PAT.csv": b"y"}))
    assert open_delivery("tiny", folder) == before
