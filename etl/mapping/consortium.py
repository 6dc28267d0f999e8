"""The warehouse's one row of cdm_source, from `consortium.yaml`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from etl.errors import ConfigError, MappingError
from etl.mapping.check.problems import keys_of, problems_of
from etl.mapping.language.places import Place
from etl.mapping.read.documents import Document, read_file
from etl.vocabulary.release import Release

CDM_VERSION = "v5.4"
CDM_VERSION_CONCEPT = 756265


class Consortium(BaseModel):
    """`mappings/consortium.yaml`: who holds the warehouse."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    abbreviation: str
    holder: str
    description: str | None = None
    documentation: str | None = None
    etl: str | None = None


def read_consortium(mappings: Path) -> Consortium:
    """Read the file; ConfigError when it is missing, MappingError with every problem when it is wrong."""
    file = mappings / "consortium.yaml"
    if not file.is_file():
        raise ConfigError(
            f"{file} is missing: it says who holds the warehouse",
            hint=f"write it; its keys: {', '.join(keys_of(Consortium))}",
        )
    document = Document()
    read_file(file, mappings, document)
    document.places.setdefault((), Place(file.name, 1))  # of a file that holds nothing
    if document.problems:
        raise MappingError(document.problems)
    try:
        return Consortium.model_validate({k: v for k, v in document.data.items() if k != "entries" or v})
    except ValidationError as error:
        raise MappingError(problems_of(error, (), document, Consortium)) from error


def cdm_source_row(consortium: Consortium, release: Release, night: date) -> dict[str, object]:
    """The row by column of cdm_source; its dates are the night, until the warehouse dates it by all hospitals."""
    return {
        "cdm_source_name": consortium.name,
        "cdm_source_abbreviation": consortium.abbreviation[:25],
        "cdm_holder": consortium.holder,
        "source_description": consortium.description,
        "source_documentation_reference": consortium.documentation,
        "cdm_etl_reference": consortium.etl,
        "source_release_date": night,
        "cdm_release_date": night,
        "cdm_version": CDM_VERSION,
        "cdm_version_concept_id": CDM_VERSION_CONCEPT,
        "vocabulary_version": release.version[:20],
    }
