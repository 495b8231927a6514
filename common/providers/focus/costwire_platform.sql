-- A month of the platform's own bill to FOCUS 1.3.
-- Source: common/running_costs/bill.py.  Grain and key: one row a line, of one day, organization and kind.
-- The amount is an estimate by counts and list prices, and the operator may have the cloud bill itself: it is x_EstimatedCost, and every cost of FOCUS is
-- 0, so that no total counts it twice.
with
lines as (
    select
        source_row_id,
        to_cost(estimated_cost) as estimated,
        upper(blank_to_null(currency)) as currency,
        to_time(billing_month) as month_start,
        to_time(usage_day) as charge_start,
        to_time(day_end) as charge_end,
        blank_to_null(organization) as organization,
        blank_to_null(usage_kind) as kind,
        blank_to_null(kind_title) as title,
        blank_to_null(service_category) as category,
        blank_to_null(service_subcategory) as subcategory,
        blank_to_null(billing_account) as account,
        json_object('units', units, 'counts', counts, 'not_known', not_known, 'prices_as_of', prices_as_of) as facts
    from source
),

judged as (
    select
        lines.*,
        'costwire/' || kind as sku,
        case
            when estimated is null then 'estimated_cost holds no readable number'
            when lines.currency is null then 'currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'currency is not an ISO 4217 code'
            when month_start is null or month_start <> date_trunc('month', month_start) then 'billing_month holds no first day of a month'
            when charge_start is null then 'usage_day holds no readable day'
            when charge_end is null or charge_end <= charge_start then 'day_end is not after usage_day'
            when organization is null then 'organization is empty, expected a slug'
            when kind is null or title is null then 'usage_kind is empty, expected a kind'
            when account is null then 'billing_account is empty, expected the name of a deployment'
        end as quarantine_reason
    from lines
    left join currencies on currencies.code = lines.currency
)

select
    -- costs: nobody issues this bill
    0 as BilledCost,
    0 as EffectiveCost,
    0 as ListCost,
    0 as ContractedCost,
    0 as ListUnitPrice,
    0 as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    0 as PricingCurrencyListUnitPrice,
    0 as PricingCurrencyContractedUnitPrice,
    0 as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    charge_start as ChargePeriodStart,
    charge_end as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    account as BillingAccountName,
    'Deployment' as BillingAccountType,
    organization as SubAccountId,
    organization as SubAccountName,
    'Organization' as SubAccountType,
    null as InvoiceId,
    'Costwire' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    'Estimate: ' || lower(title) || ' of ' || organization as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    1 as PricingQuantity,
    'Days' as PricingUnit,
    1 as ConsumedQuantity,
    'Days' as ConsumedUnit,
    -- service
    title as ServiceName,
    category as ServiceCategory,
    subcategory as ServiceSubcategory,
    'Costwire' as ServiceProviderName,
    null as HostProviderName,
    'Costwire' as ProviderName,
    'Costwire' as PublisherName,
    -- place and resource
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    null as ResourceId,
    null as ResourceName,
    null as ResourceType,
    '{}' as Tags,
    -- SKU
    sku as SkuId,
    kind as SkuMeter,
    sku || '/Days' as SkuPriceId,
    null as SkuPriceDetails,
    -- what a line does not have
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
    cast(facts as varchar) as x_Source,
    estimated as x_EstimatedCost,
    'costwire' as x_provider_of_row,
    source_row_id,
    quarantine_reason
from judged
