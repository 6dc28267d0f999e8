"""What `etl profile` finds in files nobody has mapped, what it never shows, and what `etl new` drafts from it."""

import csv
import os
import re
import xml.etree.ElementTree as ET
import zipfile
from datetime import date
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from etl.cli import app
from etl.errors import InputError
from etl.mapping.load import load_mappings
from etl.onboarding.profile import sets
from etl.onboarding.profile.form import detect
from etl.onboarding.profile.model import Profile
from etl.onboarding.profile.page import page_of
from etl.onboarding.profile.scan import Options, profile_folder
from etl.onboarding.profile.workbook import table_names, write_workbook
from etl.sample.generate import write_exports
from etl.settings import PROJECT, Settings

HEADER = ["NO", "이름"]
RABBIT = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINKS = "{http://schemas.openxmlformats.org/package/2006/relationships}"
OFFICE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", threads=2, memory="500MB", key_secret=SecretStr("0" * 32), _env_file=None)


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_exports(
        tmp_path_factory.mktemp("raw"), hospitals=["boramae"], patients=80, seed=5, night=date(2026, 11, 23)
    )[0].folder


def write(folder: Path, name: str, rows: list[list[str]], encoding: str = "utf-8", **how: str) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / name).open("w", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator=how.get("end", "\n"), delimiter=how.get("delimiter", ",")).writerows(rows)
    return folder / name


def profiled(settings: Settings, folder: Path, **options: int) -> Profile:
    return profile_folder(settings, folder, Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "name", "found"),
    [
        ("utf-8", "김똠", "utf-8"),
        ("utf-8-sig", "김똠", "utf-8-sig"),
        ("cp949", "김똠", "cp949"),
        ("euc-kr", "김철", "euc-kr"),
        ("utf-16", "김똠", "utf-16"),
        ("utf-16-le", "김똠", "utf-16-le"),
    ],
)
def test_an_encoding_is_told_from_the_whole_file(tmp_path: Path, encoding: str, name: str, found: str) -> None:
    rows = [HEADER, *([str(i), "abc"] for i in range(2000)), ["1", name]]
    assert detect(write(tmp_path / "d", "a.csv", rows, encoding)).encoding == found


@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_delimiter_and_line_end_are_told(tmp_path: Path, delimiter: str, end: str) -> None:
    rows = [["A", "B"], *([f"{i},5", "x;y|z"] for i in range(20))]
    form = detect(write(tmp_path / "d", "a.csv", rows, delimiter=delimiter, end=end))
    assert (form.delimiter, form.line_end, form.header) == (delimiter, {"\n": "LF", "\r\n": "CRLF"}[end], ("A", "B"))


def test_a_pipe_in_the_folder_is_not_waited_for(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "d", "a.csv", [["A", "B"], ["1", "2"]])
    os.mkfifo(tmp_path / "d" / "b.csv")
    with pytest.raises(InputError, match=r"1 of the 2 things in .* are pipes, sockets or devices \(number 2 "):
        profiled(settings, tmp_path / "d")


def test_a_last_line_without_end_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("A,B\n1,2\n3,4", encoding="utf-8")
    assert not detect(path).ends_with_newline


@pytest.mark.parametrize(
    ("values", "kind", "formats"),
    [
        (["20240131", "29991231"] * 40 + ["20240230"] * 2, "date", ["YYYYMMDD"]),
        (["2024-01-31 09:05", "2024-01-31"] * 30, "datetime", ["YYYY-MM-DD", "YYYY-MM-DD HH:MM"]),
        ([f"{h:02}{m:02}" for h in range(24) for m in (0, 17)], "time", ["HHMM"]),
        (["Y", "N", "N"] * 20, "flag", []),
        ([str(n) for n in range(100, 160)], "integer", []),
        (["00123", "00124", "00999"] * 20, "code", []),
        (["3.5", "<0.5", "1,234", "120"] * 20 + ["양성"] * 8, "number", []),
        (["E119", "I10", "M51.1"] * 20, "code", []),
        ([f"오늘은 {n} 번 진료실에서 경과를 관찰하였음" for n in range(60)], "text", []),
        ([""] * 60, "empty", []),
    ],
)
def test_kinds_and_formats(
    settings: Settings, tmp_path: Path, values: list[str], kind: str, formats: list[str]
) -> None:  # fmt: skip
    write(tmp_path / "d", "a.csv", [["K", "V"], *([str(i), v] for i, v in enumerate(values))])
    column = profiled(settings, tmp_path / "d").files[0].column("V")
    assert (column.kind, [name for name, _ in column.formats]) == (kind, formats)


