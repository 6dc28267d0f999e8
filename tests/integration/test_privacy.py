"""No name, registration, telephone or record number of a patient is anywhere but in the delivery itself."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import histories
import pytest
import tiny
import yaml
from histories import Night
from planted import found
from processes import Death, start
from pydantic import SecretStr
from tiny import Tiny

from etl.errors import InputError
from etl.mapping.language.contract import Source
from etl.mapping.load import load_mappings
from etl.night.delivery import open_delivery
from etl.night.land.contract import open_source
from etl.night.land.decode import as_utf8
from etl.night.land.read import relation
from etl.night.pipeline import STAGES
from etl.sample.generate import write_exports
from etl.settings import Settings
from etl.sql import quote

NAME, NUMBER, RRN, PHONE = "홍길순전", "73910461", "830402-2345671", "010-5824-9137"
BARE_RRN, SPACED_PHONE, LANDLINE = RRN.replace("-", ""), PHONE.replace("-", " "), "02-873-9164"
PLANTED = (NAME, NUMBER, RRN, PHONE, BARE_RRN, SPACED_PHONE, LANDLINE, "몰래쓴메모")


@pytest.fixture
def planted(hospital: Tiny) -> Tiny:
    """The hospital with a patient whose identifiers stand where they should and where they should not."""
    hospital.tables["PAT.csv"].append([NUMBER, NAME, RRN, PHONE, "F", "1983-04-02", ""])
    memo = f"{NAME}({NUMBER}) {RRN}/{BARE_RRN}, call {PHONE}, {SPACED_PHONE} or {LANDLINE}"
    hospital.tables["ADM.csv"].append(["A09", NUMBER, "O", "2026-06-09 10:00", "", "IM", memo])
    for i, nobody in enumerate(("", "99999998")):  # rows whose patient is missing or unknown may name one all the same
        hospital.tables["ADM.csv"].append([f"A1{i}", nobody, "O", "2026-06-09 10:00", "", "IM", memo])
    hospital.tables["LAB.csv"].append([NUMBER, "A09", "L001", "2026-06-09 10:00", f"see {NAME} {PHONE}", "g/dL"])
    for i, row in enumerate(hospital.tables["DIAG.csv"]):
        row.append("NOTE" if i == 0 else f"몰래쓴메모 {NAME} {RRN}")  # a column that the contract does not have
    return hospital


def places(hospital: Tiny) -> list[Path]:
    """Every folder that a run writes into."""
    home = hospital.settings.home
    given = (hospital.drops, hospital.settings.mappings, hospital.settings.vocabularies)
    return [p for p in home.iterdir() if p.is_dir() and p not in given]


def everything(hospital: Tiny, log: Path) -> dict[str, list[str]]:
    """Planted values in all that the run has left, the ledger and the logs included."""
    home = hospital.settings.home
    found_in = found(PLANTED, [*places(hospital), log])
    files = [f for f in home.iterdir() if f.is_file()]
    assert {"ledger.sqlite"} <= {f.name for f in files}
    for file in files:
        content = file.read_bytes()
        hits = [v for v in PLANTED if v.encode() in content or v.encode("cp949") in content]
        if hits:
            found_in[file.name] = hits
    return found_in


def test_the_delivery_itself_holds_every_planted_value(planted: Tiny) -> None:
    """What is looked for can be found: otherwise the tests below would prove nothing."""
    hits = found(PLANTED, [planted.deliver()])
    assert {v for values in hits.values() for v in values} == set(PLANTED)


def test_a_night_leaves_no_planted_value_anywhere(planted: Tiny, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    command = start(planted, "run", "tiny", str(planted.deliver()), log=log / "run.log")
    assert command.exit_code() == 0, command.output
    assert everything(planted, log) == {}
    cells = {cell for row in tiny.warehouse_rows(planted.settings)["observation"] for cell in row}
    assert "***(***) ***/***, call ***, *** or ***" in cells


def test_what_lands_as_it_is_would_be_found(planted: Tiny, tmp_path: Path) -> None:
    """The search sees into the lake's and the warehouse's Parquet files."""
    planted.rewrite(
        "sources.yaml", "MEMO: {scrub: true, optional: true}", "MEMO: {not_a_person: said so, optional: true}"
    )
    log = tmp_path / "log"
    log.mkdir()
    command = start(planted, "run", "tiny", str(planted.deliver()), log=log / "run.log")
    assert command.exit_code() == 0, command.output
    hits = everything(planted, log)
    assert any(file.startswith("1_landed") for file in hits)
    assert any(file.startswith("data/tiny") for file in hits)


def test_the_names_and_numbers_of_others_are_blanked_too(hospital: Tiny) -> None:
    rows = [
        ("A91", "70001", "mother 마바사아 70002"),
        ("A92", "70001", "+82-10-1234-5678 (02)123-4567 010 - 1234 - 5678"),
        ("A93", "70001", "900101–1234567 ９００１０１－１２３４５６７ 900101 - 1234567"),
        ("A94", "70001", "자차 카타님과 통화"),
        ("A95", "99999", "홍길순전 not registered"),
    ]
    hospital.tables["ADM.csv"] += [[a, p, "O", "2026-06-09 10:00", "", "IM", memo] for a, p, memo in rows]
    landed = {row["ADM_NO"]: row["MEMO"] for row in tiny.landed(hospital.through("land"), "visits")}
    assert [landed[a] for a, _, _ in rows] == ["mother *** ***", "*** *** ***", "*** *** ***", "***님과 통화", "***"]


@pytest.mark.parametrize(
    "written",
    [
        "홍길순전 900101-1234567",
        "９００１０１－１２３４５６７",
        "call 010-1234-5678",
        "+82 10 1234 5678",
        "ask hong@example.org",
    ],
)
def test_the_name_of_a_code_that_identifies_somebody_stops_the_night(hospital: Tiny, written: str) -> None:
    hospital.tables["DIAG.csv"].append(["70001", "A01", "X77.1", written, "20260601", "N"])
    with pytest.raises(InputError, match=r"source 'diagnoses': column 'DIAG_NM' holds .* in 1 row") as raised:
        hospital.through("land")
    assert "sources.diagnoses.columns.DIAG_NM say `scrub: true`" in str(raised.value.hint)
    assert written not in f"{raised.value}{raised.value.hint}"
    assert not found({written}, [hospital.settings.home / "lake"])


def test_a_night_of_changes_knows_the_names_of_all_nights_before(hospital: Tiny) -> None:
    histories.make_delta(hospital)
    file = hospital.mappings / "sources.yaml"
    said = yaml.safe_load(file.read_text(encoding="utf-8"))
    said["sources"]["visits"]["columns"]["MEMO"] = {"scrub": True}
    file.write_text(yaml.safe_dump(said, allow_unicode=True), encoding="utf-8")
    people = [(f"7000{i}", name, "", "", "F", "1988-02-29", "", "N") for i, name in ((1, "가나다"), (2, "라마바"))]
    first = Night(1, whole=False, rows={"PAT": people}, gone={}, master=None)
    memos = {"A01": ("70001", "라마바님의 딸, 70002"), "A02": ("70009", "아무개 70009")}
    stays = [(a, p, "I", "2026-06-28 09:00", "", "IM", memo, "N") for a, (p, memo) in memos.items()]
    for number, night in enumerate((first, Night(2, whole=False, rows={"ADM": stays}, gone={}, master=None))):
        run = hospital.through("land", folder=histories.write(hospital.drops, number, night))
    landed = {row["ADM_NO"]: row["MEMO"] for row in tiny.landed(run, "visits")}
    assert landed == {"A01": "***님의 딸, ***", "A02": "***"}  # of 70009 no row ever came


@pytest.mark.parametrize("stage", [s.name for s in STAGES][:3])
def test_a_killed_run_leaves_no_planted_value(planted: Tiny, tmp_path: Path, stage: str) -> None:
    log = tmp_path / "log"
    log.mkdir()
    folder = planted.deliver()
    codes = []
    for calls in (30, 120, 400):
        command = start(
            planted, "run", "tiny", str(folder), log=log / f"{calls}.log", death=Death(stage, 0.5, 2 * calls)
        )
        codes.append(command.exit_code())
        assert everything(planted, log) == {}
    assert -signal.SIGKILL in codes
    assert set(codes) <= {0, -signal.SIGKILL}


def test_a_night_that_fails_leaves_no_planted_value(planted: Tiny, tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    planted.tables["LAB.csv"][1:3] = [[NUMBER, NAME], [RRN, PHONE, BARE_RRN]]
    command = start(planted, "run", "tiny", str(planted.deliver()), log=log / "run.log")
    assert command.exit_code() == 3, command.output
    assert everything(planted, log) == {}


def identifiers(con: duckdb.DuckDBPyConnection, settings: Settings, hospital: str, folder: Path) -> Iterator[str]:
    """Every direct identifier that a delivery holds, read through the hospital's own contract."""
    delivery = open_delivery(hospital, folder)
    for name, source in load_mappings(settings.mappings, [hospital])[hospital].sources.items():
        for file in open_source(name, source, delivery):
            wanted = [file.raw[c] for c in _direct(source) if c in file.raw]
            with as_utf8(file.file.path, source.encoding) as path:
                read = relation(source, file, path, None)
                columns = ", ".join(f"list_distinct(list(trim({quote(c)})))" for c in wanted) or "[]"
                for values in con.execute(f"select {columns} from {read}").fetchone() or ():
                    yield from (v for v in values or () if v and len(v) >= 3)


