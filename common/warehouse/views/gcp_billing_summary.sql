-- gcp_billing_summary: Google Cloud's costs, credits and where the month is heading, in US dollars.
-- grain: one row per charge day (UTC), project and service that has charges; key: summary_id
-- net_cost = daily_cost + daily_credits; month_to_date sums net_cost from the first of the month;
-- projected_monthly = month_to_date / days elapsed x days in the month.
-- Other currencies are converted by the rate of their billing month, one missing is an error.
with

charges as (
    select
        x_OrgSlug as org_slug,
        date(ChargePeriodStart) as summary_date,
        SubAccountId as project_id,
        ServiceName as service_description,
        BillingCurrency as currency,
        date_trunc(date(BillingPeriodStart), month) as month,
        sum(
            case
                when ends_with(x_SourceRowId, '#promotion') then cast(0 as bignumeric)
                else coalesce(cast(json_value(x_Source, '$.cost') as bignumeric), BilledCost)
            end
        ) as cost,
        sum(BilledCost) as net_cost,
        max(x_IngestedAt) as updated_at
    from cost_data_standard_1_3
    where x_Provider = 'gcp'
    group by all
),

rated as (
    select
        charges.*,
        case
            when currency = 'USD' then cast(1 as numeric)
            when usd_rate is not null then usd_rate
            else cast(
                error(concat('no exchange rate from ', currency, ' to USD for ', format_date('%Y-%m', month)))
                as numeric
            )
        end as rate
    from charges
    left join exchange_rates using (currency, month)
),

daily as (
    select
        org_slug,
        summary_date,
        project_id,
        service_description,
        sum(cast(round(cost, 12) * rate as numeric)) as daily_cost,
        sum(cast(round(net_cost, 12) * rate as numeric)) as net_cost,
        max(updated_at) as updated_at
    from rated
    group by all
),

running as (
    select
        *,
        sum(net_cost) over (
            partition by org_slug, project_id, service_description, date_trunc(summary_date, month)
            order by summary_date
        ) as month_to_date
    from daily
)

select
    concat(cast(summary_date as string), '/', coalesce(project_id, ''), '/', service_description) as summary_id,
    org_slug,
    summary_date,
    project_id,
    service_description,
    daily_cost,
    net_cost - daily_cost as daily_credits,
    net_cost,
    month_to_date,
    cast(
        safe_divide(
            month_to_date * extract(day from last_day(summary_date, month)), extract(day from summary_date)
        ) as numeric
    ) as projected_monthly,
    updated_at
from running
