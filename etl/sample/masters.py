"""Code masters: local code to standard code, with validity windows that overlap, begin late or never end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import Catalogue, Rows
from etl.sample.codebook import SUFFIXES, Codebook
from etl.sample.dialect import Dialect

_OPENED = datetime(2005, 1, 1)
_KCD8 = datetime(2021, 1, 1)
_LABS, _ORDERS, _DRUGS = "lab", "order", "drug"

Row = dict[str, Any]


def _windows(rng: np.random.Generator, dialect: Dialect, row: Row) -> list[Row]:
    """The master rows of one code: one window, two that overlap, or one that opened long after the first order."""
    drawn, open_end = rng.random(), {"valid_to": None, "rare": bool(rng.random() < dialect.rates["rare_open_end"])}
    late, overlapping = dialect.rates["late_window"], dialect.rates["overlapping_window"]
    if drawn < late:
        return [row | open_end | {"valid_from": datetime(int(rng.integers(2020, 2025)), 1, 1)}]
    if drawn < late + overlapping:
        first = {"valid_from": _OPENED, "valid_to": datetime(2022, 6, 30), "rare": False}
        return [row | first, row | open_end | {"valid_from": datetime(2020, 1, 1)}]
    return [row | open_end | {"valid_from": _OPENED}]


def _items(cat: Catalogue, book: Codebook) -> list[Row]:
    """Everything that can be ordered: local code, class, EDI code or None, names."""

    def listed(rows: Rows, codes: list[str], kind: str, known: list[bool]) -> list[Row]:
        return [
            {
                "code": code,
                "class": row["kind"] if kind == _ORDERS else kind,
                "edi": row["edi"] if linked and row["edi"] else None,
                "name_ko": row["name_ko"],
                "name_en": row["name_en"],
            }
            for row, code, linked in zip(rows, codes, known, strict=True)
        ]

    return [
        *listed(cat.drugs, book.drug, _DRUGS, [True] * len(cat.drugs)),
        *listed(cat.labs, book.lab, _LABS, book.lab_edi.tolist()),
        *listed(cat.orders, book.order, _ORDERS, book.order_edi.tolist()),
    ]


def _order_masters(rng: np.random.Generator, cat: Catalogue, book: Codebook, dialect: Dialect) -> Row:
    """order_code: code to price code; price: price code to EDI; order_edi: both in one."""
    items = _items(cat, book)
    places = rng.permutation(len(items)) + 1
    for item, place in zip(items, places, strict=True):
        item["price_code"] = dialect.codes["price"].format(n=int(place))
        item["amount"] = int(rng.integers(5, 4000)) * 10
    ordered = [row for item in items for row in _windows(rng, dialect, item)]
    priced = [row for item in items for row in _windows(rng, dialect, item)]
    return {"order_code": ordered, "price": priced, "order_edi": ordered}


def _diagnosis_codes(rng: np.random.Generator, book: Codebook, dialect: Dialect) -> list[Row]:
    """One or two rows for each diagnosis code; codes only KCD-8 has are valid from 2021."""
    rows: list[Row] = []
    in_kcd7 = len(book.diagnosis) - sum("chronic" not in row for row in book.diagnosis_rows)
    for place, (code, source) in enumerate(zip(book.diagnosis, book.diagnosis_rows, strict=True)):
        suffix = SUFFIXES[place % len(SUFFIXES)] if place < in_kcd7 else ""
        row = {
            "code": code,
            "kcd": source["kcd"],
            "name_ko": source["name_ko"] + (f" ({suffix[1:]})" if suffix else ""),
            "name_en": source["name_en"],
        }
        if place >= in_kcd7:
            rows.append(row | {"version": "8", "valid_from": _KCD8, "valid_to": None, "rare": False})
        else:
            rows.extend(window | {"version": "7"} for window in _windows(rng, dialect, row))
    return rows


def _drug_codes(rng: np.random.Generator, cat: Catalogue, book: Codebook, dialect: Dialect) -> list[Row]:
    columns = ("edi", "ingredient_code", "atc", "name_ko", "name_en", "unit", "route")
    return [
        window
        for code, source in zip(book.drug, cat.drugs, strict=True)
        for window in _windows(rng, dialect, {"code": code} | {name: source[name] or None for name in columns})
    ]


def _departments(cat: Catalogue, book: Codebook) -> list[Row]:
    always = {"valid_from": _OPENED, "valid_to": None, "rare": False}
    return [
        {"code": code, "name_ko": row["name_ko"], "name_en": row["name_en"], "ward": row["ward"] == "1"} | always
        for code, row in zip(book.department, cat.departments, strict=True)
    ]


def _staff(cat: Catalogue, book: Codebook) -> list[Row]:
    staff = book.staff
    return [
        {
            "code": staff.code[place],
            "name": staff.name[place],
            "sex": staff.sex[place],
            "birth_year": staff.birth_year[place],
            "job": staff.job[place],
            "department": book.department[at],
            "department_name": cat.departments[at]["name_ko"],
            "valid_from": _OPENED,
            "valid_to": None,
            "rare": False,
        }
        for place, at in enumerate(staff.department)
    ]


def masters(rng: np.random.Generator, cat: Catalogue, book: Codebook, dialect: Dialect) -> dict[str, pa.Table]:
    """All master tables of a hospital. They do not depend on patients or night."""
    rows: dict[str, list[Row]] = {
        **_order_masters(rng, cat, book, dialect),
        "diagnosis_code": _diagnosis_codes(rng, book, dialect),
        "drug_code": _drug_codes(rng, cat, book, dialect),
        "department": _departments(cat, book),
        "staff": _staff(cat, book),
    }
    return {name: pa.Table.from_pylist(listed) for name, listed in rows.items()}
