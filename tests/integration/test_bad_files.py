"""Files that are missing, cut or damaged: refused with file, line and column, or landed with exact rejects."""

from __future__ import annotations

import hashlib
import json
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny
from tiny import Tiny

from etl.errors import InputError
from etl.night.delivery import open_delivery
from etl.night.pipeline import run_stage, stage_by_name
from etl.night.remember import delivery_of, run_file

MANY = 120_000
HEADER = b"PT_NO,ADM_NO,EXM_CD,EXM_DTM,RESULT,UNIT\n"


def lab_line(number: int) -> bytes:
    """A good row of the results, different for every number."""
    return b"7000%d,A01,L001,2026-06-01 09:10,%d.5,g/dL\n" % (number % 6 + 1, number)


def refused(hospital: Tiny, **raw: bytes | None) -> str:
    """The message of the InputError that stops the delivery while it lands; nothing is published."""
    with pytest.raises(InputError) as caught:
        hospital.mapped(**raw)
    assert caught.value.exit_code == 3
    assert tiny.nothing_published(hospital.settings)
    return caught.value.message


def with_column(hospital: Tiny, file: str, old: str, new: str) -> bytes:
    """A file whose header has been changed."""
    encoding = tiny.ENCODINGS.get(file, "utf-8")
    header, rest = hospital.raw(file).split(b"\n", 1)
    return header.replace(old.encode(encoding), new.encode(encoding)) + b"\n" + rest


def test_a_missing_file_is_named(hospital: Tiny) -> None:
    message = refused(hospital, LAB=None)
    assert "LAB.csv is missing from the delivery of tiny" in message
    assert "'results'" in message


def test_a_delivery_without_any_file_is_refused(hospital: Tiny) -> None:
    empty = hospital.drops / "2026-07-01"
    empty.mkdir(parents=True)
    with pytest.raises(InputError, match="is empty"):
        hospital.through("land", folder=empty)


def test_a_folder_of_nights_is_told_from_an_empty_one(hospital: Tiny) -> None:
    nights = [hospital.deliver(tiny.NIGHT + timedelta(days=n)) for n in (0, 40, 2)]
    (hospital.drops / ".2026-09-01.partial").mkdir()
    with pytest.raises(InputError, match=r"holds nights \(3\)") as caught:
        hospital.through("land", folder=hospital.drops)
    assert caught.value.hint is not None
    assert caught.value.hint.endswith(f"etl run tiny {nights[1]}")


def test_a_file_is_no_delivery(hospital: Tiny) -> None:
    with pytest.raises(InputError, match=r"LAB\.csv is a file; a delivery is a folder"):
        hospital.through("land", folder=hospital.deliver() / "LAB.csv")


@pytest.mark.parametrize("name", ["2026-07-01", "20260701"])
def test_the_night_and_the_name_of_the_folder_must_not_differ(hospital: Tiny, name: str) -> None:
    folder = hospital.deliver().rename(hospital.drops / name)
    with pytest.raises(InputError, match=r"is of 2026-07-01, --night says 2026-07-02") as caught:
        open_delivery("tiny", folder, date(2026, 7, 2))
    assert "leave --night away" in str(caught.value)
    assert open_delivery("tiny", folder, date(2026, 7, 1)).night == open_delivery("tiny", folder).night


@pytest.mark.parametrize("name", ["resent", "resent-20260705", "99999999"])
def test_a_folder_of_another_name_is_of_the_night_that_is_given(hospital: Tiny, name: str) -> None:
    folder = hospital.deliver().rename(hospital.drops / name)
    assert open_delivery("tiny", folder, date(2026, 7, 2)).night == date(2026, 7, 2)


def test_a_missing_column_is_named_with_file_and_line(hospital: Tiny) -> None:
    for row in hospital.tables["DIAG.csv"]:
        del row[4]
    assert "DIAG.csv, line 1: column 'DIAG_DD' is missing" in refused(hospital)


