-- Cost file of an export of DeepSeek's console to FOCUS 1.3.
-- Grain and key: one row a line: a day, model and wallet.  The day is the export's own, in whichever offset it writes times.
-- The file has costs without tokens, so a line is charged once; what a granted balance pays for is billed all the same, and x_Source has the wallet.
with
lines as (
    select
        source_row_id,
        to_cost(cost) as cost,
        upper(blank_to_null(currency)) as currency,
        -- 2026-07-01, 20260701, or 2026-07-01T00:00:00+00:00
        to_time(case
            when regexp_full_match(trim(utc_date), '[0-9]{8}') then left(trim(utc_date), 4) || '-' || substr(trim(utc_date), 5, 2) || '-' || right(trim(utc_date), 2)
            else left(trim(utc_date), 10)
        end) as day_start,
        blank_to_null(user_id) as account,
        blank_to_null(model) as model,
        json_object('wallet_type', wallet_type, 'cost', cost, 'start', utc_date, 'end', end_time_iso) as facts
    from source
),

costed as (
    select
        lines.*,
        cast(case when cost < 0 then -1 else 1 end as decimal(38, 12)) as pricing_quantity,
        abs(cost) as price,
        date_trunc('month', day_start) as month_start,
        case
            when cost is null then 'cost holds no readable number'
            when currency is null then 'currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'currency is not an ISO 4217 code'
            when day_start is null then 'utc_date holds no readable day'
            when account is null then 'user_id is empty, expected the account'
            when model is null then 'model is empty, expected a model'
        end as quarantine_reason
    from lines
    left join currencies on currencies.code = currency
)

select
    -- costs
    cost as BilledCost,
    cost as EffectiveCost,
    cost as ListCost,
    cost as ContractedCost,
    price as ListUnitPrice,
    price as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    price as PricingCurrencyListUnitPrice,
    price as PricingCurrencyContractedUnitPrice,
    cost as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    day_start as ChargePeriodStart,
    day_start + interval 1 day as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    null as BillingAccountName,
    'Account' as BillingAccountType,
    null as SubAccountId,
    null as SubAccountName,
    null as SubAccountType,
    null as InvoiceId,
    'DeepSeek' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    model as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    pricing_quantity as PricingQuantity,
    'Units' as PricingUnit,
    pricing_quantity as ConsumedQuantity,
    'Units' as ConsumedUnit,
    -- service
    'DeepSeek API' as ServiceName,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'DeepSeek' as ServiceProviderName,
    null as HostProviderName,
    'DeepSeek' as ProviderName,
    'DeepSeek' as PublisherName,
    -- place and resource: the export has none
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    null as ResourceId,
    null as ResourceName,
    null as ResourceType,
    '{}' as Tags,
    -- SKU
    'deepseek/' || model as SkuId,
    model as SkuMeter,
    'deepseek/' || model || '/Units' as SkuPriceId,
    cast(json_object('x_Model', model) as varchar) as SkuPriceDetails,
    -- what the export does not have
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
    model as x_Model,
    model_family(model) as x_ModelFamily,
    null as x_TokenKind,
    null as x_Tokens,
    null as x_Requests,
    null as x_ServiceTier,
    null as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
