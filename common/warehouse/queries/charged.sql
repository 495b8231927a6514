-- charged: between which starts the charges of each delivery lie.  grain: one row per delivery
select
    x_DeliveryId as delivery_id,
    min(ChargePeriodStart) as first_start,
    max(ChargePeriodStart) as last_start
from cost_data_standard_1_3
group by delivery_id
