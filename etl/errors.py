"""The three families of errors, each with the exit code that scripts and Airflow see.

======  =====================================  ===============================================
code    meaning                                what to do
======  =====================================  ===============================================
0       done                                   nothing
2       wrong command line or query            read ``--help``
3       a gate closed on bad input             correct the delivery or the mapping; do not retry
4       configuration or mapping is wrong      correct the named file and key; do not retry
5       a fault that may pass                  retry (lock held, disk full, database away)
======  =====================================  ===============================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class EtlError(Exception):
    """Base of all errors that the user sees as a message instead of a traceback."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        """Keep what went wrong (`message`: what and where) and the next step to try (`hint`)."""
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n→ {self.hint}" if self.hint else self.message


class UsageError(EtlError):
    """The command cannot be carried out as it was written: a SQL mistake, a target that is there already."""

    exit_code = 2


class InputError(EtlError):
    """The delivery cannot be used: a missing file, a broken file, a gate that closed."""

    exit_code = 3


def all_of(errors: Sequence[InputError]) -> InputError:
    """One error that says several at once, each with its next step; a single one as it is."""
    if len(errors) == 1:
        return errors[0]
    lines = (f"\n  {e.message}" + (f"\n  → {e.hint}" if e.hint else "") for e in errors)
    return InputError(f"{len(errors)} reasons to refuse the delivery:{''.join(lines)}")


class GateClosed(InputError):
    """A quality gate with severity `block` found something; last night's data stays published.

    `waits`: what it found can be approved, so the run waits for a person.
    """

    waits = False


class ConfigError(EtlError):
    """Settings, mappings, suites or vocabulary are wrong; retrying cannot help."""

    exit_code = 4


class TransientError(EtlError):
    """A fault that may be gone at the next try: a lock, a full disk, a database that is away."""

    exit_code = 5


def of_file_system(error: OSError) -> TransientError:
    """What a file system refused: a full disk, a share that is away, a right that is missing."""
    where = f"{error.filename}: " if error.filename else ""
    return TransientError(
        f"{where}{error.strerror or type(error).__name__}", hint="free space below ETL_HOME or mend the path, run again"
    )


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a YAML or JSON file, said so that it can be corrected at once."""

    file: str
    line: int
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}  {self.key}: {self.message}"


class MappingError(ConfigError):
    """Every problem found in the mappings, at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """Take all problems; the message lists them one per line."""
        self.problems = tuple(problems)
        lines = "\n".join(str(p) for p in self.problems)
        super().__init__(
            f"{len(self.problems)} problem(s) in the mappings:\n{lines}",
            hint="correct the lines named above, then run: etl check",
        )


def closest(word: str, names: Iterable[str]) -> str | None:
    """The name that was most likely meant: the same in another case, else one that is nearly the same."""
    known = sorted(names)
    plain = {name.casefold(): name for name in reversed(known)}
    same = plain.get(word.casefold())
    near = [same] if same else get_close_matches(word, known, n=1, cutoff=0.6)
    if not near:  # in letters, capitals are as far from small ones as from anything else
        near = [plain[n] for n in get_close_matches(word.casefold(), plain, n=1, cutoff=0.6)]
    return near[0] if near else None


def nearest(word: str, names: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or the list of names when nothing is near."""
    known = sorted(str(n) for n in names)
    close = closest(str(word), known)
    if close:
        return f"; did you mean '{close}'?"
    return f"; known: {', '.join(known[:12])}{', …' if len(known) > 12 else ''}" if known else ""
