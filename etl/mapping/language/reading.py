"""How the texts of a source are written where they do not tell it themselves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from etl.mapping.language.words import Strict, known_zone

Form = Annotated[str, Field(pattern=r"^(YYYY|YY|MON|MM|M|DD|D|HH12|HH|H|MI|SS|AM|[-/. :,T]|년|월|일|시|분|초)+$")]


class Reading(Strict):
    """How texts are written where they do not tell it themselves, of a source or of one of its columns."""

    dates: Annotated[
        tuple[
            Annotated[str, Field(pattern=r"^(YYYY|YY|MON|MM|M|DD|D|HH12|HH|H|MI|SS|AM|[-/. :,T]|년|월|일|시|분|초)+$")],
            ...,
        ],
        Field(
            description="forms of dates and times, tried in turn before the usual ones, such as `M/D/YYYY`, "
            "`DD.MM.YYYY HH:MI`; made of YYYY YY MM M MON DD D HH H HH12 MI SS AM and signs"
        ),
    ] = ()
    null: Annotated[tuple[str, ...], Field(description="texts that say nothing, such as `null` or `\\N`")] = ()
    decimal: Annotated[Literal[".", ","], Field(description="before the decimals of a number")] = "."
    thousands: Annotated[
        Literal["", ",", ".", " ", "'"] | None,
        Field(description="between thousands; default: a comma where `decimal` is a point"),
    ] = None
    zone: Annotated[
        str | None,
        Field(description="time zone of times that do not say theirs, such as `UTC`; default: the hospital's"),
    ] = None

    @model_validator(mode="after")
    def _sound(self) -> Reading:
        if self.thousands == self.decimal:
            raise ValueError("decimal and thousands are the same sign")
        return self

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        return known_zone(value) if value else None

    def beside(self, whole: Reading) -> Reading:
        """What holds for a column: its own keys, and for the others those of the source."""
        return whole.model_copy(update={name: getattr(self, name) for name in self.model_fields_set})