def test_a_rare_value_is_counted_but_not_shown(settings: Settings, tmp_path: Path) -> None:
    rows = [["CODE"], *[["A1"]] * 30, *[["B2"]] * 5, *[["C3"]] * 4]
    write(tmp_path / "d", "a.csv", rows)
    column = profiled(settings, tmp_path / "d").files[0].column("CODE")
    assert (column.values, column.rest) == ((("A1", 30), ("B2", 5)), 1)
    assert profiled(settings, tmp_path / "d", min_count=1).files[0].column("CODE").rest == 0


def secrets(export: Path) -> set[str]:
    """Record numbers, names, resident numbers, telephone numbers, visit numbers of the export, and staff's numbers."""
    found: set[str] = set()
    for file, columns in {
        "PT_INFO.txt": ("PT_NO", "PT_NM", "RRN", "MTEL_NO"),
        "PACT_HIST.txt": ("PACT_ID",),
        "STF_MST.txt": ("STF_NO", "STF_NM"),
    }.items():
        with (export / file).open(encoding="cp949", newline="") as lines:
            found |= {row[c] for row in csv.DictReader(lines, delimiter="|") for c in columns}
    return found - {""}


@pytest.mark.parametrize("known_names", [True, False])
def test_no_identifier_is_shown_whatever_its_column_is_called(
    settings: Settings, export: Path, tmp_path: Path, *, known_names: bool
) -> None:  # fmt: skip
    folder = tmp_path / "d"
    folder.mkdir()
    for file in export.glob("*.txt"):
        header, body = file.read_bytes().split(b"\n", 1)
        names = header if known_names else b"|".join(b"F%d_%d" % (len(body), i) for i in range(header.count(b"|") + 1))
        (folder / file.name).write_bytes(names + b"\n" + body)
    found = profiled(settings, folder)
    write_workbook(found, tmp_path / "ScanReport.xlsx")
    shown = {value for f in found.files for c in f.columns for value, _ in c.values}
    assert len(shown) > 100, "codes are shown"
    assert not shown & secrets(export)
    words = set(re.findall(r"[\w-]+", page_of(found))) | {v for sheet in sheets(tmp_path) for row in sheet for v in row}
    assert not words & secrets(export)


def sheets(folder: Path) -> list[list[list[str]]]:
    return list(read_workbook(folder / "ScanReport.xlsx").values())


def read_workbook(path: Path) -> dict[str, list[list[str]]]:
    """Sheets by name, found as Rabbit-in-a-Hat finds them: their files lie where the relations say, below xl/."""
    with zipfile.ZipFile(path) as book:
        texts = [
            "".join(t.text or "" for t in item.iter(f"{RABBIT}t"))
            for item in ET.fromstring(book.read("xl/sharedStrings.xml")).iter(f"{RABBIT}si")
        ]
        links = {
            link.get("Id"): f"xl/{link.get('Target')}"
            for link in ET.fromstring(book.read("xl/_rels/workbook.xml.rels")).iter(f"{LINKS}Relationship")
        }
        places = {
            sheet.get("name", ""): links[sheet.get(f"{OFFICE}id")]
            for sheet in ET.fromstring(book.read("xl/workbook.xml")).iter(f"{RABBIT}sheet")
        }
        return {name: read_sheet(book.read(place), texts) for name, place in places.items()}


def read_sheet(data: bytes, texts: list[str]) -> list[list[str]]:
    rows = []
    for row in ET.fromstring(data).iter(f"{RABBIT}row"):
        cells: list[str] = []
        for cell in row.iter(f"{RABBIT}c"):
            letters = re.match("[A-Z]+", cell.get("r", ""))[0]  # type: ignore[index]
            at = sum((ord(letter) - 64) * 26**i for i, letter in enumerate(reversed(letters))) - 1
            cells += [""] * (at - len(cells))
            value = cell.findtext(f"{RABBIT}v", "")
            cells.append(texts[int(value)] if cell.get("t") == "s" else value)
        rows.append(cells)
    return rows