def test_a_renamed_column_is_named_with_the_place_of_the_name_that_is_near(hospital: Tiny) -> None:
    message = refused(hospital, LAB=with_column(hospital, "LAB.csv", "EXM_DTM", "EXM_DTTM"))
    assert "LAB.csv, line 1: column 'EXM_DTM' is missing; column 4 is called nearly so" in message
    assert "EXM_DTTM" not in message


def test_a_column_under_its_alias_lands_under_its_name(hospital: Tiny) -> None:
    run = hospital.mapped(DIAG=with_column(hospital, "DIAG.csv", "DIAG_CD", "DX_CD"))
    assert {row["DIAG_CD"] for row in tiny.landed(run, "diagnoses")} >= {"I10.9", "E11.21"}


def test_a_doubled_column_is_named(hospital: Tiny) -> None:
    message = refused(hospital, LAB=with_column(hospital, "LAB.csv", "UNIT", "RESULT"))
    assert "LAB.csv, line 1: column 'RESULT' is there twice, first as number 5" in message


def test_an_extra_column_does_not_land(hospital: Tiny) -> None:
    for i, row in enumerate(hospital.tables["LAB.csv"]):
        row.insert(2, "DOCTOR_NOTE" if i == 0 else "undeclared text")
    run = hospital.mapped()
    assert all("DOCTOR_NOTE" not in row for row in tiny.landed(run, "results"))
    assert tiny.account(run, "results") == {"mapped": 8}


def test_a_cp949_file_declared_utf8_is_refused_and_told_its_encoding(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: DIAG.csv\n    encoding: cp949", "file: DIAG.csv\n    encoding: utf-8")
    message = refused(hospital)
    assert "DIAG.csv, line 2" in message
    assert "does not read as utf-8; it reads as cp949" in message


def test_a_utf8_file_declared_cp949_is_refused_and_told_its_encoding(hospital: Tiny) -> None:
    message = refused(hospital, DIAG=hospital.raw("DIAG.csv").decode("cp949").encode())
    assert "DIAG.csv, line 2" in message
    assert "does not read as cp949; it reads as utf-8" in message


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_one_undecodable_byte_in_a_large_file_costs_one_row(hospital: Tiny, encoding: str) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", f"file: LAB.csv\n    encoding: {encoding}")
    lines = [lab_line(n) for n in range(MANY)]
    bad = 77_777
    lines[bad] = lines[bad].replace(b".5", b".\xff5")
    run = hospital.mapped(LAB=HEADER + b"".join(lines))

    assert tiny.rejected(run) == [("LAB.csv", bad + 2, "undecodable")]
    values = {row["RESULT"] for row in tiny.landed(run, "results")}
    assert values == {f"{n}.5" for n in range(MANY) if n != bad}
    assert tiny.account(run, "results") == {"rejected:undecodable": 1, "mapped": MANY - 1}
    tiny.assert_adds_up(run, {"results": MANY})


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(b"70001,A01,L001,2026-06-01\n", "short_row"), (b"70001,A01,L001,2026-06-01,1,2,3,4\n", "long_row")],
)
def test_a_row_of_the_wrong_length_is_rejected_by_line(hospital: Tiny, bad: bytes, reason: str) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[200] = bad
    run = hospital.mapped(LAB=HEADER + b"".join(lines))

    assert tiny.rejected(run) == [("LAB.csv", 202, reason)]
    assert tiny.account(run, "results") == {f"rejected:{reason}": 1, "mapped": 399}
    tiny.assert_adds_up(run, {"results": 400})


def test_too_many_bad_rows_refuse_the_file(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(100)]
    lines[10] = lines[20] = b"70001,A01\n"
    message = refused(hospital, LAB=HEADER + b"".join(lines))
    assert "LAB.csv, line 12: 2 of 100 rows cannot be read (the first: short_row)" in message


def test_a_wrong_delimiter_is_refused(hospital: Tiny) -> None:
    message = refused(hospital, LAB=hospital.raw("LAB.csv").replace(b",", b"|"))
    assert "LAB.csv, line 1: column 'PT_NO' is missing" in message


