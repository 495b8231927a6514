"""Exchange rates of an organization, for its views in US dollars."""

from __future__ import annotations

from typing import Any

from common.domain.money import plain
from common.errors import NotFound
from common.ports import Runtime
from common.records.organizations import organization_path
from common.warehouse.rates import ExchangeRate, save_rates, saved_rates


def list_rates(rt: Runtime, org_slug: str) -> list[ExchangeRate]:
    """The rates, by month and currency.  Raises NotFound for an organization that is not there."""
    if rt.documents.get(organization_path(org_slug)) is None:
        raise NotFound(f"there is no organization {org_slug}; costwire tenants list shows them")
    return sorted(saved_rates(rt.documents, org_slug), key=lambda rate: (rate.month, rate.currency))


def set_rates(rt: Runtime, org_slug: str, text: str) -> int:
    """Keep the rates of a file's text instead of the earlier ones; returns how many.  Raises BadConfiguration naming the line."""
    return save_rates(rt.documents, org_slug, text)


def rate_as_json(rate: ExchangeRate) -> dict[str, Any]:
    """For programs; the rate is an exact decimal as text."""
    return {**vars(rate), "month": f"{rate.month:%Y-%m}", "usd_rate": plain(rate.usd_rate)}
