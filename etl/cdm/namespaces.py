"""The namespaces that numbers are handed out in."""

from __future__ import annotations

from typing import Literal

Namespace = Literal["person", "provider", "care_site", "location"]
