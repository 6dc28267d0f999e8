"""Starts the office."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from etl.errors import ConfigError
from etl.office.app import create_app
from etl.settings import Settings

_LOCAL = ("127.0.0.1", "::1", "localhost")


def serve(settings: Settings, host: str, port: int, certificate: Path | None, key: Path | None, proxy: str) -> None:
    """Serve until it is stopped. ConfigError for an address that others reach without TLS.

    `proxy` is who may say where a request came from and whether it came over TLS: a server before this one, which
    stands on another machine where it is not this one's address.
    """
    if host not in _LOCAL and certificate is None and proxy in _LOCAL:
        raise ConfigError(
            f"at {host} others reach the office, and read along: there is no TLS",
            hint="--certificate and --key; or put a server with TLS before it, and say --proxy where that is not on "
            "this machine: docs/office.md",
        )
    # requests are not written down: addresses may hold a code of the issuer, and what was done is in the record
    uvicorn.run(
        create_app(settings), host=host, port=port, access_log=False, server_header=False, date_header=True,
        ssl_certfile=str(certificate) if certificate else None, ssl_keyfile=str(key) if key else None,
        forwarded_allow_ips=proxy, log_level="warning",
    )  # fmt: skip
