"""Which data sets are to be built by themselves, and building them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from etl.errors import EtlError
from etl.faults import as_etl_error
from etl.research.datasets import kept
from etl.research.datasets.build import Built, build
from etl.research.datasets.definition import Dataset, names, read_named
from etl.research.datasets.page import write_pages
from etl.settings import Settings
from etl.store.ledger.ledger import now

BY = "etl_datasets"
_WEEK = timedelta(days=7)


def build_due(settings: Settings, tell: Callable[[str], None]) -> Iterator[tuple[str, Built | EtlError]]:
    """Build every data set that is due; by name what came of it. One's fault keeps no other from being built."""
    for name in names(settings):
        try:
            dataset = read_named(settings, name)
            if not is_due(settings, dataset, now()):
                continue
            built = build(settings, dataset, BY, lambda stage, name=name: tell(f"{name}: {stage}"))  # type: ignore[misc]
            write_pages(settings, built.manifest)
        except Exception as error:  # whatever it is, the others are built
            yield name, as_etl_error(error)
        else:
            yield name, built


def is_due(settings: Settings, dataset: Dataset, moment: datetime) -> bool:
    """Whether a data set says that it is built by itself, and its newest version is as old as it says."""
    there = kept.versions(settings, dataset.name)
    if dataset.said.refresh == "weekly" and there:
        return moment - datetime.fromisoformat(kept.made(settings, dataset.name, there[-1]).at) >= _WEEK
    return dataset.said.refresh != "by_hand"
