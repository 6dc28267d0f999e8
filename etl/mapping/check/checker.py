"""Collects what is wrong with one hospital's files, each problem with its file, line and key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from etl.errors import nearest
from etl.mapping.check.problems import problems_of
from etl.mapping.expression import ExpressionError, columns_of, looks_at_rows
from etl.mapping.language.places import Path_
from etl.mapping.read.documents import Document


class Checker:
    """Collects the problems of one hospital."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems = list(document.problems)
        self.broken: set[tuple[str, str]] = set()  # declarations with problems of their own: kind and name

    def names(self, kind: str, known: Iterable[str]) -> set[str]:
        """Names declared as `kind`, those with problems included."""
        return {*known, *(name for k, name in self.broken if k == kind)}

    def add(self, path: Path_, message: str) -> None:
        """Note a problem at a path."""
        self.problems.append(self.document.problem(path, message))

    def validated(self, model: type[BaseModel], data: Any, prefix: Path_ = ()) -> Any:
        """What stands at `prefix` as the model reads it, or None, its problems noted."""
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.problems += problems_of(error, prefix, self.document)
            return None

    def expression(
        self, path: Path_, sql: str, columns: Iterable[str], where: str, *, windows: bool = False
    ) -> None:  # fmt: skip
        """Note what is wrong with a SQL expression over `columns`, which are those of `where`.

        `windows`: it may look at other rows of the patient.
        """
        known = set(columns)
        if not windows and sql not in known and looks_at_rows(sql):
            self.add(path, "may not look at other rows here: one row in, one value out")
        try:
            for column in columns_of(sql, known):
                if column not in known:
                    self.add(path, f"column '{column}' is not in {where}{nearest(column, known)}")
        except ExpressionError as error:
            self.add(path, str(error))
