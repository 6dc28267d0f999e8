"""Lines of names that the engine could not use, or that are none: refused by file, line and number, never quoted."""

from __future__ import annotations

import pytest
import tiny
from tiny import Tiny

from etl.errors import InputError


def refused(hospital: Tiny, **raw: bytes | None) -> str:
    """The message that refuses the delivery before a row of it lands."""
    with pytest.raises(InputError) as caught:
        hospital.through("land", folder=hospital.deliver(**raw))
    assert caught.value.exit_code == 3
    assert tiny.nothing_published(hospital.settings)
    return str(caught.value)


def lab(hospital: Tiny, header: str, more: str = "x") -> bytes:
    """The results with another first line, and as many fields behind every other."""
    lines = hospital.raw("LAB.csv").decode().splitlines()
    fields = header.count(",") - lines[0].count(",")
    return "\n".join([header, *(line + f",{more}" * fields for line in lines[1:]), ""]).encode()


NAMES = "PT_NO,ADM_NO,EXM_CD,EXM_DTM,RESULT,UNIT"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (f"{NAMES},", "1 of 7 columns, number 7, have no name"),
        (f"{NAMES},,  ,X", "2 of 9 columns, number 7, 8, have no name"),
        (f"{NAMES},pt_no", "column 'PT_NO' is there twice, first as number 1, then as 7"),
        (f"{NAMES}, PT_NO ", "column 'PT_NO' is there twice, first as number 1, then as 7"),
        (f"{NAMES},Hong,hONG", "the name of column 7 is there twice, first as number 7, then as 8"),
        (f"{NAMES},{'Hong' * 100}", "1 of 7 columns, number 7, have a name of more than 255 letters"),
        (f"{NAMES},Ho\0ng", "1 of 7 columns, number 7, have a name that holds control characters"),
        (f'{NAMES},"Hong', "a quote does not close on the line"),
        (f"{NAMES},{'Hong,' * 40_000}X", "is there twice, first as number 7, then as 8, 9, 10,"),
        (f"{NAMES},{'H' * 200_000}", "a name is longer than any name can be"),
        (f"{NAMES},{'Hong' * 300_000}", "is longer than 1,048,576 bytes"),
    ],
    ids=["trailing", "blank", "case", "blanks", "new", "long", "nul", "quote", "wide", "200 KB", "1 MB"],
)
def test_a_header_that_cannot_be_used_is_refused_by_place(hospital: Tiny, header: str, said: str) -> None:
    message = refused(hospital, LAB=lab(hospital, header))
    assert said in message
    assert "LAB.csv, line 1: " in message
    assert "Hong" not in message
    assert len(message) < 4_000


def test_lines_that_end_with_a_carriage_return_alone_are_told(hospital: Tiny) -> None:
    message = refused(hospital, LAB=hospital.raw("LAB.csv").replace(b"\n", b"\r"))
    assert "LAB.csv, line 1: lines end with a carriage return alone" in message
    assert "70001" not in message


def test_a_file_without_its_line_of_names_shows_nobody(hospital: Tiny) -> None:
    rows = hospital.raw("PAT.csv").split(b"\n", 1)[1]
    message = refused(hospital, PAT=rows)
    assert "PAT.csv, line 1: column 'PT_NO' is missing, and so is every other" in message
    first = rows.split(b"\n", 1)[0].decode("cp949").split(",")
    assert not [cell for cell in first if len(cell) > 1 and cell in message]


def test_a_name_in_other_letters_is_placed(hospital: Tiny) -> None:
    message = refused(hospital, LAB=lab(hospital, NAMES.replace("UNIT", "Unit")))
    assert "column 'UNIT' is missing; column 6 is called so in other letters" in message
