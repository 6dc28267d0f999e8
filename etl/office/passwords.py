"""Passwords: kept as argon2 hashes, compared in the same time whether there is an account or not."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from etl.errors import UsageError
from etl.office.rules import rules


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """The hash of a password that nobody has, for names that nobody has."""
    return _hasher().hash("nobody has this password")


def hashed(password: str) -> str:
    """What is kept of a password."""
    return _hasher().hash(password)


def fits(password: str, kept: str | None) -> bool:
    """Whether a password is the one that was kept; as slow for none."""
    try:
        return _hasher().verify(kept or _nobody(), password) and kept is not None
    except (VerificationError, InvalidHashError):
        return False


def outdated(kept: str) -> bool:
    """Whether a password should be kept anew, as the costs of hashing have been raised since."""
    return _hasher().check_needs_rehash(kept)


def require_good(password: str, name: str) -> None:
    """Raise UsageError for a password that is too easy to guess; it is not quoted."""
    shortest = rules().passwords.shortest
    if len(password) < shortest:
        raise UsageError(f"the password is shorter than {shortest} characters", hint="a few words in a row are good")
    if name.casefold() in password.casefold() or len(set(password)) < 5:
        raise UsageError("the password is easy to guess", hint="neither the name nor the same few characters")