def test_rabbit_in_a_hat_finds_its_sheets_and_columns(settings: Settings, export: Path, tmp_path: Path) -> None:
    found = profiled(settings, export)
    write_workbook(found, tmp_path / "ScanReport.xlsx")
    book = read_workbook(tmp_path / "ScanReport.xlsx")
    assert list(book)[:2] == ["Field Overview", "Table Overview"]
    head, *fields = book["Field Overview"]
    assert head == [
        "Table", "Field", "Description", "Type", "Max length", "N rows", "N rows checked", "Fraction empty",
        "N unique values", "Fraction unique",
    ]  # fmt: skip
    assert {row[0] for row in fields} == {f.name for f in found.files}
    sheet = book["DIAG_HIST.txt"]
    at = sheet[0].index("PACT_TP_CD")
    assert sheet[0][at + 1] == "Frequency"
    assert sheet[1][at : at + 2] == ["O", str(found.files[2].column("PACT_TP_CD").values[0][1])]


def test_long_and_like_names_of_files_become_sheets_of_their_own(settings: Settings, tmp_path: Path) -> None:
    for end in ("_one", "_two"):
        write(tmp_path / "d", f"a_name_that_excel_would_cut_off_here{end}.csv", [["A", "B"], ["1", "2"]])
    names = table_names(profiled(settings, tmp_path / "d").files)
    assert len({n[:31].lower() for n in names}) == 2


def test_keys_and_joins_are_found_in_the_data(settings: Settings, export: Path) -> None:
    found = profiled(settings, export)
    files = {f.name: f for f in found.files}
    assert files["PACT_HIST.txt"].keys[0].columns == ("PACT_ID",)
    assert ("ORD_CD", "APLY_STRT_DT") in [k.columns for k in files["ORD_CD_MST.txt"].keys]
    joins = {(j.file, j.column, j.to_file, j.to_column) for j in found.joins}
    assert ("DIAG_HIST.txt", "PT_NO", "PT_INFO.txt", "PT_NO") in joins
    assert ("EXM_RSLT.txt", "EXM_CD", "ORD_CD_MST.txt", "ORD_CD") in joins, "a join across names"
    assert not [j for j in joins if j[0] == j[2]]


def test_joins_of_many_values_are_told_from_few_hashes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr(sets, "_KEPT", 500)
    write(tmp_path / "d", "master.csv", [["CODE"], *([f"C{i:06}"] for i in range(20_000))])
    rows = [[f"C{i * 7 % 20_000:06}" if i % 20 else f"D{i:06}", str(i)] for i in range(6_000)]
    write(tmp_path / "d", "orders.csv", [["ORDER", "SEQ"], *rows])
    join = next(j for j in profiled(settings, tmp_path / "d").joins if j.column == "ORDER")
    assert (join.to_file, join.to_column) == ("master.csv", "CODE")
    assert join.share == pytest.approx(0.95, abs=0.03)


def test_a_file_that_cannot_be_read_does_not_stop_the_others(settings: Settings, tmp_path: Path) -> None:
    write(tmp_path / "d", "good.csv", [["A", "B"], ["1", "2"]])
    (tmp_path / "d" / "empty.csv").write_bytes(b"")
    (tmp_path / "d" / "twice.csv").write_bytes(b"A,A\n1,2\n")
    problems = {f.name: f.problem for f in profiled(settings, tmp_path / "d").files}
    assert problems["good.csv"] is None
    assert "empty" in str(problems["empty.csv"]) and "twice" in str(problems["twice.csv"])


