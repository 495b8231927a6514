"""An organization's own prices of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from common.ports import Runtime
from common.records import contract_prices
from common.records.contract_prices import ContractPrice, save_prices, saved_prices


def list_prices(rt: Runtime, org_slug: str) -> list[ContractPrice]:
    """The prices, by provider, model, kind and day."""
    found = saved_prices(rt.documents, org_slug)
    return sorted(found, key=lambda one: (one.provider, one.model, one.token_kind, one.variant, one.valid_from))


def set_prices(rt: Runtime, org_slug: str, text: str) -> int:
    """Store the prices of a file's text instead of the earlier ones; returns how many.  Raises BadConfiguration naming the line.

    They count for bills that are delivered from now on: what has been normalized stays as it is.
    """
    return save_prices(rt.documents, org_slug, text)


def set_price_rows(rt: Runtime, org_slug: str, rows: Sequence[Mapping[str, str | None]]) -> int:
    """The same from rows, each with the columns of the file.  Raises BadConfiguration naming the row."""
    return contract_prices.save_rows(rt.documents, org_slug, rows)


def remove_prices(rt: Runtime, org_slug: str) -> int:
    """Remove all prices, again for bills that are delivered from now on; returns how many there were."""
    return contract_prices.remove_prices(rt.documents, org_slug)


def price_as_json(price: ContractPrice) -> dict[str, Any]:
    """For programs; the price is an exact decimal as text, and a validity without an end has none."""
    return {**price.as_text(), "valid_to": None if price.valid_to == date.max else price.valid_to.isoformat()}
