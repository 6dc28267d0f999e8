"""The door for people at a terminal: one module a group of commands, all named in `commands.py`; the work itself
stands in the wings below.
"""

from etl.cli.app import app

__all__ = ["app"]
