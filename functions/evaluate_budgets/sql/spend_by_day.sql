-- Spend of a budget's scope by day and currency, in the period and in the history before it that the forecast learns from.
-- Source: cost_data_standard_1_3.  Grain: charge day, currency, in the period or before.
-- @charged_from, @charged_until: between them lie all charges that count; BigQuery reads only the partitions there.
-- {metric}: a cost column; {counted_by}: the column that says in which period a charge counts; {scope}: the scope's filters.
with charges as (
    select
        {counted_by} >= @period_start as in_period,
        date(ChargePeriodStart) as charge_day,
        BillingCurrency as currency,
        {metric} as cost,
        ChargePeriodStart as charged_at,
        x_IngestedAt as ingested_at
    from cost_data_standard_1_3
    where {counted_by} >= @history_start
        and {counted_by} < @period_end
        and ChargePeriodStart >= @charged_from
        and ChargePeriodStart <= @charged_until
        {scope}
)

select
    in_period,
    charge_day,
    currency,
    sum(cost) as spend,
    count(*) as charges,
    max(charged_at) as latest_charge,
    max(ingested_at) as ingested_at
from charges
group by in_period, charge_day, currency
