"""Reads what a definition says, piece by piece, and collects all that is wrong with it, each with file and key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from math import isfinite
from typing import Any

from etl.errors import ConfigError, nearest

_MOST = 2**31 - 1


@dataclass
class Wrong:
    """All that is wrong with one file; read on after `add`, and `stop` at the end."""

    file: str
    found: list[str] = field(default_factory=list)

    def add(self, key: str, message: str) -> None:
        """Keep one thing that is wrong."""
        self.found.append(f"{self.file}  {key}: {message}")

    def stop(self) -> None:
        """Raise ConfigError where anything is wrong."""
        if self.found:
            raise ConfigError(
                f"{len(self.found)} problem(s) in a cohort:\n" + "\n".join(self.found),
                hint="correct the keys named above and run again",
            )


@dataclass(frozen=True)
class Said:
    """A value of a file, and the key that it stands under."""

    value: Any
    key: str
    wrong: Wrong

    def __bool__(self) -> bool:
        return self.value not in (None, {}, [])

    def add(self, message: str) -> None:
        """Keep what is wrong here."""
        self.wrong.add(self.key or "the file", message)

    def has(self, name: str) -> bool:
        """Whether something is said under a key."""
        return isinstance(self.value, dict) and self.value.get(name) is not None

    def has_value(self) -> bool:
        """Whether anything is said here, be it nought or nothing but a name."""
        return self.value is not None

    def at(self, name: str) -> Said:
        """What stands under a key; nothing where it does not."""
        value = self.value.get(name) if isinstance(self.value, dict) else None
        return Said(value, f"{self.key}.{name}" if self.key else name, self.wrong)

    def only(self, known: Iterable[str]) -> None:
        """Complain of what is no mapping, and of keys that mean nothing here."""
        names = list(known)
        if not isinstance(self.value, dict):
            self.add(f"has to be a mapping of {', '.join(names[:6])}")
            return
        for name in self.value:
            if name not in names:
                self.at(str(name)).add(f"means nothing here{nearest(str(name), names)}")

    def each(self) -> list[Said]:
        """The items of a list; nothing said is an empty one."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            self.add("has to be a list")
            return []
        return [Said(item, f"{self.key}[{place}]", self.wrong) for place, item in enumerate(self.value)]

    def items(self) -> list[tuple[str, Said]]:
        """The keys of a mapping and what stands under them."""
        if not isinstance(self.value, dict):
            if self.value is not None:
                self.add("has to be a mapping")
            return []
        return [(str(name), self.at(name)) for name in self.value]

    def number(self, default: float | None = None) -> float | None:
        """A number."""
        if self.value is None:
            return default
        if isinstance(self.value, bool) or not isinstance(self.value, int | float) or not isfinite(self.value):
            self.add("has to be a number")
            return default
        return self.value

    def integer(self, default: int = 0) -> int:
        """A whole number; `default` where nothing is said."""
        value = self.maybe_integer()
        return default if value is None else value

    def maybe_integer(self) -> int | None:
        """A whole number, or nothing."""
        if self.value is None:
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, int):
            self.add("has to be a whole number")
            return 0
        if abs(self.value) > _MOST:
            self.add("is more than any day, count or concept is")
            return 0
        return self.value

    def yes(self, *, default: bool = False) -> bool:
        """True or false."""
        if self.value is None:
            return default
        if not isinstance(self.value, bool):
            self.add("has to be true or false")
            return default
        return self.value

    def text(self, default: str = "") -> str:
        """A text."""
        if self.value is None:
            return default
        if not isinstance(self.value, str):
            self.add("has to be a text")
            return default
        return self.value

    def one_of(self, known: Iterable[str], default: str) -> str:
        """A text that is one of some, in any letters."""
        text = self.text(default)
        for name in known:
            if name.casefold() == text.casefold():
                return name
        self.add(f"is none of those that are known{nearest(text, known)}")
        return default

    def day(self) -> date | None:
        """A day, or nothing."""
        if isinstance(self.value, date):
            return self.value
        try:
            return date.fromisoformat(self.text()) if self.value is not None else None
        except ValueError:
            self.add("has to be a day, such as 2024-12-31")
            return None
