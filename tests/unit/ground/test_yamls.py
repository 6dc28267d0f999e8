"""YAML that would unfold without end, refers to itself, or lies too deep is an error with a line, at once."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from etl import yamls
from etl.errors import MappingError
from etl.mapping.load import load_mappings

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)  # fmt: skip
BAD = {
    "billion laughs": (LAUGHS, "unfold"),
    "itself": ("a: &a [*a]\n", "names what it stands in"),
    "itself in a key": ("a: &a {b: {c: *a}}\n", "names what it stands in"),
    "deep lists": ("a: " + "[" * 90 + "]" * 90, "nested deeper"),
    "deeper lists": ("a: " + "[" * 100_000, "flow level"),
    "deep keys": ("{a: " * 90 + "1" + "}" * 90, "nested deeper"),
    "no day": ("a: 2026-13-45\n", "no value of its kind"),
    "no number": ("a: !!int abc\n", "no value of its kind"),
    "an object": ("a: !!python/name:os.system x\n", "could not determine a constructor"),
    "a list for a key": ("? [a, b]\n: 1\n", "one word"),
    "a NUL": ("a: \0\n", "not allowed"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    text, expected = BAD[name]
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "hospital.yaml").write_text(f"hospital: small\nnumber: 9\n{text}", encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(MappingError) as raised:
        load_mappings(tmp_path)
    assert time.monotonic() - began < 2
    assert expected in str(raised.value) or "is not YAML" in str(raised.value)
    assert "small/hospital.yaml:" in str(raised.value)


@pytest.mark.parametrize("name", [name for name in BAD if name != "a list for a key"])
def test_loading_raises_nothing_but_errors_of_yaml(name: str) -> None:
    with pytest.raises(yaml.YAMLError):
        yamls.load(BAD[name][0])


def test_aliases_that_end_are_what_they_name() -> None:
    assert yamls.load("a: &a {x: 1}\nb: [*a, *a]\n") == {"a": {"x": 1}, "b": [{"x": 1}, {"x": 1}]}
