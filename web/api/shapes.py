"""Shapes that several answers share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from common.domain.completeness import FILLING, FINAL, PROVISIONAL

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


class NoArguments(Asked):
    """A body that says nothing."""


class Completeness(BaseModel):
    """Whether the charges of the asked days are all there."""

    state: str = Field(
        description="filling: lines of some days continue to arrive; provisional: complete, and the month may change; final",
        json_schema_extra={"enum": [FILLING, PROVISIONAL, FINAL]},
    )
    filling_since: Day | None = Field(
        description="The first asked day that may still lack charges; null where all are complete"
    )
    late: list[str] = Field(description="Integrations whose next delivery is overdue")


class DeliveriesProved(BaseModel):
    """How many of the shown deliveries equal their source to the last digit."""

    deliveries: int
    proved: int
    rejected: int = Field(description="Newer deliveries of the same months that were refused; what was shown stays")


class RestatedDay(BaseModel):
    """A day that a newer delivery changed after it was complete."""

    day: Day
    currency: str
    delta: Amount = Field(description="Of BilledCost, all changes together")
    delivery_id: str


class NotCounted(BaseModel):
    """Lines that could not be mapped; they are in no sum."""

    lines: int
    amounts: dict[str, Amount] = Field(description="By currency, as far as they can be read")


class Receipt(BaseModel):
    """What an answer with money is worth."""

    currencies: list[str]
    as_of: Moment | None = Field(description="The newest delivery that the answer rests on; null without one")
    completeness: Completeness
    proof: DeliveriesProved
    restated: list[RestatedDay]
    quarantine: NotCounted
    rows_read: int = Field(description="How many charges were added up")
    mark: str = Field(description="The same while the charges and what is said of them here are the same")


class Source(BaseModel):
    """An integration whose charges the answer rests on."""

    integration_id: str
    provider: str | None
    as_of: Moment = Field(description="The provider's time of its newest delivery")
