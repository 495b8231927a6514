-- charges: single charges of some days, the largest amount first, whichever its sign.
-- grain: one row per charge; key: delivery_id and source_row_id, which order charges of one amount.
-- the_... stand for what common/warehouse/charges.py knows
select
    x_DeliveryId as delivery_id,
    x_SourceRowId as source_row_id,
    x_IntegrationId as integration_id,
    x_Provider as provider,
    ChargePeriodStart as charge_start,
    ChargePeriodEnd as charge_end,
    ChargeCategory as charge_category,
    ChargeDescription as charge_description,
    ServiceName as service_name,
    SubAccountId as sub_account_id,
    RegionId as region_id,
    ResourceId as resource_id,
    BillingCurrency as currency,
    the_metric as cost
from cost_data_standard_1_3
where
    ChargePeriodStart >= @from_time
    and ChargePeriodStart < @until_time
    and the_filters
order by abs(coalesce(the_metric, 0)) desc, delivery_id, source_row_id
limit the_most
