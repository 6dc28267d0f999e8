"""The import of Great Expectations: quiet, offline, and without the parts a gate never uses.

The import takes 7 to 8 s of CPU. Nearly half of it are scipy's statistics and the plotting library altair, which
two statistical expectations use. They are imported lazily, by the standard library's own `LazyLoader`: a suite
that does use them loads them then, and nothing of Great Expectations is changed. About 2 s remain, most of them
pandas, SQLAlchemy and Great Expectations' own models; `etl.night.check.process` spends them while files are being read.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType
from typing import Any

_LAZY = frozenset({"scipy.stats", "altair"})


class _LazyFinder:
    """A finder for `sys.meta_path` that defers the modules named in `_LAZY` until one of their names is used."""

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The lazy spec of a module to defer; None leaves the module to the other finders."""
        if name not in _LAZY:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def great_expectations() -> Any:
    """The module `great_expectations`, imported on the first call; it never calls home."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    finder: Any = _LazyFinder
    # It stays: removing it could make another thread, importing at that moment, skip a finder of the list.
    if finder not in sys.meta_path:
        sys.meta_path.insert(0, finder)
    return import_module("great_expectations")
