"""An organization's own prices of models."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from common.records.contract_prices import KINDS, MOST_ROWS, PAY_AS_YOU_GO, PROVIDERS, TIERS, VARIANTS
from common.tenancy.prices import list_prices, price_as_json, remove_prices, set_price_rows
from web.api.declare import Call, Routes
from web.api.shapes import Amount, Asked, Day

routes = Routes("Prices")
_PATH = "/api/v1/organizations/{org}/prices"


def _one_of(values: tuple[str, ...]) -> dict[str, Any]:
    return {"enum": list(values)}


class ContractPrice(Asked):
    """What was agreed for a million tokens.  Of one model, kind and variant one price is valid on a day."""

    provider: str = Field(max_length=40, json_schema_extra=_one_of(PROVIDERS))
    model: str = Field(max_length=100, description="As billed, or its family", examples=["gpt-4o-mini"])
    token_kind: str = Field(max_length=40, json_schema_extra=_one_of(KINDS))
    variant: str = Field("standard", max_length=40, json_schema_extra=_one_of(VARIANTS))
    tier: str = Field(PAY_AS_YOU_GO, max_length=40, json_schema_extra=_one_of(TIERS))
    price: Amount = Field(max_length=60)
    currency: str = Field(max_length=3, description="ISO 4217", examples=["USD"])
    valid_from: Day = Field(max_length=10)
    valid_to: Day | None = Field(None, max_length=10, description="The day after the last; null: until further notice")


class ContractPrices(Asked):
    """All of them."""

    prices: list[ContractPrice] = Field(max_length=MOST_ROWS)


class PricesRemoved(BaseModel):
    """How many there were."""

    removed: int


@routes.get(_PATH, answer=ContractPrices)
def list_contract_prices(call: Call) -> dict[str, Any]:
    """The organization's own prices, by provider, model, kind and day."""
    return {"prices": [price_as_json(one) for one in list_prices(call.rt, call.org_slug)]}


@routes.put(_PATH, answer=ContractPrices, action="prices.change")
def set_contract_prices(call: Call, body: ContractPrices) -> dict[str, Any]:
    """Replace all prices.  They apply to bills delivered from now on: what has been normalized stays as it is."""
    set_price_rows(call.rt, call.org_slug, [one.model_dump() for one in body.prices])
    return list_contract_prices(call)


@routes.delete(_PATH, answer=PricesRemoved, action="prices.remove")
def remove_contract_prices(call: Call) -> dict[str, Any]:
    """Remove all prices: bills delivered from now on have what was paid as their contracted price."""
    return {"removed": remove_prices(call.rt, call.org_slug)}
