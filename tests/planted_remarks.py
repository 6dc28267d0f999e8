"""Remarks with planted identifiers of invented people, in many spellings, and how many of them are found."""

from __future__ import annotations

import csv
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from string import ascii_letters, digits

import numpy as np
import pyarrow as pa

from etl.night.land.freetext.folding import folded
from etl.night.land.freetext.names import Names
from etl.night.land.freetext.numbers import Numbers, plain_number
from etl.night.land.freetext.scrub import HIDDEN, Scrubber
from etl.night.land.freetext.written import known_names

ROOT = Path(__file__).resolve().parents[1]
LISTS = ROOT / "etl" / "sample" / "lists"
CATALOG = ROOT / "etl" / "sample" / "catalog"
_GIVEN = ("gil dong", "min su", "ji woo", "seo jun", "ara", "eun young", "hyun woo", "soo jin", "dong hyun", "mi kyung")
_FAMILY = {"김": "kim", "이": "lee", "박": "park", "최": "choi", "정": "jung", "강": "kang", "조": "cho", "윤": "yoon"}
_WIDE = str.maketrans("0123456789-", "０１２３４５６７８９－")
_WIDE_LETTERS = {ord(c): ord(c) + 0xFEE0 for c in ascii_letters + digits}
_BOLD = {ord(c): 0x1D7CE + int(c) for c in digits}
_SPOKEN = str.maketrans("0123456789", "공일이삼사오육칠팔구")


@dataclass(frozen=True)
class Person:
    """An invented patient; `foreign` is the name in Latin letters as it was delivered, family name first."""

    name: str
    foreign: str
    number: str
    resident: str
    mobile: str
    landline: str
    passport: str
    mail: str
    address: str


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def people(rng: random.Random, count: int) -> list[Person]:
    """So many patients; one name in a hundred has two syllables."""
    families = _rows(LISTS / "family_names.csv")
    family = rng.choices([r["name"] for r in families], [int(r["weight"]) for r in families], k=count)
    syllables = _rows(LISTS / "given_syllables.csv")
    places = [[r for r in syllables if r["place"] == place] for place in "12"]
    first, last = ([rng.choices(p, [int(r["weight"]) for r in p])[0]["syllable"] for _ in range(count)] for p in places)
    return [
        _person(rng, f + (a if rng.random() < 0.99 else "") + b, f) for f, a, b in zip(family, first, last, strict=True)
    ]


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choices("0123456789", k=count))


def _person(rng: random.Random, name: str, family: str) -> Person:
    born = f"{rng.randrange(100):02}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
    return Person(
        name,
        f"{_FAMILY.get(family, 'hong')} {rng.choice(_GIVEN)}".upper(),
        str(rng.randrange(10_000_000, 99_999_999)),
        f"{born}-{rng.randrange(1, 9)}{_digits(rng, 6)}",
        f"010-{_digits(rng, 4)}-{_digits(rng, 4)}",
        f"0{rng.choice(['2', '31', '51', '43'])}-{rng.choice(['', '8'])}{rng.randrange(200, 999)}-{_digits(rng, 4)}",
        f"{rng.choice('MSRD')}{rng.choice([_digits(rng, 8), _digits(rng, 3) + rng.choice('ABCD') + _digits(rng, 4)])}",
        f"{rng.choice(['hong', 'kim.ms', 'jiwoo_lee'])}{rng.randrange(1, 99)}@{rng.choice(['naver.com', 'snu.ac.kr'])}",
        f"서울특별시 {rng.choice(['종로구 세종대로', '강남구 테헤란로', '마포구 동교로'])} {rng.randrange(1, 400)}",
    )


def _parts(number: str, between: str) -> str:
    return number.replace("-", between)


