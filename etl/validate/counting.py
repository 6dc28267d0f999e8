"""Great Expectations' expectation on a query, counting the rows without fetching them.

`unexpected_rows_expectation` runs its query twice, once to count the rows and once to keep the first of them. A gate
wants the count alone: half the time, and no row ever leaves DuckDB. Import this module inside functions only, as
it imports Great Expectations.
"""

from __future__ import annotations

from typing import Any, ClassVar

from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation


class CountUnexpectedRows(UnexpectedRowsExpectation):
    """Succeeds if the query finds no row; the observed value is the number of rows."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        return {"success": count == 0, "result": {"observed_value": count}}
