-- costs: what was charged in a span of time, by one dimension.
-- grain: one row per value of the dimension and currency; key: those two.  Currencies never add up.
-- the_key, the_name and the_metric stand for columns that common/warehouse/cost_report.py knows
select
    the_key as key,
    max(the_name) as name,
    BillingCurrency as currency,
    sum(the_metric) as cost,
    count(*) as charges
from cost_data_standard_1_3
where
    ChargePeriodStart >= @from_time
    and ChargePeriodStart < @until_time
group by key, currency
