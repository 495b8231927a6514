-- costs: what was charged in one or two spans of days, by dimensions.
-- grain: one row per span, currency, billing month (where asked) and value of each dimension; key: those.  Currencies never add up.
-- span is 'previous' before @from_time, 'asked' up to @complete_until, else 'filling'; known counts the charges that have an amount
-- the_... stand for what common/warehouse/cost_report.py knows; keys are made after the millions of rows are added up, as a
-- tag is read out of each tag set once
with

charges as (
    select
        case
            when ChargePeriodStart < @from_time then 'previous'
            when ChargePeriodStart < @complete_until then 'asked'
            else 'filling'
        end as span,
        the_grouped,
        the_month as billing_month,
        BillingCurrency as currency,
        sum(the_metric) as cost,
        count(the_metric) as known,
        count(*) as charges
    from cost_data_standard_1_3
    where
        the_days
        and the_filters
    group by all
)

select
    span,
    the_keys,
    billing_month,
    currency,
    sum(cost) as cost,
    sum(known) as known,
    sum(charges) as charges
from the_source
where the_outcomes
group by all
