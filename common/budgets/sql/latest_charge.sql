-- The newest moment at which a charge of a budget's scope counts, of those since @since.
-- Source: {charges}.  Grain: one row, null without charges.  Placeholders as in spend_by_day.sql.
select max({counted_by}) as counted_at
from {charges}
where {counted_by} >= @since
    and ChargePeriodStart >= @charged_from
    and ChargePeriodStart <= @charged_until
    and BillingCurrency = @currency
    {scope}
