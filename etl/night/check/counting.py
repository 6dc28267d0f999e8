"""Great Expectations' own expectations, made cheaper without changing what they find.

`unexpected_rows_expectation` runs its query twice, once to count the rows and once to keep the first of them. A gate
wants the count alone: half the time, and no row ever leaves DuckDB. And every expectation works out its own
configuration anew whenever it looks at one of its arguments, sixty times until it has its result: here it remembers
it. Import this module inside functions only, as it imports Great Expectations.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

from great_expectations.compatibility.pydantic import PrivateAttr
from great_expectations.expectations.core.unexpected_rows_expectation import UnexpectedRowsExpectation
from great_expectations.expectations.registry import get_expectation_impl


class CountUnexpectedRows(UnexpectedRowsExpectation):
    """Succeeds if the query finds no row; the observed value is the number of rows."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("unexpected_rows_query.row_count",)

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count = metrics["unexpected_rows_query.row_count"]
        return {"success": count == 0, "result": {"observed_value": count}}


@cache
def expectation_class(name: str) -> Any:
    """The class of a type of expectations, whose instances work out their configuration once.

    Great Expectations registers it under a name of its own (`remembering_…`), beside the one that it came with.
    """
    kind: Any = get_expectation_impl(name)
    if kind is UnexpectedRowsExpectation:
        kind = CountUnexpectedRows

    def configuration(self: Any) -> Any:
        if self._known is None:
            self._known = kind.configuration.fget(self)
        return self._known

    namespace = {
        "__module__": __name__,
        "__annotations__": {"_known": Any},
        "__doc__": kind.__doc__,
        "_known": PrivateAttr(default=None),
        "configuration": property(configuration),
    }
    return type(kind)(f"Remembering{kind.__name__}", (kind,), namespace)
