-- costs: what was charged in a span of time, by one dimension.
-- grain: one row per value of the dimension and currency; key: those two.  Currencies never add up.
-- the_column, the_name, the_metric and the_key stand for what common/warehouse/cost_report.py knows; the_key is made of
-- `grouped` after the millions of rows are added up, as a tag is read out of each tag set once
with

charges as (
    select
        the_column as grouped,
        max(the_name) as name,
        BillingCurrency as currency,
        sum(the_metric) as cost,
        count(*) as charges
    from cost_data_standard_1_3
    where
        ChargePeriodStart >= @from_time
        and ChargePeriodStart < @until_time
    group by grouped, currency
)

select
    the_key as key,
    max(name) as name,
    currency,
    sum(cost) as cost,
    sum(charges) as charges
from charges
group by key, currency
