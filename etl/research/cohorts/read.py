"""Reads a cohort in any of the forms that it may be written in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from etl.research.cohorts.circe import read_circe
from etl.research.cohorts.model import Cohort
from etl.research.cohorts.own import read_own
from etl.research.cohorts.said import Said, Wrong


def read_cohort(said: str | Mapping[str, object], folder: Path, place: str) -> Cohort:
    """A cohort: the name of a JSON file of the folder, as ATLAS exports it, or what is written in YAML.

    `place` is the file that says it, as errors name it. Raises ConfigError with all that is wrong, each with file and
    key.
    """
    wrong = Wrong(place)
    if not isinstance(said, str):
        found = read_own(Said(said, "cohort", wrong), folder)
        wrong.stop()
        return found
    file = folder / said
    text = None
    if not file.resolve().is_relative_to(folder.resolve()):
        wrong.add("cohort", "has to be a file of the definition's folder")
    else:
        try:
            text = file.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError):
            wrong.add("cohort", f"there is no text {said} in UTF-8 beside the definition")
    wrong.stop()
    return read_circe(text or "", f"{Path(place).parent / said}")
