-- Which of some deliveries have charges of a budget's scope in a period.
-- Source: {charges}.  Grain: delivery.  Placeholders as in spend_by_day.sql.
select x_DeliveryId as delivery_id
from {charges}
where {counted_by} >= @period_start
    and {counted_by} < @period_end
    and ChargePeriodStart >= @charged_from
    and ChargePeriodStart <= @charged_until
    and BillingCurrency = @currency
    and x_DeliveryId in unnest(@delivery_ids)
    {scope}
group by x_DeliveryId
