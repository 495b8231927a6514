-- The newest moment at which a charge of a budget's scope counts, of those since @since.
-- Source: cost_data_standard_1_3.  Grain: one row, null without charges.  Placeholders as in spend_by_day.sql.
select max({counted_by}) as counted_at
from cost_data_standard_1_3
where {counted_by} >= @since
    and ChargePeriodStart >= @charged_from
    and ChargePeriodStart <= @charged_until
    and BillingCurrency = @currency
    {scope}
