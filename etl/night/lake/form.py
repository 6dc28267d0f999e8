"""Which form the folders of a lake have: a program must not work on what a newer one has written."""

from __future__ import annotations

from pathlib import Path

from etl.errors import ConfigError
from etl.files import read_bytes, write_atomically

#: Raised when a stage's folders, `layer.json`, `state.json` or a marker come to say something else than before.
FORM = 2
_FILE = "FORM"


def claim(lake: Path) -> None:
    """Note the form of a lake; ConfigError when a newer program has written it, or nobody can read what is noted."""
    file = lake / _FILE
    if file.exists():
        said = read_bytes(file).decode("utf-8", "replace").strip()
        if not said.isdigit():
            raise ConfigError(
                f"{file} is damaged", hint=f"write the number {FORM} into it if no newer program ran here"
            )
        if int(said) > FORM:
            raise ConfigError(
                f"the lake is of form {said}; this program writes form {FORM}",
                hint="a newer version of the program has used this home: run that one",
            )
        if int(said) == FORM:
            return
    write_atomically(file, f"{FORM}\n")