@pytest.fixture
def consortium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Mappings that hold what is shared, and nobody yet."""
    root = tmp_path / "mappings"
    (root / "shared").mkdir(parents=True)
    for name in ("clean.yaml", "maps", "layouts"):
        (root / "shared" / name).symlink_to(PROJECT / "mappings" / "shared" / name)
    for name, value in {
        "ETL_HOME": tmp_path / "home", "ETL_MAPPINGS": root, "ETL_EXPECTATIONS": tmp_path / "expectations",
        "ETL_THREADS": "2",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, str(value))
    return root


def test_a_known_layout_is_recognised_and_only_differences_are_drafted(export: Path, consortium: Path) -> None:
    result = CliRunner().invoke(app, ["new", "newcomer", str(export)])
    assert result.exit_code == 0, result.output
    assert "follows layout T" in result.output
    mapping = load_mappings(consortium, ["newcomer"])["newcomer"]
    assert mapping.hospital.layout == "T"
    assert mapping.sources["visits"].delimiter == "|"
    assert {p.name for p in (consortium / "newcomer").iterdir()} == {"hospital.yaml", "sources.yaml"}


def test_a_draft_of_an_unknown_layout_leaves_no_identifier_undeclared(export: Path, consortium: Path) -> None:
    (consortium / "shared" / "layouts").unlink()
    result = CliRunner().invoke(app, ["new", "newcomer", str(export), "--number", "9"])
    assert result.exit_code == 0, result.output
    sources = load_mappings(consortium, ["newcomer"])["newcomer"].sources
    lands = {
        c for s in sources.values() for c, d in s.declared.items()
        if d.identifier is None and d.entity is None and not d.scrub
    }  # fmt: skip
    assert not lands & {"PT_NO", "PT_NM", "RRN", "MTEL_NO", "ZIP_CD", "STF_NO", "STF_NM", "BIGO", "ORD_RMK", "RPT_CNTE"}
    assert sources["patients"].columns["PT_NO"].registers  # type: ignore[union-attr]
    assert all(s.encoding == "cp949" for s in sources.values()), "a file of ASCII tonight may hold Hangul tomorrow"


def test_a_draft_never_overwrites(export: Path, consortium: Path) -> None:
    (consortium / "newcomer").mkdir()
    result = CliRunner().invoke(app, ["new", "newcomer", str(export)])
    assert result.exit_code == 2 and "is there already" in result.output
    assert not list((consortium / "newcomer").iterdir())


def test_what_is_not_recognised_is_left_to_a_person(tmp_path: Path, consortium: Path) -> None:
    write(tmp_path / "d", "ZZZ_20260101.csv", [["Q", "W"], *([f"x{i}", "a"] for i in range(30))])
    result = CliRunner().invoke(app, ["new", "newcomer", str(tmp_path / "d")])
    assert result.exit_code == 0, result.output
    source = load_mappings(consortium, ["newcomer"])["newcomer"].sources["zzz"]
    assert source.file == "ZZZ_*.csv" and source.unused
    assert "check:" in (consortium / "newcomer" / "sources.yaml").read_text(encoding="utf-8")


def test_of_a_file_with_names_nothing_unknown_is_shown(settings: Settings, tmp_path: Path) -> None:
    """A column that no rule recognises, in whose file people are named: written so, and no value of it."""
    called = [f"{family}{given}" for family in "김이박최정강조윤장임" for given in ("민준", "서연", "지우")]
    rows = [
        [call, f"NICK{i % 25:02}x", ("IM", "GS")[i % 2], ("M", "F")[i % 2], str(i % 90)]
        for i, call in enumerate(called * 10)
    ]
    write(tmp_path, "VISIT.csv", [["KOR_NM", "ALIAS", "DEPT", "SEX", "AGE"], *rows])
    [file] = profiled(settings, tmp_path).files
    hidden = file.column("ALIAS").hidden
    assert hidden is not None
    assert hidden.kind == "people"
    assert not file.column("ALIAS").values
    assert file.column("ALIAS").classes[0][0].startswith("A")
    assert [value for value, _ in file.column("DEPT").values] == ["GS", "IM"]
    assert file.column("SEX").values


def test_a_first_line_that_stands_in_its_columns_again_is_a_row(settings: Settings, tmp_path: Path) -> None:
    write(
        tmp_path,
        "PAT.csv",
        [["A1x", "가나다", "M"], ["B2x", "라마바", "F"], ["C3x", "사아자", "M"], ["D4x", "차카타", "M"]],
    )
    [file] = profiled(settings, tmp_path).files
    assert file.problem == "PAT.csv, line 1: holds data, not the names of columns"
    assert not file.columns
