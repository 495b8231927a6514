-- GitHub's billing usage to FOCUS 1.3.
-- Source: GitHub REST API reference, billing usage.  Grain and key: one row an item of the usage: a day, SKU and repository.
-- The net amount is billed, after what the plan includes; the list price is pricePerUnit.  Seats of Copilot come as parts of a month, and have no
-- model: what a model costs inside Copilot is in no item.
with
lines as (
    select
        source_row_id,
        to_cost("netAmount") as cost,
        to_cost("grossAmount") as gross,
        to_cost("pricePerUnit") as list_price,
        to_quantity(quantity) as quantity,
        to_time(left(trim("date"), 10)) as day_start,
        coalesce(blank_to_null(account), blank_to_null("organizationName"), cast(getvariable('integration_id') as varchar), 'github') as account,
        blank_to_null(product) as product,
        blank_to_null(sku) as sku,
        blank_to_null("repositoryName") as repository,
        case lower(replace(replace("unitType", '-', ''), ' ', ''))
            when 'usermonths' then 'User-Months'
            when 'minutes' then 'Minutes'
            when 'requests' then 'Requests'
            when 'gigabytehours' then 'GB-Hours'
            when 'gigabytes' then 'GB'
            else 'Units'
        end as unit,
        lower(product) like '%copilot%' or lower(product) like '%models%' as of_models,
        json_object(
            'product', product,
            'unitType', "unitType",
            'quantity', quantity,
            'grossAmount', "grossAmount",
            'discountAmount', "discountAmount",
            'organizationName', "organizationName"
        ) as facts
    from source
),

-- an item without a quantity is charged once: one unit at the price of the cost
measured as (
    select
        *,
        coalesce(quantity, 0) = 0 as charged_once,
        case when coalesce(quantity, 0) = 0 then cast(case when cost < 0 then -1 else 1 end as decimal(38, 12))
            else (case when cost < 0 then -1 else 1 end) * abs(quantity) end as pricing_quantity
    from lines
),

priced as (
    select
        *,
        case when charged_once then 'Units' else unit end as pricing_unit,
        fit_price(case when charged_once then abs(cost) else made_price(cost, pricing_quantity) end, pricing_quantity) as paid_price,
        fit_price(case when not charged_once then list_price end, pricing_quantity) as fitted_list_price,
        date_trunc('month', day_start) as month_start
    from measured
),

costed as (
    select
        *,
        coalesce(fitted_list_price, paid_price) as unit_price,
        multiply(coalesce(fitted_list_price, paid_price), pricing_quantity) as list_cost,
        multiply(paid_price, pricing_quantity) as contracted_cost,
        case
            when cost is null then 'netAmount holds no readable number'
            when day_start is null then 'date holds no readable day'
            when sku is null then 'sku is empty, expected what is charged for'
            when multiply(paid_price, pricing_quantity) is null then 'netAmount over quantity is too large, expected at most 14 integer digits'
            when multiply(coalesce(fitted_list_price, paid_price), pricing_quantity) is null
                then 'pricePerUnit times quantity is too large, expected at most 14 integer digits'
        end as quarantine_reason
    from priced
)

select
    -- costs
    cost as BilledCost,
    cost as EffectiveCost,
    list_cost as ListCost,
    contracted_cost as ContractedCost,
    unit_price as ListUnitPrice,
    paid_price as ContractedUnitPrice,
    'USD' as BillingCurrency,
    'USD' as PricingCurrency,
    unit_price as PricingCurrencyListUnitPrice,
    paid_price as PricingCurrencyContractedUnitPrice,
    cost as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    day_start as ChargePeriodStart,
    day_start + interval 1 day as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    null as BillingAccountName,
    'Organization' as BillingAccountType,
    null as SubAccountId,
    null as SubAccountName,
    null as SubAccountType,
    null as InvoiceId,
    'GitHub' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    sku as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    pricing_quantity as ConsumedQuantity,
    pricing_unit as ConsumedUnit,
    -- service
    coalesce('GitHub ' || product, 'GitHub') as ServiceName,
    case when of_models then 'AI and Machine Learning' else 'Developer Tools' end as ServiceCategory,
    case
        when of_models then 'Generative AI'
        when lower(product) = 'actions' then 'Continuous Integration and Deployment'
        when lower(product) = 'codespaces' then 'Development Environments'
        else 'Developer Platforms'
    end as ServiceSubcategory,
    'GitHub' as ServiceProviderName,
    null as HostProviderName,
    'GitHub' as ProviderName,
    'GitHub' as PublisherName,
    -- place and resource: usage has no regions
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    repository as ResourceId,
    null as ResourceName,  -- the repository has no other name
    case when repository is not null then 'Repository' end as ResourceType,
    '{}' as Tags,
    -- SKU
    'github/' || sku as SkuId,
    sku as SkuMeter,
    'github/' || sku || '/' || pricing_unit as SkuPriceId,
    null as SkuPriceDetails,
    -- what the usage does not have
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
    -- models
    null as x_Model,
    null as x_ModelFamily,
    null as x_TokenKind,
    null as x_Tokens,
    case when of_models and pricing_unit = 'Requests' then pricing_quantity end as x_Requests,
    null as x_ServiceTier,
    null as x_Batch,
    null as x_ApiKeyId,
    fitted_list_price as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
