-- xAI's invoices to FOCUS 1.3.
-- Source: xAI management API reference, billing.  Grain and key: one row a line of an invoice: a model and a unit, of a whole month.
-- Amounts are in whole cents, so that the price of a unit is what is left of them.  What prepaid credits pay for is billed all the same, and
-- value-added tax is in no line.  A line whose unit is not known is money without tokens.
with
lines as (
    select
        source_row_id,
        to_cost(amount) as cost,
        "billingCycle.year" as cycle,
        to_time("billingCycle.year" || '-01') as month_start,
        coalesce(blank_to_null(account), cast(getvariable('integration_id') as varchar), 'xai') as account,
        coalesce(blank_to_null("invoiceNumber"), blank_to_null("invoiceId")) as invoice,
        blank_to_null(description) as description,
        blank_to_null("unitType") as unit_type,
        to_quantity("numUnits") as units,
        -- API grok-4.3, Chat grok-4.6
        nullif(regexp_extract(description, '(?i)\b(grok[a-z0-9._-]*)', 1), '') as model,
        case
            when lower("unitType") in ('prompt text tokens', 'prompt image tokens', 'prompt audio tokens') then 'input'
            when lower("unitType") in ('cached prompt text tokens', 'cached prompt tokens') then 'cache_read'
            when lower("unitType") in ('completion text tokens', 'completion tokens') then 'output'
            when lower("unitType") in ('reasoning text tokens', 'reasoning tokens') then 'reasoning'
        end as token_kind,
        json_object('description', description, 'unitType', "unitType", 'numUnits', "numUnits", 'amount', amount) as facts
    from source
),

measured as (
    select
        *,
        coalesce(units, 0) > 0 and token_kind is not null and model is not null as of_tokens,
        coalesce(units, 0) <= 0 as charged_once,
        (case when cost < 0 then -1 else 1 end) * case
            when coalesce(units, 0) <= 0 then cast(1 as decimal(38, 12))
            when token_kind is not null and model is not null then share_of(units, 0.000001)
            else units
        end as pricing_quantity
    from lines
),

agreed as (
    select
        *,
        case when of_tokens then agreed_price(getvariable('agreed_prices'), 'xai', model, token_kind, 'standard', 'USD', month_start) end as agreed
    from measured
),

priced as (
    select
        *,
        fit_price(case when pricing_quantity = 0 then cast(0 as decimal(38, 24)) else made_price(cost, pricing_quantity) end, pricing_quantity) as paid_price,
        fit_price(try_cast(agreed.price as decimal(38, 24)), pricing_quantity) as agreed_unit_price,
        case when of_tokens then '1000000 Tokens' else 'Units' end as pricing_unit
    from agreed
),

costed as (
    select
        *,
        multiply(paid_price, pricing_quantity) as paid_cost,
        coalesce(agreed_unit_price, paid_price) as contracted_price,
        multiply(coalesce(agreed_unit_price, paid_price), pricing_quantity) as contracted_cost,
        'xai/' || coalesce(description, 'line') || coalesce(', ' || unit_type, '') as sku,
        case
            when cost is null then 'amount holds no readable number'
            when cycle is null or month_start is null then 'billingCycle holds no readable month'
            when multiply(paid_price, pricing_quantity) is null then 'amount over numUnits is too large, expected at most 14 integer digits'
        end as quarantine_reason
    from priced
)

select
    -- costs
    cost as BilledCost,
    cost as EffectiveCost,
    paid_cost as ListCost,
    contracted_cost as ContractedCost,
    paid_price as ListUnitPrice,
    contracted_price as ContractedUnitPrice,
    'USD' as BillingCurrency,
    'USD' as PricingCurrency,
    paid_price as PricingCurrencyListUnitPrice,
    contracted_price as PricingCurrencyContractedUnitPrice,
    cost as PricingCurrencyEffectiveCost,
    -- periods: a line is of the whole month
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    month_start as ChargePeriodStart,
    month_start + interval 1 month as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    null as BillingAccountName,
    'Team' as BillingAccountType,
    null as SubAccountId,
    null as SubAccountName,
    null as SubAccountType,
    invoice as InvoiceId,
    'xAI' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    coalesce(description || coalesce(', ' || unit_type, ''), 'xAI API') as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    case when of_tokens then (case when cost < 0 then -1 else 1 end) * units else pricing_quantity end as ConsumedQuantity,
    case when of_tokens then 'Tokens' else 'Units' end as ConsumedUnit,
    -- service
    'xAI API' as ServiceName,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'xAI' as ServiceProviderName,
    null as HostProviderName,
    'xAI' as ProviderName,
    'xAI' as PublisherName,
    -- place and resource: an invoice has neither
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    null as ResourceId,
    null as ResourceName,
    null as ResourceType,
    '{}' as Tags,
    -- SKU
    sku as SkuId,
    coalesce(unit_type, description, 'xAI API') as SkuMeter,
    sku || '/' || pricing_unit || coalesce('/' || agreed.tier, '') as SkuPriceId,
    nullif(cast(json_merge_patch('{}', json_object('x_Model', model, 'x_PriceTier', agreed.tier)) as varchar), '{}') as SkuPriceDetails,
    -- what an invoice does not have
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
    case when model is not null then token_kind end as x_TokenKind,
    case when of_tokens then (case when cost < 0 then -1 else 1 end) * units end as x_Tokens,
    null as x_Requests,
    null as x_ServiceTier,
    null as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
