"""What docs/security.md claims is held by tests that exist."""

from __future__ import annotations

import re

from etl.settings import PROJECT

PAGE = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")


def test_every_claim_names_tests_that_exist() -> None:
    tests = "\n".join(f.read_text(encoding="utf-8") for f in sorted((PROJECT / "tests").rglob("test_*.py")))
    there = set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
    claims = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| who | wants")]
    assert len(claims) >= 12
    for claim in claims:
        named = re.findall(r"`(test_\w+)`", claim.rsplit("|", 2)[-2])
        assert named, f"names no test: {claim}"
        assert set(named) <= there, claim
