-- Spend of a budget's scope by service, and beside it, over the same span of days, of the period before.
-- Source: {charges}.  Grain: service, in the budget's currency.
-- compared_spend: of the days before @compared_until, those that are whole; previous_spend: of as many days before @previous_until.
-- Placeholders as in spend_by_day.sql; without a period before, @previous_start is @period_start.
with charges as (
    select
        coalesce(ServiceName, 'service not named') as service,
        {metric} as cost,
        {counted_by} >= @period_start as in_period,
        ChargePeriodStart < @compared_until as is_compared
    from {charges}
    where {counted_by} >= @previous_start
        and {counted_by} < @period_end
        and ({counted_by} >= @period_start or ChargePeriodStart < @previous_until)
        and ChargePeriodStart >= @charged_from
        and ChargePeriodStart <= @charged_until
        and BillingCurrency = @currency
        {scope}
)

select
    service,
    sum(case when in_period then cost end) as spend,
    sum(case when in_period and is_compared then cost end) as compared_spend,
    sum(case when not in_period then cost end) as previous_spend
from charges
group by service