# what stands in the text; what of it is the identifier is between « and »
SPELLINGS: dict[str, Callable[[Person], str]] = {
    "name, alone": lambda p: f"«{p.name}»",
    "name 님": lambda p: f"«{p.name}» 님",
    "name님께": lambda p: f"«{p.name}»님께",
    "name씨": lambda p: f"«{p.name}»씨",
    "name환자의": lambda p: f"«{p.name}»환자의",
    "name with a particle": lambda p: f"«{p.name}»은",
    "환자name": lambda p: f"환자«{p.name}»",
    "보호자: name": lambda p: f"보호자: «{p.name}»",
    "(name)": lambda p: f"(«{p.name}»)",
    "family name, blank, given name": lambda p: f"«{p.name[:1]} {p.name[1:]}» 환자",
    "syllables apart": lambda p: f"«{' '.join(p.name)}» 환자",
    "name with a middle dot": lambda p: f"«{p.name[:1]}·{p.name[1:]}» 님",
    "name with a zero-width blank": lambda p: f"«{p.name[:1]}\u200b{p.name[1:]}» 님",
    "name with a no-break blank": lambda p: f"«{p.name[:1]}\u00a0{p.name[1:]}» 님",
    "name in its letters (NFD)": lambda p: f"«{unicodedata.normalize('NFD', p.name)}» 님",
    "FAMILY GIVEN": lambda p: f"«{p.foreign}»",
    "Family, Given": lambda p: f"«{p.foreign.title().replace(' ', ', ', 1)}»",
    "Given Family": lambda p: f"«{' '.join([*p.foreign.title().split()[1:], p.foreign.title().split()[0]])}»",
    "given-names with a dash": lambda p: f"«{p.foreign.title().split()[0]} {'-'.join(p.foreign.title().split()[1:])}»",
    "full-width Latin name": lambda p: f"«{p.foreign.translate(_WIDE_LETTERS)}»",
    "record number": lambda p: f"등록번호 «{p.number}»",
    "record number, alone": lambda p: f"«{p.number}»",
    "record number, glued": lambda p: f"환자«{p.number}»번",
    "record number, leading zeros": lambda p: f"(«00{p.number}»)",
    "record number, full-width": lambda p: f"«{p.number.translate(_WIDE)}»",
    "record number, cut": lambda p: f"«{p.number[:4]}-{p.number[4:]}»",
    "resident number": lambda p: f"«{p.resident}»",
    "resident number, bare": lambda p: f"주민번호«{_parts(p.resident, '')}»임",
    "resident number, blank": lambda p: f"«{_parts(p.resident, ' ')}»",
    "resident number, blanks around the dash": lambda p: f"«{_parts(p.resident, ' - ')}»",
    "resident number, en dash": lambda p: f"«{_parts(p.resident, '–')}»",
    "resident number, minus sign": lambda p: f"«{_parts(p.resident, '−')}»",
    "resident number, full-width": lambda p: f"«{p.resident.translate(_WIDE)}»",
    "resident number, masked": lambda p: f"«{p.resident[:8]}******»",
    "resident number, digits apart": lambda p: f"«{' '.join(_parts(p.resident, ''))}»",
    "resident number, mathematical digits": lambda p: f"«{p.resident.translate(_BOLD)}»",
    "mobile": lambda p: f"«{p.mobile}»",
    "mobile, bare": lambda p: f"연락처«{_parts(p.mobile, '')}»로",
    "mobile, blanks": lambda p: f"«{_parts(p.mobile, ' ')}»",
    "mobile, blanks around dashes": lambda p: f"«{_parts(p.mobile, ' - ')}»",
    "mobile, dots": lambda p: f"«{_parts(p.mobile, '.')}»",
    "mobile, en dash": lambda p: f"«{_parts(p.mobile, '–')}»",
    "mobile, full-width": lambda p: f"«{p.mobile.translate(_WIDE)}»",
    "mobile, +82": lambda p: f"«+82-{p.mobile[1:]}»",
    "mobile, +82 and blanks": lambda p: f"«+82 {_parts(p.mobile[1:], ' ')}»",
    "mobile, +82 (0)": lambda p: f"«+82 (0){p.mobile[1:]}»",
    "mobile, without its zero": lambda p: f"«{p.mobile[1:]}»",
    "mobile, in words": lambda p: f"«{_parts(p.mobile, ' ').translate(_SPOKEN)}»",
    "landline": lambda p: f"«{p.landline}»",
    "landline, (02)": lambda p: f"«({p.landline.partition('-')[0]}){p.landline.partition('-')[2]}»",
    "passport": lambda p: f"«{p.passport}»",
    "passport, labelled": lambda p: f"여권번호 «{p.passport.lower()}»",
    "passport, full-width": lambda p: f"«{p.passport.translate(_WIDE_LETTERS)}»",
    "e-mail": lambda p: f"«{p.mail}»",
    "e-mail, spelled (at)": lambda p: f"«{p.mail.replace('@', ' (at) ')}»",
    "address": lambda p: f"«{p.address}» 거주",
}  # fmt: skip


