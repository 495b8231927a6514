-- gcp_billing_costs: Google Cloud's rows in its own words and currency.
-- grain: one row per FOCUS row; key: cost_id
-- cost is before credits where the export tells them apart; cost + credits = BilledCost, always.
-- The row of a promotion (its id ends with `#promotion`) is a credit of its line: cost 0.
with

charges as (
    select
        *,
        case
            when ends_with(x_SourceRowId, '#promotion') then cast(0 as bignumeric)
            else coalesce(cast(json_value(x_Source, '$.cost') as bignumeric), BilledCost)
        end as cost
    from cost_data_standard_1_3
    where x_Provider = 'gcp'
)

select
    concat(x_DeliveryId, '/', x_SourceRowId) as cost_id,
    x_OrgSlug as org_slug,
    BillingAccountId as billing_account_id,
    SubAccountId as project_id,
    SubAccountName as project_name,
    json_value(x_Source, '$.service_id') as service_id,
    ServiceName as service_description,
    SkuId as sku_id,
    json_value(x_Source, '$.sku_description') as sku_description,
    ChargePeriodStart as usage_start_time,
    ChargePeriodEnd as usage_end_time,
    cost,
    BillingCurrency as currency,
    BilledCost - cost as credits,
    ConsumedQuantity as usage_amount,
    ConsumedUnit as usage_unit,
    parse_json(coalesce(json_query(x_Source, '$.labels'), Tags)) as labels,
    coalesce(safe_cast(json_value(x_Source, '$.export_time') as timestamp), x_IngestedAt) as extracted_at,
    coalesce(json_value(x_Source, '$.invoice_month'), format_timestamp('%Y%m', BillingPeriodStart)) as invoice_month
from charges
