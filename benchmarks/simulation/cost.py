"""What a simulated day costs: time, requests and messages as simulated, the rest by common/running_costs/model.py for such tenants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from common.running_costs.model import MINIMUM_MESSAGE_BYTES, month
from common.running_costs.prices import in_usd, load_prices, times, total_of
from common.running_costs.world import Quantities, load_measured, load_scenarios, load_world

from .platform import Platform
from .tenants import Mix, lines_of_large


def day_cost(mix: Mix, changed: Mapping[str, Any], platform: Platform, days: int) -> Decimal:
    """US dollars a day at list price, without the fixed cost."""
    assumed, _, kinds = load_scenarios()
    worlds = [
        load_world({**assumed, **changed, "month_to_date": share}, load_measured())
        for share in (str(mix.month_to_date), "1")
    ]
    small = replace(
        kinds["million"], lines=Decimal(mix.lines), budgets=mix.budgets, refreshes_per_day=1, closing_deliveries=0
    )
    large = replace(
        kinds["huge"],
        lines=Decimal(lines_of_large(mix, worlds[1])),
        files=mix.large_files,
        budgets=mix.large_budgets,
        closing_deliveries=0,
    )
    found = total_of(
        [
            (name, times(quantities, count))
            for tenant, world, count in ((small, worlds[0], mix.tenants - mix.large), (large, worlds[1], mix.large))
            for name, quantities in month(tenant, world)
        ]
    )
    a_day = {name: quantity / worlds[0].assumed["days"] for name, quantity in found.items()}
    prices, _ = load_prices()
    return in_usd({**a_day, **_simulated(platform, days)}, prices)


def _simulated(platform: Platform, days: int) -> Quantities:
    services = platform.services.values()
    seconds = {
        "vcpu_second": sum(one.usage.billed_seconds * one.size.cpu for one in services),
        "gib_second": sum(one.usage.billed_seconds * one.size.gib for one in services),
    }
    pushes = sum(one.usage.requests for one in services)
    found = {name: Decimal(round(each)) for name, each in seconds.items()}
    found["request"] = Decimal(pushes - sum(one.usage.refused for one in services))
    found["pubsub_byte"] = Decimal((platform.published + pushes) * MINIMUM_MESSAGE_BYTES)
    return {name: quantity / days for name, quantity in found.items()}
