"""The names of hospitals as pages head them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from etl.mapping.read.documents import hospital_folders, read_head
from etl.settings import Settings


@dataclass(frozen=True, slots=True)
class HospitalName:
    """A hospital's name in Korean and English."""

    ko: str
    en: str


def hospital_names(settings: Settings) -> dict[str, HospitalName]:
    """Hospitals' names as their `hospital.yaml` gives them; a broken file does not keep a report from being read."""
    found = {}
    for folder in hospital_folders(settings.mappings):
        name = read_head(folder).data.get("name")
        if isinstance(name, dict):
            found[folder.name] = HospitalName(str(name.get("ko")), str(name.get("en")))
    return found


#: Hospitals' names by their short ones.
Names = Mapping[str, HospitalName]


def name_of(names: Names, hospital: str) -> HospitalName:
    """A hospital's name; where its `hospital.yaml` gives none, its short one."""
    return names.get(hospital) or HospitalName(hospital, hospital)