@pytest.mark.parametrize("position", [0, 200, 398], ids=["begin", "middle", "end"])
@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_an_unterminated_quote_never_swallows_rows_silently(hospital: Tiny, position: int, encoding: str) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", f"file: LAB.csv\n    encoding: {encoding}")
    lines = [lab_line(n) for n in range(400)]
    lines[position] = b'70001,A01,L001,2026-06-01 09:10,"1.0,g/dL\n'
    message = refused(hospital, LAB=HEADER + b"".join(lines))
    assert f"LAB.csv, line {position + 2}" in message


def test_an_unterminated_quote_in_the_last_row_costs_that_row(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[399] = b'70001,A01,L001,2026-06-01 09:10,"1.0,g/dL\n'
    run = hospital.mapped(LAB=HEADER + b"".join(lines))
    assert tiny.rejected(run) == [("LAB.csv", 401, "bad_quote")]
    tiny.assert_adds_up(run, {"results": 400})


def test_an_unterminated_quote_after_a_spanning_field_is_named_itself(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[10] = lines[10].replace(b"g/dL", b'"g\n/dL"')
    lines[200] = b'70001,A01,L001,2026-06-01 09:10,"1.0,g/dL\n'
    assert "LAB.csv, line 203: 401 lines" in refused(hospital, LAB=HEADER + b"".join(lines))


def test_a_rejected_row_may_span_lines(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[200] = b'70001,A01,"L\n001"\n'
    lines[300] = b"70001\n"
    run = hospital.mapped(LAB=HEADER + b"".join(lines))
    assert tiny.rejected(run) == [("LAB.csv", 202, "short_row"), ("LAB.csv", 303, "short_row")]
    tiny.assert_adds_up(run, {"results": 400})


def test_a_stray_quote_inside_a_field_costs_at_most_its_row(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[200] = b'70001,A01,L001,2026-06-01 09:10,"5" tall",g/dL\n'
    run = hospital.mapped(LAB=HEADER + b"".join(lines))
    assert tiny.rejected(run) == [("LAB.csv", 202, "bad_quote")]
    tiny.assert_adds_up(run, {"results": 400})


def test_patients_behind_a_stray_quote_are_registered(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: PAT.csv", "file: PAT.csv\n    max_rejected: 0.5")
    run = hospital.mapped(PAT=hospital.raw("PAT.csv").replace(b",450101", b',"x"450101', 1))
    assert tiny.rejected(run) == [("PAT.csv", 2, "bad_quote")]
    assert len(tiny.mapped_rows(run, "person")) == len(hospital.tables["PAT.csv"]) - 2


def test_an_empty_file_is_refused(hospital: Tiny) -> None:
    assert "LAB.csv is empty: not even a header" in refused(hospital, LAB=b"")


@pytest.mark.parametrize("header", [HEADER, HEADER.replace(b"\n", b"\r\n")], ids=["lf", "crlf"])
def test_a_file_with_a_header_only_has_no_rows(hospital: Tiny, header: bytes) -> None:
    run = hospital.mapped(LAB=header)
    assert tiny.account(run, "results") == {}
    tiny.assert_adds_up(run, {"results": 0})


def test_a_byte_order_mark_is_not_part_of_the_first_column(hospital: Tiny) -> None:
    run = hospital.mapped(LAB=b"\xef\xbb\xbf" + hospital.raw("LAB.csv"))
    assert tiny.account(run, "results") == {"mapped": 8}


def test_a_byte_order_mark_before_a_quoted_header_is_not_part_of_it(hospital: Tiny) -> None:
    header, rest = hospital.raw("LAB.csv").split(b"\n", 1)
    quoted = b",".join(b'"%s"' % name for name in header.split(b","))
    run = hospital.mapped(LAB=b"\xef\xbb\xbf" + quoted + b"\n" + rest)
    assert tiny.account(run, "results") == {"mapped": 8}


@pytest.mark.parametrize("file", ["LAB", "DIAG"])
def test_windows_line_ends_do_not_reach_the_values(hospital: Tiny, file: str) -> None:
    source = {"LAB": "results", "DIAG": "diagnoses"}[file]
    plain = tiny.landed(hospital.mapped(), source)
    crlf = hospital.raw(f"{file}.csv").replace(b"\n", b"\r\n")
    assert tiny.landed(hospital.mapped(**{file: crlf}), source) == plain


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
@pytest.mark.parametrize(
    ("old", "new"), [(b"g/dL\n", b"g/dL\r\n"), (b"g/dL\n", b"g\r/dL\n")], ids=["crlf", "carriage return"]
)
def test_mixed_line_ends_are_refused_by_line(hospital: Tiny, encoding: str, old: bytes, new: bytes) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", f"file: LAB.csv\n    encoding: {encoding}")
    lines = [lab_line(n) for n in range(400)]
    lines[10] = lines[10].replace(b"g/dL", b'"g\r\n/dL"')  # inside a quoted field anything may stand
    lines[100] = lines[100].replace(old, new)
    message = refused(hospital, LAB=HEADER + b"".join(lines))
    assert "LAB.csv, line 103: ends otherwise than the header's line" in message


def test_a_quoted_field_may_span_lines(hospital: Tiny) -> None:
    hospital.tables["ADM.csv"][3][6] = 'line one\nline "two", with a comma\n\nline four'
    run = hospital.mapped()
    assert tiny.landed(run, "visits")[2]["MEMO"] == 'line one\nline "two", with a comma\n\nline four'
    assert tiny.account(run, "visits") == {"mapped": 8}


def test_rows_after_a_spanning_field_keep_their_line_numbers(hospital: Tiny) -> None:
    rows = [b"A%05d,70001,O,2026-06-02,,IM,ok\n" % n for n in range(300)]
    rows[10] = b'A00010,70001,O,2026-06-02,,IM,"one\ntwo\nthree"\n'
    rows[20] = b"A00020,70001,O\n"
    run = hospital.mapped(ADM=b"ADM_NO,PT_NO,KIND,IN_DTM,OUT_DTM,DEPT,MEMO\n" + b"".join(rows))
    assert tiny.rejected(run) == [("ADM.csv", 24, "short_row")]


def test_blank_lines_are_no_rows(hospital: Tiny) -> None:
    lines = hospital.raw("LAB.csv").splitlines(keepends=True)
    run = hospital.mapped(LAB=b"".join([*lines[:4], b"\n", *lines[4:], b"\n"]))
    assert tiny.account(run, "results") == {"mapped": 8}
    tiny.assert_adds_up(run, {"results": 8})


def test_a_file_cut_in_a_row_is_refused(hospital: Tiny) -> None:
    whole = hospital.raw("LAB.csv")
    cut = whole[: whole.rindex(b",L001")]
    message = refused(hospital, LAB=cut)
    assert "LAB.csv, line 9: the last line has no end; the file was cut in the middle" in message


def test_a_file_cut_in_the_last_field_is_refused(hospital: Tiny) -> None:
    message = refused(hospital, LAB=hospital.raw("LAB.csv")[:-3])
    assert "LAB.csv, line 9: the last line has no end" in message


def test_an_export_that_never_ends_its_last_line_can_say_so(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.csv\n    final_newline: false")
    run = hospital.mapped(LAB=hospital.raw("LAB.csv")[:-1])
    assert tiny.account(run, "results") == {"mapped": 8}


@pytest.mark.parametrize("kind", ["cut", "missing", "changed"])
def test_the_manifest_knows_better(hospital: Tiny, kind: str) -> None:
    folder = hospital.deliver()
    sizes = {f.name: f.stat().st_size for f in folder.iterdir()}
    (folder / "manifest.csv").write_text(
        "file,bytes,rows\n" + "".join(f"{n},{size},0\n" for n, size in sizes.items()), encoding="utf-8"
    )
    lab = folder / "LAB.csv"
    if kind == "cut":  # at a line end: nothing else could notice
        lab.write_bytes(b"".join(lab.read_bytes().splitlines(keepends=True)[:-2]))
    elif kind == "missing":
        lab.unlink()
    else:
        lab.write_bytes(lab.read_bytes() + b"\n")
    with pytest.raises(InputError, match=r"LAB\.csv") as caught:
        hospital.through("land", folder=folder)
    assert "manifest" in caught.value.message
    assert tiny.nothing_published(hospital.settings)


@pytest.mark.parametrize("text", ["name,size\nLAB.csv,1\n", "file,bytes,rows\nLAB.csv,much,8\n", "\udcff"])
def test_a_broken_manifest_is_an_input_error(hospital: Tiny, text: str) -> None:
    folder = hospital.deliver()
    (folder / "manifest.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=r"manifest\.csv"):
        hospital.through("land", folder=folder)


def with_manifest(folder: Path, **rows: int | str) -> Path:
    """The delivery with a manifest that promises rows of some of its files; `LAB=8` speaks of LAB.*."""
    files = sorted(f for f in folder.iterdir() if f.name != "manifest.csv")
    lines = [f"{f.name},{f.stat().st_size},{rows.get(f.stem, '')}\n" for f in files]
    (folder / "manifest.csv").write_text("file,bytes,rows\n" + "".join(lines), encoding="utf-8")
    return folder


def refused_as_promised(hospital: Tiny, folder: Path, **rows: int | str) -> InputError:
    """The InputError that stops a delivery with such a manifest when it lands."""
    run = hospital.through(folder=with_manifest(folder, **rows))
    with pytest.raises(InputError) as caught:
        run_stage(run, stage_by_name("land"))
    assert tiny.nothing_published(hospital.settings)
    return caught.value


def swallowing(lines: list[bytes]) -> bytes:
    """Two quotes that nobody closed or opened: all between them reads as one field, and no line is missing."""
    first, last = lines[1].rstrip(b"\n").rsplit(b",", 1), lines[5].rstrip(b"\n").rsplit(b",", 1)
    return b"".join([lines[0], first[0] + b',"' + first[1] + b"\n", *lines[2:5], last[0] + b"," + last[1] + b'"\n'])


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_rows_that_a_quote_has_swallowed_are_missed(hospital: Tiny, encoding: str) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", f"file: LAB.csv\n    encoding: {encoding}")
    lab = swallowing([HEADER, *(lab_line(n) for n in range(5))])
    silent = hospital.mapped(LAB=lab)
    assert len(tiny.landed(silent, "results")) == 1  # without a manifest nothing can notice
    error = refused_as_promised(hospital, hospital.deliver(LAB=lab), LAB=5)
    assert error.message == "LAB.csv: the manifest promises 5 rows, 1 were read"
    assert error.hint is not None
    assert "a quote that is not closed" in error.hint
    assert "deliver the file and its manifest again" in error.hint


@pytest.mark.parametrize("promised", [399, 400, 401])
def test_rejected_rows_are_among_those_promised(hospital: Tiny, promised: int) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[200] = b'70001,A01,"L\n001"\n'
    lines[300] = b"70001\n"
    folder = hospital.deliver(LAB=HEADER + b"".join(lines))
    if promised != 400:
        error = refused_as_promised(hospital, folder, LAB=promised)
        assert error.message == f"LAB.csv: the manifest promises {promised} rows, 400 were read"
        assert ("quote" in str(error)) == (promised > 400)  # rows too many were swallowed by nothing
        return
    run = hospital.through("land", folder=with_manifest(folder, LAB=400))
    assert len(tiny.rejected(run)) == 2


@pytest.mark.parametrize("promised", [7, 8])
def test_rows_of_a_parquet_file_are_promised_too(hospital: Tiny, promised: int) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.parquet\n    format: parquet")
    header, *rows = hospital.tables["LAB.csv"]
    folder = hospital.deliver(LAB=None)
    columns = zip(header, zip(*rows, strict=True), strict=True)
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns}), folder / "LAB.parquet")
    if promised == 8:
        hospital.through("land", folder=with_manifest(folder, LAB=8))
        return
    error = refused_as_promised(hospital, folder, LAB=promised)
    assert error.message == "LAB.parquet: the manifest promises 7 rows, 8 were read"
    assert "quote" not in str(error)


def test_rows_that_nobody_promised_are_not_counted(hospital: Tiny) -> None:
    folder = hospital.deliver()
    (folder / "NOTES.csv").write_text("a\n1\n", encoding="utf-8")  # no source reads it
    hospital.through("land", folder=with_manifest(folder, NOTES=99, LAB=" "))
    sizes = "".join(f"{f.name},{f.stat().st_size}\n" for f in folder.glob("[A-Z]*"))
    (folder / "manifest.csv").write_text("file,bytes\n" + sizes, encoding="utf-8")
    hospital.through("land", folder=folder)
    (folder / "manifest.csv").write_text("file,bytes,rows\n" + sizes, encoding="utf-8")  # lines that end early
    hospital.through("land", folder=folder)


@pytest.mark.parametrize("promised", ["many", "-8", "8.0", "1_0"])
def test_promised_rows_that_are_no_number_are_named_by_line(hospital: Tiny, promised: str) -> None:
    folder = with_manifest(hospital.deliver(), LAB=promised)
    names = [line.split(",")[0] for line in (folder / "manifest.csv").read_text(encoding="utf-8").splitlines()]
    line = names.index("LAB.csv") + 1
    with pytest.raises(InputError, match=rf"manifest\.csv, line {line}: `rows` of LAB\.csv is no number"):
        hospital.through(folder=folder)


def test_a_run_remembers_what_was_promised(hospital: Tiny) -> None:
    run = hospital.through(folder=with_manifest(hospital.deliver(), LAB=8))
    assert delivery_of(hospital.settings, run.run_id) == run.delivery
    assert run.delivery.files["LAB.csv"].rows == 8
    file = run_file(hospital.settings, run.run_id)
    said = json.loads(file.read_text(encoding="utf-8"))
    for one in said["files"]:
        del one["rows"]  # as runs were remembered before
    file.write_text(json.dumps(said), encoding="utf-8")
    assert delivery_of(hospital.settings, run.run_id).files["LAB.csv"].rows is None


def test_a_file_that_is_no_parquet_is_refused(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", "file: LAB.csv\n    format: parquet")
    assert "LAB.csv is no readable Parquet file" in refused(hospital)


def test_a_nul_byte_costs_at_most_its_row(hospital: Tiny) -> None:
    lines = [lab_line(n) for n in range(400)]
    lines[200] = lines[200].replace(b".5", b".\x005")
    run = hospital.mapped(LAB=HEADER + b"".join(lines))
    tiny.assert_adds_up(run, {"results": 400})


def test_two_files_of_one_source_are_read_as_one(hospital: Tiny) -> None:
    hospital.rewrite("sources.yaml", "file: LAB.csv", 'file: "LAB*.csv"')
    rows = hospital.tables["LAB.csv"]
    hospital.tables["LAB_2.csv"] = [rows[0], *rows[5:]]
    del rows[5:]
    run = hospital.mapped()
    assert tiny.account(run, "results") == {"mapped": 8}
    tiny.assert_adds_up(run, {"results": 8})


def test_a_delivery_is_identified_by_its_content(hospital: Tiny) -> None:
    first = hospital.through()
    again = hospital.through()
    hospital.tables["LAB.csv"][1][4] = "11.3"
    changed = hospital.through()
    assert first.run_id == again.run_id != changed.run_id
    sha = hashlib.sha256(hospital.raw("LAB.csv")).hexdigest()
    assert changed.delivery.files["LAB.csv"].sha256 == sha
