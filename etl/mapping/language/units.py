"""Conversions of measured values to the preferred unit of their concept."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from etl.mapping.language.words import ConceptId, Strict


class Affine(Strict):
    """A conversion that does more than multiply: value × factor + offset."""

    factor: Annotated[float, Field(gt=0, allow_inf_nan=False, description="what the value is multiplied by")]
    offset: Annotated[float, Field(allow_inf_nan=False, description="what is added then")]


Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Conversion(Strict):
    """How values of some measurements become their preferred unit."""

    concepts: Annotated[tuple[ConceptId, ...], Field(min_length=1, description="measurement concepts it holds for")]
    to: Annotated[ConceptId, Field(description="unit concept that the values get")]
    from_: Annotated[
        dict[int, Factor | Affine],
        Field(alias="from", min_length=1, description="unit concept that comes: factor, or factor and offset"),
    ]
    source: Annotated[str, Field(description="where the factors come from")]
