"""Deliveries and YAML as nobody writes them: Hypothesis' strategies of what is done to a text, and doing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

PIECES = (
    b"", b"\n", b"\r", b"\r\n", b'"', b'""', b",", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1a", b"\xb0",
    b"\xed\xa0\x80", b"=1+1", b"'", b"''", b"\\", b"9" * 400, b"-infinity", b"0001-01-01", b"{}",
    b"[*]", b"%s", b"x" * 70_000,
    b'"' + b"\n" * 300, "가나다".encode("cp949"), "가나다".encode(), b",,,,,,,,,", b"NaN", b"1e999", b"PAR1",
)  # fmt: skip
WORDS = (
    b"", b"null", b"~", b"[]", b"{}", b"[[]]", b"{a: {b: c}}", b"-1", b"0", b"1e400", b".nan", b"true", b"yes",
    b"2026-07-01", b"2026-13-45", b"!!binary aGk=", b"!!set {a}", b"!!python/name:os.system x",
    b"&a [*a]", b"*nobody", b"&a x",
    b"? [a]", b"'", b'"', b"'\\0'", b'"\\0"', b'"\\ud800"', b"'../../x'", b"absent", b"random()",
    b"x" * 5000, b"(" * 2000,
    b"select 1", b"unnest([1])", b"- - - - - -", b": ", b"#", b"|", b">", b"%YAML 9.9", b"---\n", b"\t", b"\xff",
    b"0x1F", b"1:2:3", b"99999999999999999999999", b"<<: *a", b"[a, [b, [c]]]", b"'{batch}'",
    b"\xef\xbb\xbf", "비고".encode(),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is done to a text at a place, a share of its length (0 to 1)."""

    kind: str
    at: float
    to: float
    piece: bytes

    def done_to(self, text: bytes) -> bytes:
        """The text after it."""
        low, high = sorted((int(self.at * len(text)), int(self.to * len(text))))
        parts = {
            "insert": text[:low] + self.piece + text[low:],
            "replace": text[:low] + self.piece + text[high:],
            "cut": text[:low],
            "double": text[:high] + text[low:],
            "swap": text[high:] + text[low:high] + text[:low],
            "everywhere": text.replace(text[low : low + 1] or b"x", self.piece[:200], 5000),
            "whole": self.piece,
        }
        return parts[self.kind]


def mutations(pieces: Sequence[bytes], kinds: Sequence[str]) -> st.SearchStrategy[list[Mutation]]:
    """Between one and four mutations."""
    share = st.floats(0, 1, allow_nan=False)
    one = st.builds(Mutation, st.sampled_from(kinds), share, share, st.sampled_from(pieces) | st.binary(max_size=8))
    return st.lists(one, min_size=1, max_size=4)


def scalars(text: bytes) -> list[tuple[int, int]]:
    """Where the words of a YAML text begin and end, roughly: what stands between signs."""
    found, begin = [], None
    for i, sign in enumerate(text + b"\n"):
        inside = sign not in b" \n,:{}[]"
        if inside and begin is None:
            begin = i
        elif not inside and begin is not None:
            found.append((begin, i))
            begin = None
    return found
