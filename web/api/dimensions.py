"""Dimensions, and their values by prefix."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.reporting.dimension_values import LONGEST_PREFIX, MOST_VALUES, ask_values, names
from common.reporting.marks import charges_mark
from web.api.declare import Call, Routes
from web.api.shapes import Asked

routes = Routes("Costs")
_PATH = "/api/v1/organizations/{org}/dimensions"
DimensionName = Annotated[
    str,
    Field(min_length=1, max_length=300, description="As `group` takes it: service, account, a FOCUS column, tag:KEY"),
]


class Dimensions(BaseModel):
    """What charges are grouped and filtered by."""

    dimensions: list[str] = Field(description="Short names; any FOCUS column and tag:KEY is a dimension too")


class ValuesOf(Asked):
    """Which values."""

    prefix: str = Field("", max_length=LONGEST_PREFIX, description="How the value, or its name, begins, in any case")
    limit: int = Field(20, ge=1, le=MOST_VALUES, description="Most values")


class DimensionValue(BaseModel):
    """One value."""

    value: str
    name: str | None = Field(description="What users know it by")
    charges: int


class DimensionValues(BaseModel):
    """Values, those of the most charges first."""

    dimension: str
    values: list[DimensionValue]
    more: bool = Field(description="Whether others begin so too")


@routes.get(_PATH, answer=Dimensions)
def list_dimensions(call: Call) -> dict[str, Any]:
    """What charges can be grouped and filtered by."""
    return {"dimensions": names()}


@routes.get(f"{_PATH}/{{dimension}}/values", answer=DimensionValues, versioned=True)
def list_dimension_values(call: Call, dimension: DimensionName, query: ValuesOf) -> dict[str, Any]:
    """Values of a dimension that begin with a prefix, for suggestions."""
    call.versioned(charges_mark(call.rt, call.org_slug))
    return ask_values(call.rt, call.org_slug, dimension, query.prefix, query.limit).as_json()
