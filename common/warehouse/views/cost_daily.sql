-- cost_daily: what was billed each day, in US dollars, with usage.
-- grain: one row per charge day (UTC), provider, sub account, service, region, usage unit and tag set; key: those seven
-- FOCUS: account_id is SubAccountId, service ServiceName, region RegionId, usage_* Consumed*, tags Tags
-- cost_usd is BilledCost; other currencies are converted by the rate of their billing month, one missing is an error.
-- It is rounded once per currency, to 9 digits: exact totals are in cost_data_standard_1_3.
with

charges as (
    select
        date(ChargePeriodStart) as date,
        x_Provider as provider,
        SubAccountId as account_id,
        ServiceName as service,
        RegionId as region,
        ConsumedUnit as usage_unit,
        Tags as tags,
        BillingCurrency as currency,
        date_trunc(date(BillingPeriodStart), month) as month,
        sum(BilledCost) as billed_cost,
        sum(ConsumedQuantity) as usage_quantity,
        max(x_IngestedAt) as ingested_at
    from cost_data_standard_1_3
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
),

daily as (
    select
        date,
        provider,
        account_id,
        service,
        region,
        usage_unit,
        tags,
        sum(cost_usd) as cost_usd,
        cast(sum(usage_quantity) as numeric) as usage_quantity,
        max(ingested_at) as ingested_at
    from converted
    group by all
)

select
    date,
    provider,
    account_id,
    service,
    region,
    cost_usd,
    usage_quantity,
    usage_unit,
    parse_json(tags) as tags,
    ingested_at
from daily
