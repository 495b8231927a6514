-- charge: one charge with all of its columns.
-- grain: one row, or none; key: delivery_id and source_row_id.  The times are those between which the delivery's charges lie
select *
from cost_data_standard_1_3
where
    ChargePeriodStart >= @first_start
    and ChargePeriodStart <= @last_start
    and x_IntegrationId = @integration_id
    and x_DeliveryId = @delivery_id
    and x_SourceRowId = @source_row_id
