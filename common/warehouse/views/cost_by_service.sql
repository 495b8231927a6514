-- cost_by_service: what each service cost in the last 30 days, today included, in US dollars, dearest first.
-- grain: one row per provider and service; key: those two
-- FOCUS: service is ServiceName, total_cost BilledCost; avg_daily_cost = total_cost / 30, days without a charge included
-- Other currencies are converted by the rate of their billing month, one missing is an error.
with

charges as (
    select
        x_Provider as provider,
        ServiceName as service,
        BillingCurrency as currency,
        date_trunc(date(BillingPeriodStart), month) as month,
        sum(BilledCost) as billed_cost
    from daily_charges
    where
        ChargePeriodStart >= timestamp(date_sub(current_date('UTC'), interval 29 day))
        and ChargePeriodStart < timestamp(date_add(current_date('UTC'), interval 1 day))
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

totals as (
    select
        provider,
        service,
        sum(cost_usd) as total_cost
    from converted
    group by provider, service
)

select
    provider,
    service,
    total_cost,
    cast(safe_divide(total_cost, 30) as numeric) as avg_daily_cost
from totals
order by total_cost desc, provider, service