@dataclass
class Outcome:
    """What became of planted identifiers: by spelling how many there were and were found; of clinical words how many
    there were, and which were blanked.
    """

    planted: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    words: int = 0
    blanked: Counter[str] = field(default_factory=Counter)

    @property
    def share(self) -> float:
        """Share found over all spellings."""
        return sum(self.found.values()) / sum(self.planted.values())


def clinical(rng: random.Random) -> Iterator[str]:
    """Sentences, names of diagnoses, tests, drugs and procedures, without end."""
    sentences = [r["text"] for r in _rows(ROOT / "tests" / "data" / "free_text" / "sentences.csv")]
    sentences += [r["text"] for r in _rows(LISTS / "remarks.csv") if not r["identifier"]]
    sentences += [r["text"] for r in _rows(LISTS / "report_bodies.csv")]
    named = [
        cell
        for name in ("conditions", "drugs", "labs", "procedures")
        for row in _rows(CATALOG / f"{name}.csv")
        for cell in row.values()
        if cell and re.search("[가-힣]", cell)
    ]
    while True:
        yield rng.choice(sentences) if rng.random() < 0.7 else f"{rng.choice(named)} 의심, {rng.choice(named)} 시행."


def scrubber(known: Sequence[Person]) -> Scrubber:
    """What blanks the texts of a hospital that knows these people."""

    def macs(numbers: Sequence[str]) -> np.ndarray:
        return np.frombuffer(b"".join(blake2b(n.encode(), digest_size=8).digest() for n in numbers), dtype="<u8")

    names = pa.array([n for p in known for n in (p.name, p.foreign)], pa.string())
    numbers = np.unique(macs([plain_number(n) for n in folded([p.number for p in known])]))
    return Scrubber(Names(known_names(names)), Numbers(numbers, macs))


def remarks(rng: random.Random, known: Sequence[Person], count: int) -> Iterator[tuple[str, str, str, str]]:
    """Remarks: the spelling planted, the text in front of it, what is planted, the text behind it."""
    text = clinical(rng)
    spellings = list(SPELLINGS)
    for i in range(count):
        spelling = spellings[i % len(spellings)]
        yield spelling, next(text), SPELLINGS[spelling](rng.choice(known)), next(text)


def measure(scrub: Callable[[Sequence[str]], list[str]], planted: Sequence[tuple[str, str, str, str]]) -> Outcome:
    """What becomes of remarks."""
    outcome = Outcome()
    results = scrub([f"{before} {re.sub('[«»]', '', text)} {behind}" for _, before, text, behind in planted])
    identifiers = folded([text.partition("«")[2].partition("»")[0] for _, _, text, _ in planted])
    others = folded([f"{a} {t.partition('«')[0]} {t.partition('»')[2]} {b}" for _, a, t, b in planted])
    for (spelling, before, _, behind), result, search, identifier, other in zip(
        planted, results, folded(results), identifiers, others, strict=True
    ):
        left = [p for p in re.findall(r"[0-9a-z]{2,}|[가-힣]{2,}", identifier) if p not in other]
        outcome.planted[spelling] += 1
        outcome.found[spelling] += HIDDEN in result and not any(p in search for p in [identifier, *left])
        words = Counter(re.findall(r"[^\s]*[a-z가-힣][^\s]*", f"{before} {behind}".lower()))
        outcome.words += words.total()
        outcome.blanked += words - Counter(result.lower().split())
    return outcome
