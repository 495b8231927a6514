-- charged: between which starts the charges of each integration lie.  grain: one row per integration
select
    x_IntegrationId as integration_id,
    min(ChargePeriodStart) as first_start,
    max(ChargePeriodStart) as last_start
from cost_data_standard_1_3
group by integration_id
