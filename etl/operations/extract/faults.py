"""What a database's errors mean, said without its messages: these may quote values and show where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pyarrow as pa
from sqlalchemy import exc

from etl.errors import ConfigError, EtlError, TransientError

# How codes of faults begin that may be gone at the next try. SQLSTATE: connection, rollback, resources, locks,
# intervention, system; Oracle: network, lost session, snapshot too old; MySQL: connection, locks.
_PASSING = (
    "08", "40", "53", "55", "57", "58", "HYT", "XX",
    "ORA-03113", "ORA-03114", "ORA-03135", "ORA-01555", "ORA-125", "DPY-4011", "DPY-6",
    "2002", "2003", "2006", "2013", "1205", "1213",
)  # fmt: skip


def _code(error: BaseException) -> str | None:
    """SQLSTATE, or the number by which Oracle and MySQL name an error."""
    state = getattr(error, "sqlstate", None)
    if state:
        return str(state)
    first = error.args[0] if error.args else None
    full = getattr(first, "full_code", first)  # oracledb
    if isinstance(full, int):
        return str(full)
    return full if isinstance(full, str) and re.fullmatch(r"[0-9A-Z]{5}|[A-Z]{2,3}-\d{3,5}", full) else None


def _turned_down(error: BaseException) -> bool:
    """Whether PostgreSQL asked for a password while connecting, and refused."""
    connection = getattr(error, "pgconn", None)
    return bool(
        connection is not None
        and (getattr(connection, "used_password", False) or getattr(connection, "needs_password", False))
    )


def as_etl_error(error: BaseException, where: str, *, connecting: bool) -> EtlError:
    """A driver's error by its class and code; `where` names the source and its query, or the connection."""
    code = _code(error)
    told = f"{where}: {type(error).__name__}{f' ({code})' if code else ''}"
    if connecting and code is None and _turned_down(error):
        return ConfigError(f"{told}: it turns this login down", hint="check user, password and database of the URL")
    away = isinstance(error, psycopg.OperationalError) or type(error).__name__ in ("OperationalError", "InterfaceError")
    if (code and code.startswith(_PASSING)) or (code is None and away):
        return TransientError(told, hint="the database may be away or busy: look at it, then extract again")
    if code and code.startswith("28"):
        return ConfigError(f"{told}: it turns this login down", hint="check user and password of the connection's URL")
    if connecting:
        return ConfigError(told, hint="check the URL of the connection, and what the user may do")
    return ConfigError(
        told, hint="the query is refused: run it by hand as the same user; its message is left out, it may quote values"
    )


@contextmanager
def database_errors(where: str, *, connecting: bool = False) -> Iterator[None]:
    """Turn what a database refuses into TransientError or ConfigError that name `where` and quote nothing."""
    try:
        yield
    except exc.NoSuchModuleError:
        raise ConfigError(
            f"{where}: SQLAlchemy knows no such dialect", hint="correct the URL of the connection"
        ) from None
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{where}: the driver '{error.name}' is not installed",
            hint=f"pip install {error.name}, beside this program",
        ) from None
    except exc.DBAPIError as error:
        raise as_etl_error(error.orig or error, where, connecting=connecting) from None
    except psycopg.Error as error:
        raise as_etl_error(error, where, connecting=connecting) from None
    except (exc.SQLAlchemyError, pa.ArrowException) as error:
        raise ConfigError(
            f"{where}: {type(error).__name__}", hint="the same query fails again: report it with this line"
        ) from None
