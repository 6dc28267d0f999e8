"""Records of what was ordered: drugs, procedures, surgery, imaging and devices, and the reports on them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from etl.sample.catalogue import HERE, ROUTES, Rows, numbers, read_rows
from etl.sample.course import EMERGENCY, INPATIENT, OUTPATIENT
from etl.sample.diagnoses import Diagnosed
from etl.sample.frame import DAY, Flags, Frame, Ints, Texts, expand, numbered, spread, weighted
from etl.sample.scene import Scene, names
from etl.sample.traps import manner, struck

CLASSES = ("procedure", "surgery", "imaging", "device")
_DOSES = (1.0, 0.5, 2.0)


def _during(scene: Scene, visit: Ints) -> Ints:
    """A time within each visit: soon after its start, for inpatients on any day of the stay."""
    visits, rng = scene.visits, scene.rng
    stay = visits.kind[visit] == INPATIENT
    length = np.where(stay, visits.end[visit] - visits.start[visit], 50 * 60)
    return visits.start[visit] + (rng.random(len(visit)) ** 2 * length).astype(np.int64) // 60 * 60 + 180


def _prescribed(scene: Scene, found: Diagnosed) -> tuple[Ints, Ints]:
    """Drugs that fit the diagnoses: visit and drug positions, grouped by visit."""
    links, rng = scene.cat.condition_drugs, scene.rng
    real = np.flatnonzero(~found.ruled_out)
    row, item = expand(links.offsets, found.condition[real])
    kept = rng.random(len(row)) < np.where(found.main[real][row], 0.7, 0.4)
    visit, drug = found.visit[real][row[kept]], links.items[item[kept]]
    pairs = np.unique(visit * len(scene.cat.drugs) + drug)
    return pairs // len(scene.cat.drugs), pairs % len(scene.cat.drugs)


def _days(scene: Scene, visit: Ints, drug: Ints) -> Ints:
    """Days of supply: as usual for the drug; emergency visits and stays get a few days at a time."""
    rng, rows = scene.rng, scene.cat.drugs
    usual = np.maximum(numbers(rows, "days", 1).astype(np.int64), 1)[drug]
    chronic = numbers(rows, "acute")[drug] == 0
    usual = np.where(chronic & (rng.random(len(drug)) < 0.35), np.maximum(usual // 3, 1), usual)
    kind = scene.visits.kind[visit]
    few = np.where(kind == EMERGENCY, rng.integers(1, 4, len(drug)), rng.integers(1, 8, len(drug)))
    return np.where(kind == OUTPATIENT, usual, np.minimum(usual, few))


def drug_frame(scene: Scene, found: Diagnosed) -> Frame:
    """One row for each drug order."""
    rng, cat, book = scene.rng, scene.cat, scene.book
    visit, drug = _prescribed(scene, found)
    at = _during(scene, visit)
    remark, remarks = scene.remarks["order"].drawn(rng, scene.visits.patient[visit])
    variant = weighted(rng, np.array([0.86, 0.08, 0.06]), len(drug))
    dose = numbers(cat.drugs, "dose", 1)
    columns = {
        "seq": numbered(visit),
        "code": manner(rng, drug, len(book.drug), scene.rates),
        "name_ko": drug,
        "name_en": drug,
        "dose": drug + variant * len(dose),
        "times": np.maximum(numbers(cat.drugs, "times", 1).astype(np.int64), 1)[drug],
        "days": _days(scene, visit, drug),
        "unit": drug,
        "route": drug,
        "atc": drug,
        "dc": struck(rng, scene.rates["discontinued"], len(drug)),
        "remark": remark,
    }
    texts = {
        "code": book.written(book.drug),
        "name_ko": names(cat.drugs, "name_ko"),
        "name_en": names(cat.drugs, "name_en"),
        "dose": pa.array([f"{amount * factor:g}" for factor in _DOSES for amount in dose]),
        "unit": names(cat.drugs, "unit"),
        "route": pa.array([row["route"] if row["route"] in ROUTES else None for row in cat.drugs]),
        "atc": names(cat.drugs, "atc"),
        "remark": remarks,
    }
    return scene.record(visit, at, columns, texts)


def _kinds(scene: Scene) -> Ints:
    return np.array([CLASSES.index(row["kind"]) for row in scene.cat.orders])


def _of_class(scene: Scene, visit: Ints, kinds: Flags) -> Ints:
    """For each visit an order of some classes, by weight."""
    pool = np.flatnonzero(kinds)
    weights = numbers([scene.cat.orders[place] for place in pool], "weight", 1)
    return pool[weighted(scene.rng, weights, len(visit))]


def _ordered(scene: Scene, found: Diagnosed) -> tuple[Ints, Ints]:
    """Orders that fit the main diagnoses, routine imaging and procedures, and devices that surgery leaves."""
    links, rng, kind = scene.cat.condition_orders, scene.rng, _kinds(scene)
    main = np.flatnonzero(found.main)
    row, item = expand(links.offsets, found.condition[main])
    visit, order = found.visit[main][row], links.items[item]
    setting = scene.visits.kind[visit]
    bedside = np.where(setting == OUTPATIENT, 0.25, 0.5)
    operated = np.where(setting == INPATIENT, 0.6, 0.02)
    kept = rng.random(len(row)) < np.where(kind[order] == CLASSES.index("surgery"), operated, bedside)
    visit, order = visit[kept], order[kept]
    surgery = visit[kind[order] == CLASSES.index("surgery")]
    implanted = surgery[rng.random(len(surgery)) < 0.7]
    every = np.arange(len(scene.visits))
    routine = every[rng.random(len(every)) < np.where(scene.visits.kind == OUTPATIENT, 0.14, 0.6)]
    lent = every[rng.random(len(every)) < 0.006]
    usual = (kind == CLASSES.index("imaging")) | (kind == CLASSES.index("procedure"))
    device = kind == CLASSES.index("device")
    visits = np.concatenate([visit, implanted, routine, lent])
    orders = np.concatenate(
        [
            order,
            _of_class(scene, implanted, device),
            _of_class(scene, routine, usual),
            _of_class(scene, lent, device),
        ]
    )
    grouped = np.argsort(visits, kind="stable")
    return visits[grouped], orders[grouped]


def order_frames(scene: Scene, found: Diagnosed) -> tuple[Frame, Frame]:
    """The orders other than drugs, and the reports written on imaging and tissue."""
    rng, cat, book = scene.rng, scene.cat, scene.book
    visit, order = _ordered(scene, found)
    kind = _kinds(scene)[order]
    at = _during(scene, visit)
    waited = np.where(kind == CLASSES.index("imaging"), spread(rng, 0, 3 * DAY, len(at)), spread(rng, 0, DAY, len(at)))
    done = np.minimum(at + waited // 60 * 60, scene.ill.death[scene.visits.patient[visit]])
    dc = struck(rng, scene.rates["discontinued"], len(order))
    remark, remarks = scene.remarks["order"].drawn(rng, scene.visits.patient[visit])
    columns = {
        "seq": 500 + numbered(visit),
        "code": manner(rng, order, len(book.order), scene.rates),
        "name_ko": order,
        "name_en": order,
        "class": kind,
        "quantity": 1 + (rng.random(len(order)) < 0.04),
        "done_at": done,
        "dc": dc,
        "remark": remark,
    }
    texts = {
        "code": book.written(book.order),
        "name_ko": names(cat.orders, "name_ko"),
        "name_en": names(cat.orders, "name_en"),
        "class": pa.array(CLASSES),
    }
    orders = scene.record(visit, at, columns, texts | {"remark": remarks})
    return orders, _reports(scene, texts, visit[~dc], order[~dc], done[~dc])


def _chosen_bodies(rng: np.random.Generator, rows: Rows, orders: Rows, order: Ints) -> Ints:
    """A text that fits each order, as a position in `rows`; -1 where none does."""
    named = [set(filter(None, row["orders"].split(";"))) for row in rows]
    fits = np.array([[of["key"] in keys or (not keys and of["kind"] == "imaging") for keys in named] for of in orders])
    lots = np.where(fits[order], rng.random((len(order), len(rows))), 0.0)
    return np.where(fits[order].any(axis=1), lots.argmax(axis=1), -1)


def _reports(scene: Scene, texts: dict[str, Texts], visit: Ints, order: Ints, done: Ints) -> Frame:
    rng, rows = scene.rng, read_rows(HERE / "lists" / "report_bodies.csv")
    chosen = _chosen_bodies(rng, rows, scene.cat.orders, order)
    read = (chosen >= 0) & (rng.random(len(chosen)) < 0.92)
    visit, order, done, chosen = visit[read], order[read], done[read], chosen[read]
    body, bodies = scene.remarks["report"].told(
        rng,
        scene.visits.patient[visit],
        chosen,
        pa.array([row["text"] for row in rows]),
        scene.rates["identifier_in_text"],
        before=True,
    )
    reported = done + spread(rng, 30, 4 * 24 * 60, len(done)) * 60
    columns = {
        "code": order,
        "name_ko": order,
        "class": (_kinds(scene)[order] == CLASSES.index("surgery")).astype(np.int64),
        "body": body,
        "reported_at": reported,
    }
    own = {"class": pa.array(["imaging", "pathology"]), "body": bodies}
    return scene.record(visit, done, columns, texts | own, seen=reported)
