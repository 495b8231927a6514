"""Shapes that several answers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Amount = Annotated[
    str,
    Field(
        pattern=r"^-?[0-9]+(\.[0-9]+)?$",
        description="An exact decimal as text: read it with a decimal type, never as a binary float",
        examples=["1234.5678"],
    ),
]
Day = Annotated[str, Field(json_schema_extra={"format": "date"}, examples=["2026-03-31"])]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"}, examples=["2026-04-01T06:14:00+00:00"])]


class Asked(BaseModel):
    """A query string or a body: what is not declared is refused."""

    model_config = ConfigDict(extra="forbid")


class Receipt(BaseModel):
    """What an answer with money is worth."""

    as_of: Moment | None = Field(description="The newest delivery that the answer rests on; null without one")
    mark: str = Field(description="The version of the charges: the answer is the same while it is")
    filling_since: Day | None = Field(
        description="The first asked day that may still lack charges; null where all are complete"
    )


class Source(BaseModel):
    """An integration whose charges the answer rests on."""

    integration_id: str
    provider: str | None
    as_of: Moment = Field(description="The provider's time of its newest delivery")
