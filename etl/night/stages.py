"""Names and retries of the stages of a night, in order, for those who must not load the engine to know them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StageName:
    """One step of the night; `retries` is how often a fault that may pass is tried again (a closed gate never is)."""

    name: str
    title: str
    retries: int


STAGE_NAMES: tuple[StageName, ...] = (
    StageName("land", "land the files", 2),
    StageName("check_source", "check the source", 2),
    StageName("merge", "find whom it touches", 2),
    StageName("map", "map to the CDM", 2),
    StageName("derive", "derive eras and periods", 2),
    StageName("check_cdm", "check the CDM", 2),
    StageName("publish", "publish", 3),
)
