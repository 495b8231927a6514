"""The roll-up: the shown charges added up by day and what budgets filter by, one per delivery, written in the swap that shows it.

It has the charges' own column names, so that most questions are the same text over either table.  ChargePeriodStart is the start of the day
(UTC), a cost column the sum of the charges that have that cost, null where none has.
"""

from __future__ import annotations

from common.focus import COST_TYPE, storage_schema

DAILY_TABLE = "daily_charges"

_KEYS = (
    "BillingAccountId",
    "BillingCurrency",
    "BillingPeriodStart",
    "RegionId",
    "RegionName",
    "ServiceName",
    "SubAccountId",
    "x_IntegrationId",
    "x_DeliveryId",
    "x_Provider",
)
_COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")

ADDED_UP = (*_COSTS, *_KEYS, "ChargePeriodStart", "x_IngestedAt")
"""The columns of the charges that the roll-up is made of."""

# grain: one row per charge day (UTC) and combination of the keys; key: those
DAILY_SQL = f"""
with
added_up as (
    select
        {", ".join(_KEYS)},
        date(ChargePeriodStart) as charge_day,
        {", ".join(f"sum({cost}) as {cost}" for cost in _COSTS)},
        count(*) as x_Charges,
        min(ChargePeriodStart) as x_FirstChargePeriodStart,
        max(ChargePeriodStart) as x_LastChargePeriodStart,
        max(x_IngestedAt) as x_IngestedAt
    from shown_rows
    group by all
)

select
    {", ".join(_KEYS)},
    timestamp(charge_day) as ChargePeriodStart,
    {", ".join(_COSTS)},
    x_Charges,
    x_FirstChargePeriodStart,
    x_LastChargePeriodStart,
    x_IngestedAt
from added_up
"""
"""BigQuery SQL over `shown_rows`: charges, from the ADDED_UP columns at least."""

DAILY_COLUMNS = {
    **{name: storage_schema()[name] for name in (*_KEYS, "ChargePeriodStart")},
    **dict.fromkeys(_COSTS, COST_TYPE),
    "x_Charges": "BIGINT",
    "x_FirstChargePeriodStart": storage_schema()["ChargePeriodStart"],
    "x_LastChargePeriodStart": storage_schema()["ChargePeriodStart"],
    "x_IngestedAt": storage_schema()["x_IngestedAt"],
}
"""The table `daily_charges`, in the order in which DAILY_SQL gives its columns."""
