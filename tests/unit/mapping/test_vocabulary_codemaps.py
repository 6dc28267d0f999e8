"""Code maps in files: what Usagi saves and source_to_concept_map, read as rows, with file and line of what is wrong."""

from __future__ import annotations

import os
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from etl.errors import Problem
from etl.mapping.language.codemaps import CodeMap, MapRows
from etl.mapping.language.places import Place
from etl.mapping.read.codemaps import read_rows, written_rows

DATA = Path(os.environ.get("ETL_TEST_DATA", Path(__file__).resolve().parents[4] / "shared" / "data"))
HEADER = (
    "sourceCode,sourceName,sourceFrequency,sourceAutoAssignedConceptIds,matchScore,mappingStatus,conceptId,"
    "mappingType,comment\n"
)
TABLE_HEADER = (
    "source_code,source_concept_id,source_vocabulary_id,source_code_description,target_concept_id,"
    "target_vocabulary_id,valid_start_date,valid_end_date,invalid_reason\n"
)


def read(folder: Path, content: str | bytes, **said: str) -> tuple[MapRows | None, list[Problem]]:
    (folder / "map.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_rows(CodeMap.model_validate(said), folder, folder)


def rows(found: tuple[MapRows | None, list[Problem]], *columns: str) -> list[tuple[object, ...]]:
    assert found[1] == []
    assert found[0] is not None
    return list(zip(*(found[0].rows[c].to_pylist() for c in columns), strict=True))


def usagi(folder: Path, *lines: str) -> tuple[MapRows | None, list[Problem]]:
    return read(folder, HEADER + "".join(f"{line}\n" for line in lines), usagi="map.csv")


def table(folder: Path, *lines: str, **said: str) -> tuple[MapRows | None, list[Problem]]:
    content = TABLE_HEADER + "".join(f"{line}\n" for line in lines)
    return read(folder, content, source_to_concept_map="map.csv", **said)


def test_only_approved_rows_count_and_the_others_are_counted_by_their_state(tmp_path: Path) -> None:
    found = usagi(
        tmp_path, "A,a,1,,0.9,APPROVED,1,MAPS_TO,", "B,b,1,,0.9,UNCHECKED,2,MAPS_TO,", "C,c,1,,0.9,FLAGGED,3,MAPS_TO,",
        "D,d,1,,0.9,UNCHECKED,0,MAPS_TO,", "E,e,1,,0.9,APPROVED,5,MAPS_TO_UNIT,",
        ",f,1,,0.9,APPROVED,6,MAPS_TO,",
    )  # fmt: skip
    assert rows(found, "code", "concept_id", "line") == [("A", 1, 2)]
    assert found[0] and found[0].left_out == {"UNCHECKED": 2, "FLAGGED": 1, "MAPS_TO_UNIT": 1, "no code": 1}


def test_older_types_and_files_without_a_type_are_read(tmp_path: Path) -> None:
    found = usagi(tmp_path, "A,a,1,,1,APPROVED,1,EVENT,", "A,a,1,,1,APPROVED,2,VALUE,", "B,b,1,,1,APPROVED,3,,")
    assert rows(found, "code", "concept_id", "kind") == [
        ("A", 1, "MAPS_TO"), ("A", 2, "MAPS_TO_VALUE"), ("B", 3, "MAPS_TO"),
    ]  # fmt: skip
    content = "sourceCode,mappingStatus,conceptId\nA,APPROVED,7\n"
    assert rows(read(tmp_path, content, usagi="map.csv"), "code", "concept_id") == [("A", 7)]


def test_a_name_over_two_lines_and_empty_lines_do_not_move_the_line_of_what_is_wrong(tmp_path: Path) -> None:
    _, problems = usagi(
        tmp_path, 'A,"two\nlines, ""quoted""",1,,1,APPROVED,1,MAPS_TO,', "", "B,b,1,,1,APPROVED,x,MAPS_TO,",
        "C,c,1,,1,APPROVD,1,MAPS_TO,", "E,e,1,,1,APPROVED,1,MAPS_TO_DRUG,",
    )  # fmt: skip
    assert [(p.file, p.line, p.key) for p in problems] == [
        ("map.csv", 5, "conceptId"), ("map.csv", 6, "mappingStatus"), ("map.csv", 7, "mappingType"),
    ]  # fmt: skip


def test_rows_of_another_width_are_named_by_line(tmp_path: Path) -> None:
    _, problems = usagi(tmp_path, 'A,"a\na",1,,1,APPROVED,1,MAPS_TO,', "B,b,1", "C,c,1,,1,APPROVED,1,MAPS_TO,", "D")
    assert [str(p) for p in problems] == [
        "map.csv:4  usagi: 3 columns instead of 9", "map.csv:6  usagi: 1 columns instead of 9",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,2\n", "column 'sourcecode' is missing"),
        (b"", "column 'sourcecode' is missing"),
        ("sourceCode,mappingStatus,conceptId,이름\n1,APPROVED,2,x\n".encode("cp949"), "is not utf-8 text"),
        ("sourceCode,mappingStatus,conceptId,n\n1,APPROVED,2,이름\n".encode("cp949"), "is not utf-8 text"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    found, problems = read(tmp_path, content, usagi="map.csv")
    assert found is None
    assert said in problems[0].message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    _, problems = read_rows(CodeMap(usagi="no.csv"), tmp_path, tmp_path.parent)
    assert (problems[0].file, problems[0].message) == (
        f"{tmp_path.name}/no.csv", "cannot be read: No such file or directory",
    )  # fmt: skip


def test_zero_bytes_are_no_part_of_a_code(tmp_path: Path) -> None:
    assert rows(usagi(tmp_path, "A\0B,a,1,,1,APPROVED,7\0,MAPS_TO,"), "code", "concept_id") == [("AB", 7)]
    places = {"A\0B": Place("maps.yaml", 3)}
    assert rows((written_rows(CodeMap(codes={"A\0B": 7}), places), []), "code", "concept_id") == [("AB", 7)]


def test_half_of_a_letter_of_utf_16_is_no_text(tmp_path: Path) -> None:
    _, problems = read(tmp_path, HEADER.encode() + b"A\xed\xa0\x80,a,1,,1,APPROVED,7,MAPS_TO,\n", usagi="map.csv")
    assert [p.message for p in problems] == ["is not utf-8 text of comma-separated values"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-7", "idna", "base64"])
def test_an_encoding_that_does_not_fit_is_named(tmp_path: Path, encoding: str) -> None:
    content = HEADER.encode() + b"A,a,1,,1,APPROVED,7,MAPS_TO,\xff\n"
    found, problems = read(tmp_path, content, usagi="map.csv", encoding=encoding)
    assert found is None
    assert problems


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "map.csv")
    _, problems = read_rows(CodeMap(usagi="map.csv"), tmp_path, tmp_path.parent)
    assert problems[0].message == "is a pipe, a device or a folder, no file"


def test_files_in_korean_encodings_and_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    content = "sourceCode,mappingStatus,conceptId\n혈당,APPROVED,2\n"
    for encoding in ("cp949", "utf-8-sig"):
        said = {"usagi": "map.csv"} | ({} if encoding == "utf-8-sig" else {"encoding": encoding})
        assert rows(read(tmp_path, content.encode(encoding), **said), "code", "concept_id") == [("혈당", 2)]


def test_dates_of_a_row_make_its_window_and_open_dates_none(tmp_path: Path) -> None:
    found = table(
        tmp_path, "A,0,LAB,a,1,SNOMED,1970-01-01,2099-12-31,", "B,2000000001,LAB,b,2,SNOMED,20150101,20191231,U",
        "C,,LAB,c,0,None,,,",
    )  # fmt: skip
    assert rows(found, "code", "concept_id", "source_id", "valid_from", "valid_to") == [
        ("A", 1, 0, None, None),
        ("B", 2, 2_000_000_001, date(2015, 1, 1), date(2020, 1, 1)),
        ("C", 0, None, None, None),
    ]  # fmt: skip
    assert found[0] and found[0].dated


def test_a_retired_row_without_a_last_day_never_counts(tmp_path: Path) -> None:
    found = table(tmp_path, "A,0,LAB,a,1,SNOMED,1970-01-01,2099-12-31,D", "B,0,LAB,b,2,SNOMED,1970-01-01,2099-12-31,")
    assert rows(found, "code") == [("B",)]
    assert found[0] and (found[0].left_out, found[0].dated) == ({"invalid_reason D": 1}, False)


def test_of_a_file_with_several_vocabularies_the_named_one_counts(tmp_path: Path) -> None:
    lines = ("A,0,LAB,a,1,SNOMED,,,", "A,0,DRUG,a,2,RxNorm,,,")
    assert rows(table(tmp_path, *lines, vocabulary="DRUG"), "code", "concept_id") == [("A", 2)]
    for said, message in (({}, "holds several vocabularies"), ({"vocabulary": "X"}, "there are: DRUG, LAB")):
        _, problems = table(tmp_path, *lines, **said)
        assert len(problems) == 1
        assert message in problems[0].message


def test_every_wrong_value_of_a_source_to_concept_map_is_named_at_once(tmp_path: Path) -> None:
    _, problems = table(
        tmp_path, ",0,LAB,a,1,S,,,", "B,x,LAB,b,1,S,,,", "C,0,LAB,c,one,S,,,", "D,0,LAB,d,1,S,1 May,,",
        "E,0,LAB,e,1,S,2020-01-01,2019-01-01,", "F,0,LAB,f,1,S,,,gone",
    )  # fmt: skip
    assert [(p.line, p.key) for p in problems] == [
        (2, "source_code"), (3, "source_concept_id"), (4, "target_concept_id"), (5, "valid_start_date"),
        (6, "valid_end_date"), (7, "invalid_reason"),
    ]  # fmt: skip


@pytest.mark.skipif(not (DATA / "usagi").exists(), reason="no Usagi files; set ETL_TEST_DATA")
@pytest.mark.parametrize(
    ("file", "approved", "codes", "left_out"),
    [
        ("CPRD_Additional_Table_Usagi.csv", 4839, 4817, {"no code": 1}),
        ("Optum_Provcat_Freq_Usagi.csv", 653, 653, {"UNCHECKED": 1915}),
    ],
)
def test_real_usagi_files_are_read_whole(file: str, approved: int, codes: int, left_out: dict[str, int]) -> None:
    found = read_rows(CodeMap(usagi=file), DATA / "usagi", DATA)
    read_back = rows(found, "code", "file")
    assert len(read_back) == approved
    assert Counter(f for _, f in read_back) == {f"usagi/{file}": approved}
    assert found[0] and (len(found[0].codes), found[0].left_out) == (codes, left_out)
