-- OCI cost report to FOCUS 1.3.
-- Source: OCI documentation, cost and usage reports.  Grain and key: one row a line of the report.
-- All rows are usage: the report has no tax, no credits and no commitment purchases.  billedQuantity, myCost and unitPrice include
-- overage already; the ...Overage columns are parts of them and go to x_Source.  myCost is what is charged, even where it differs from
-- unitPrice * billedQuantity.  There is no list price: list and contracted price are the unit price, both costs are multiplied out.
-- Variables: fallback_currency, for lines with an empty currency code; delivered_at: a correction of a month that was still open then has
-- no ChargeClass.  Without it every correction counts as one of an invoiced month.
with
lines as (
    select
        source_row_id,
        to_cost("cost/myCost") as cost,
        to_cost("cost/unitPrice") as unit_price,
        to_quantity("usage/billedQuantity") as quantity,
        coalesce(blank_to_null("cost/currencyCode"), cast(getvariable('fallback_currency') as varchar)) as currency,
        to_time("lineItem/intervalUsageStart") as usage_start,
        to_time("lineItem/intervalUsageEnd") as usage_end,
        blank_to_null("lineItem/tenantId") as tenant,
        lower(blank_to_null("lineItem/isCorrection")) as correction,
        blank_to_null("product/service") as service_name,
        blank_to_null("product/Description") as description,
        blank_to_null("product/compartmentId") as compartment,
        blank_to_null("product/compartmentName") as compartment_name,
        -- a region's key, as in IAD, or its name
        case
            when length("product/region") = 3 then coalesce(getvariable('oci_region_keys')[lower("product/region")], "product/region")
            else blank_to_null("product/region")
        end as region,
        blank_to_null("product/availabilityDomain") as availability_domain,
        blank_to_null("product/resourceId") as resource,
        coalesce(blank_to_null("cost/productSku"), blank_to_null("product/Description")) as sku,
        blank_to_null("cost/skuUnitDescription") as price_unit,
        blank_to_null("cost/billingUnitReadable") as billing_unit,
        tags,
        "usage/billedQuantity" as quantity_text,
        "cost/unitPrice" as unit_price_text,
        json_object(
            'reference_number', "lineItem/referenceNo",
            'back_reference_number', "lineItem/backreferenceNo",
            'is_correction', "lineItem/isCorrection",
            'subscription_id', "cost/subscriptionId",
            'overage_flag', "cost/overageFlag",
            'billed_quantity_overage', "usage/billedQuantityOverage",
            'unit_price_overage', "cost/unitPriceOverage",
            'cost_overage', "cost/myCostOverage"
        ) as facts
    from source
),

-- a row without a quantity, and a cost without usage, is charged once: one unit at the price of the cost
measured as (
    select
        *,
        quantity is null or (quantity = 0 and cost <> 0) as charged_once,
        case
            when quantity is null or (quantity = 0 and cost <> 0) then cast(case when cost < 0 then -1 else 1 end as decimal(38, 12))
            when cost < 0 then -abs(quantity)
            when cost > 0 then abs(quantity)
            else quantity
        end as pricing_quantity
    from lines
),

priced as (
    select
        measured.*,
        fit_price(
            case
                when charged_once then abs(cost)
                when unit_price is not null then abs(unit_price)
                when quantity = 0 then cast(0 as decimal(38, 24))
                else made_price(cost, pricing_quantity)
            end,
            pricing_quantity
        ) as price,
        date_trunc('month', usage_start) as month_start,
        date_trunc('month', usage_start) + interval 1 month as month_end,
        case when charged_once then 'Units' else coalesce(sku_units.unit, price_unit, billing_units.unit, billing_unit, 'Units') end
            as pricing_unit,
        case when quantity is null then 'Units' else coalesce(billing_units.unit, billing_unit, sku_units.unit, price_unit, 'Units') end
            as consumed_unit,
        case when resource like 'ocid1.%' then split_part(resource, '.', 2) end as resource_kind
    from measured
    left join oci_units as sku_units on sku_units.source_unit = price_unit
    left join oci_units as billing_units on billing_units.source_unit = billing_unit
),

