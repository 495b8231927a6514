-- deliveries: which of some deliveries have charges in a span of time.  grain: delivery
select x_DeliveryId as delivery_id
from cost_data_standard_1_3
where
    ChargePeriodStart >= @from_time
    and ChargePeriodStart < @until_time
    and x_DeliveryId in unnest(@delivery_ids)
group by x_DeliveryId
