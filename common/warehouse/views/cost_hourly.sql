-- cost_hourly: what was billed each hour, in US dollars, from charges whose period is an hour or less.
-- grain: one row per hour (UTC), provider, sub account and service; key: those four
-- FOCUS: timestamp is the hour of ChargePeriodStart, account_id SubAccountId, service ServiceName
-- cost_usd is BilledCost; other currencies are converted by the rate of their billing month, one missing is an error.
with

charges as (
    select
        timestamp_trunc(ChargePeriodStart, hour) as timestamp,
        x_Provider as provider,
        SubAccountId as account_id,
        ServiceName as service,
        BillingCurrency as currency,
        date_trunc(date(BillingPeriodStart), month) as month,
        sum(BilledCost) as billed_cost,
        max(x_IngestedAt) as ingested_at
    from cost_data_standard_1_3
    where timestamp_diff(ChargePeriodEnd, ChargePeriodStart, second) <= 3600
    group by all
),

converted as (
    select
        charges.*,
        case
            when currency = 'USD' then cast(billed_cost as numeric)
            when usd_rate is not null then cast(round(billed_cost, 12) * usd_rate as numeric)
            else cast(
                error(concat('no exchange rate from ', currency, ' to USD for ', format_date('%Y-%m', month)))
                as numeric
            )
        end as cost_usd
    from charges
    left join exchange_rates using (currency, month)
)

select
    timestamp,
    provider,
    account_id,
    service,
    sum(cost_usd) as cost_usd,
    max(ingested_at) as ingested_at
from converted
group by timestamp, provider, account_id, service
