"""Restatements: what a newer delivery of a slice changed, by service, day and currency."""

from __future__ import annotations

from collections.abc import Sequence

COMPARED = ("ServiceName", "ChargePeriodStart", "BillingCurrency", "BilledCost", "EffectiveCost")


def restatement_sql(slice_keys: Sequence[str] = ()) -> str:
    """BigQuery SQL over `before_rows` and `after_rows`: the charges of a slice, from the COMPARED columns at least.

    slice_keys: columns of both that tell slices apart, where they are of several; they come first.
    """
    return _SQL.format(keys="".join(f"{name}, " for name in slice_keys))


# grain: one row per slice, service, charge day (UTC) and currency whose costs or number of rows changed; key: those four
_SQL = """
with
sides as (
    select *, true as is_after from after_rows
    union all
    select *, false as is_after from before_rows
),

compared as (
    select
        {keys}ServiceName as service_name,
        date(ChargePeriodStart) as charge_date,
        BillingCurrency as currency,
        coalesce(sum(case when not is_after then BilledCost end), 0) as billed_cost_before,
        coalesce(sum(case when is_after then BilledCost end), 0) as billed_cost_after,
        coalesce(sum(case when not is_after then EffectiveCost end), 0) as effective_cost_before,
        coalesce(sum(case when is_after then EffectiveCost end), 0) as effective_cost_after,
        count(case when not is_after then 1 end) as rows_before,
        count(case when is_after then 1 end) as rows_after
    from sides
    group by all
)

select
    {keys}service_name,
    charge_date,
    currency,
    cast(billed_cost_before as bignumeric) as billed_cost_before,
    cast(billed_cost_after as bignumeric) as billed_cost_after,
    cast(billed_cost_after - billed_cost_before as bignumeric) as billed_cost_delta,
    cast(effective_cost_after - effective_cost_before as bignumeric) as effective_cost_delta,
    rows_before,
    rows_after
from compared
where
    billed_cost_after <> billed_cost_before
    or effective_cost_after <> effective_cost_before
    or rows_after <> rows_before
order by service_name, charge_date, currency
"""

RESTATEMENT_COLUMNS = {
    "integration_id": "VARCHAR",
    "billing_period": "VARCHAR",
    "delivery_replaced": "VARCHAR",
    "delivery_now": "VARCHAR",
    "replaced_at": "TIMESTAMP WITH TIME ZONE",
    "service_name": "VARCHAR",
    "charge_date": "DATE",
    "currency": "VARCHAR",
    "billed_cost_before": "DECIMAL(38,24)",
    "billed_cost_after": "DECIMAL(38,24)",
    "billed_cost_delta": "DECIMAL(38,24)",
    "effective_cost_delta": "DECIMAL(38,24)",
    "rows_before": "BIGINT",
    "rows_after": "BIGINT",
}
"""The table `restatements`."""
