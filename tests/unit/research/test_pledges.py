"""Texts of the security pledge: what somebody signed can be printed for good, and is never another text."""

from __future__ import annotations

from pathlib import Path

import asked_for
import pytest

from etl.errors import ConfigError
from etl.pages.formats import DASH
from etl.research.requests import forms, views
from etl.research.requests.case import Case, Step
from etl.research.requests.forms import Pledge, pledge, pledges
from etl.store.ledger.ledger import now

FOLDER = Path(forms.__file__).with_name("forms") / "pledges"


def test_every_text_has_its_version_and_digest() -> None:
    assert {file.stem for file in FOLDER.glob("*.yaml")} - {"versions"} == set(pledges())
    assert pledge().version == max(pledges())


def test_a_text_that_was_changed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = pledge().lines
    worse = pledge().model_copy(update={"lines": (first.model_copy(update={"ko": f"{first.ko}."}), *others)})
    monkeypatch.setattr(forms, "_pledge", lambda _version: worse)
    with pytest.raises(ConfigError, match=pledge().version):
        pledges.__wrapped__()


def step(number: int, actor: str, move: str, after: str = "draft", **said: str) -> Step:
    return Step(number, now(), actor, "researcher", move, "draft", after, 1, now(), said=said)


@pytest.mark.parametrize("language", ["ko", "en"])
def test_what_was_signed_is_printed_years_later_in_the_text_of_then(
    monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    then = pledge()
    today = then.model_copy(update={"version": "2029-01", "lines": then.lines[:1]})
    texts: dict[str, Pledge] = {then.version: then, today.version: today}
    for module in (forms, views):
        monkeypatch.setattr(module, "pledges", lambda: texts)
    said = {"name": "김연구", "text": then.version}
    steps = (step(1, "researcher", "new"), step(2, "researcher", "pledge", **said), step(3, "left", "pledge", **said))
    page = views.printed(Case(1, steps, asked_for.form()), {}, language)
    assert f"({then.version})</h2>" in page
    assert all(getattr(line, language) in page for line in then.lines)
    assert f"({today.version})</h2>" in page, "the colleague has still to sign"
    assert page.count("김연구") == 2, "who has left has signed all the same"
    assert f"<td>colleague</td><td>{DASH}</td>" in page
    page = views.printed(
        Case(1, (*steps, step(4, "secretary", "register", "registered")), asked_for.form()), {}, language
    )
    assert today.version not in page, "nobody has signed it, nobody can any more"