def _direct(source: Source) -> list[str]:
    return [n for n, c in source.columns.items() if c and c.identifier in ("person", "name", "rrn", "phone")]


@pytest.mark.parametrize("name", ["snuh"])
def test_a_sample_hospital_leaves_no_identifier(name: str, vocabulary: Path, tmp_path: Path) -> None:
    home, log = tmp_path / "home", tmp_path / "log"
    log.mkdir()
    home.mkdir()
    (home / "vocabulary").symlink_to(vocabulary)
    write_exports(tmp_path / "exports", hospitals=[name], patients=60, seed=3, night=date(2026, 7, 1))
    settings = Settings(home=home, key_secret=SecretStr(tiny.SECRET), _env_file=None)
    [folder] = (tmp_path / "exports" / name).iterdir()
    with duckdb.connect() as con:
        values = set(identifiers(con, settings, name, folder))
    assert len(values) > 60 * 3
    assert found(values, [folder])

    command = start(Tiny(settings, {}, folder), "run", name, str(folder), log=log / "run.log")
    assert command.exit_code() == 0, command.output
    left = [p for p in home.iterdir() if p.is_dir() and not p.is_symlink()]
    assert found(values, [*left, log]) == {}
    content = (home / "ledger.sqlite").read_bytes().decode("utf-8", "replace")
    assert [v for v in values if len(v) >= 6 and v in content] == []
