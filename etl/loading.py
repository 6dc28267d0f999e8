"""Loads a part of the program by its name, when it is wanted: the one place where an import waits.

Used by tables that name parts of which a process needs one: commands, warehouses, ledgers, gates.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any


def load(name: str) -> Any:
    """What `module:attribute` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)
