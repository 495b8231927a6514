-- Spend of a budget's scope by day, currency and source, in the period and in the history before it that the forecast learns from.
-- Source: {charges}, slices.  Grain: charge day, currency, in the period or before, provider, integration.
-- delivered_at: the time of the newest billing period's current delivery of the integration; charged_until: the newest day of which it
-- has a charge at all; null where there is no slice of it.  How many days before it still fills is its own (common/domain/completeness.py).
-- A slice whose delivery was withdrawn, so that it has no rows, says nothing of when days were delivered.
-- @charged_from, @charged_until: between them lie all charges that count; BigQuery reads only the partitions there.
-- {charges}: daily_charges, or the charges themselves for a scope that the roll-up does not have; {number}: how many charges a row of it
-- is; {last}: the start of its last one.
-- {metric}: a cost column; {counted_by}: the column that says in which period a charge counts; {scope}: the scope's filters.
with newest as (
    select
        integration_id,
        max(billing_period) as billing_period,
        max(last_start) as last_start
    from slices
    where last_start is not null
    group by integration_id
),

sources as (
    select
        newest.integration_id,
        slices.delivered_at,
        date(newest.last_start) as charged_until
    from newest
    inner join slices
        on newest.integration_id = slices.integration_id and newest.billing_period = slices.billing_period
),

charges as (
    select
        {counted_by} >= @period_start as in_period,
        date(ChargePeriodStart) as charge_day,
        BillingCurrency as currency,
        x_Provider as provider,
        x_IntegrationId as integration_id,
        {metric} as cost,
        {number} as number,
        {last} as charged_at,
        x_IngestedAt as ingested_at
    from {charges}
    where {counted_by} >= @history_start
        and {counted_by} < @period_end
        and ChargePeriodStart >= @charged_from
        and ChargePeriodStart <= @charged_until
        {scope}
)

select
    charges.in_period,
    charges.charge_day,
    charges.currency,
    charges.provider,
    charges.integration_id,
    sources.delivered_at,
    sources.charged_until,
    sum(charges.cost) as spend,
    sum(charges.number) as charges,
    max(charges.charged_at) as latest_charge,
    max(charges.ingested_at) as ingested_at
from charges
left join sources on charges.integration_id = sources.integration_id
group by
    charges.in_period,
    charges.charge_day,
    charges.currency,
    charges.provider,
    charges.integration_id,
    sources.delivered_at,
    sources.charged_until
