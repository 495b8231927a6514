-- cost_summary: the last 90 days, today included, in US dollars.
-- grain: one row per charge day (UTC) and provider; key: those two
-- FOCUS: total_cost is BilledCost; service_count counts ServiceName, account_count SubAccountId
-- Other currencies are converted by the rate of their billing month, one missing is an error.
with

recent as (
    select
        date(ChargePeriodStart) as date,
        x_Provider as provider,
        SubAccountId as account_id,
        ServiceName as service,
        BillingCurrency as currency,
        BillingPeriodStart as billed_from,
        BilledCost as billed_cost
    from daily_charges
    where
        ChargePeriodStart >= timestamp(date_sub(current_date('UTC'), interval 89 day))
        and ChargePeriodStart < timestamp(date_add(current_date('UTC'), interval 1 day))
),

-- counted apart from the costs: by far the cheaper way over millions of rows
counts as (
    select
        date,
        provider,
        count(distinct service) as service_count,
        count(distinct account_id) as account_count
    from recent
    group by date, provider
),

charges as (
    select
        date,
        provider,
        currency,
        date_trunc(date(billed_from), month) as month,
        sum(billed_cost) as billed_cost
    from recent
    group by date, provider, currency, billed_from
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

totals as (
    select
        date,
        provider,
        sum(cost_usd) as total_cost
    from converted
    group by date, provider
)

select
    totals.date,
    totals.provider,
    totals.total_cost,
    counts.service_count,
    counts.account_count
from totals
inner join counts on totals.date = counts.date and totals.provider is not distinct from counts.provider
order by totals.date, totals.provider