costed as (
    select
        priced.*,
        multiply(price, pricing_quantity) as price_times_quantity,
        case
            when cost is null then 'cost/myCost holds no readable number'
            when currency is null then 'cost/currencyCode is empty, expected an ISO 4217 code here or on another row of the file'
            when currencies.code is null then 'cost/currencyCode is not an ISO 4217 code'
            when usage_start is null then 'lineItem/intervalUsageStart holds no readable time'
            when usage_end is null then 'lineItem/intervalUsageEnd holds no readable time'
            when usage_end <= usage_start then 'lineItem/intervalUsageEnd is not after lineItem/intervalUsageStart'
            when tenant is null then 'lineItem/tenantId is empty, expected the tenancy'
            when service_name is null then 'product/service is empty, expected the name of a service'
            when sku is null then 'cost/productSku is empty, expected a SKU'
            when correction not in ('true', 'false') then 'lineItem/isCorrection is not known, expected true or false'
            when quantity is null and blank_to_null(quantity_text) is not null then 'usage/billedQuantity holds no readable number'
            when unit_price is null and blank_to_null(unit_price_text) is not null then 'cost/unitPrice holds no readable number'
            when multiply(price, pricing_quantity) is null
                then 'cost/unitPrice times usage/billedQuantity is too large, expected at most 14 integer digits'
        end as quarantine_reason
    from priced
    left join currencies on currencies.code = currency
)

select
    -- costs
    cost as BilledCost,
    cost as EffectiveCost,
    price_times_quantity as ListCost,
    price_times_quantity as ContractedCost,
    price as ListUnitPrice,
    price as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    price as PricingCurrencyListUnitPrice,
    price as PricingCurrencyContractedUnitPrice,
    cost as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_end as BillingPeriodEnd,
    usage_start as ChargePeriodStart,
    usage_end as ChargePeriodEnd,
    -- accounts
    tenant as BillingAccountId,
    null as BillingAccountName,
    'Tenancy' as BillingAccountType,
    compartment as SubAccountId,
    case when compartment is not null then coalesce(compartment_name, compartment) end as SubAccountName,
    case when compartment is not null then 'Compartment' end as SubAccountType,
    null as InvoiceId,
    'Oracle' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    case
        when correction = 'true' and coalesce(cast(getvariable('delivered_at') as timestamptz) >= month_end, true) then 'Correction'
    end as ChargeClass,
    coalesce(description, sku) as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    -- the sign of the pricing quantity, also where a correction repeats the positive quantity that it takes back
    case
        when quantity is null then pricing_quantity
        when pricing_quantity < 0 then -abs(quantity)
        when pricing_quantity > 0 then abs(quantity)
        else quantity
    end as ConsumedQuantity,
    consumed_unit as ConsumedUnit,
    -- service
    service_name as ServiceName,
    coalesce(oci_services.service_category, 'Other') as ServiceCategory,
    coalesce(oci_services.service_subcategory, 'Other (Other)') as ServiceSubcategory,
    'Oracle' as ServiceProviderName,
    'Oracle' as HostProviderName,
    'Oracle' as ProviderName,
    'Oracle' as PublisherName,
    -- place and resource; most ids are OCIDs, others are buckets and metric namespaces, whose kind the service tells
    region as RegionId,
    coalesce(oci_regions.region_name, region) as RegionName,
    availability_domain as AvailabilityZone,
    resource as ResourceId,
    null as ResourceName,
    case
        when resource is null then null
        when resource_kind is not null then coalesce(oci_resource_types.resource_type, resource_kind)
        else coalesce(oci_services.resource_type, service_name || ' resource')
    end as ResourceType,
    coalesce(tags, '{}') as Tags,
    -- SKU
    sku as SkuId,
    coalesce(description, sku) as SkuMeter,
    sku || '/' || pricing_unit as SkuPriceId,
    null as SkuPriceDetails,
    -- what the report does not have
    null as CapacityReservationId,
    null as CapacityReservationStatus,
    null as CommitmentDiscountCategory,
    null as CommitmentDiscountId,
    null as CommitmentDiscountName,
    null as CommitmentDiscountQuantity,
    null as CommitmentDiscountStatus,
    null as CommitmentDiscountType,
    null as CommitmentDiscountUnit,
    null as AllocatedMethodDetails,
    null as AllocatedMethodId,
    null as AllocatedResourceId,
    null as AllocatedResourceName,
    null as AllocatedTags,
    null as ContractApplied,
    null as x_CostCategories,
    facts as x_Source,
    source_row_id,
    quarantine_reason
from costed
left join oci_services on oci_services.service = upper(service_name)
left join oci_regions on oci_regions.region_id = region
left join oci_resource_types on oci_resource_types.ocid_type = resource_kind
