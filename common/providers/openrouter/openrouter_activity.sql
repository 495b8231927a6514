-- OpenRouter's activity to FOCUS 1.3.
-- Source: OpenRouter API reference, activity.  Grain and key: one row a result of the activity: a day, model and endpoint.
-- The amount is of all tokens of the row together, so a row is charged once and has no kind of token; reasoning tokens are part of the completion.
-- Usage with a key of the tenant's own (BYOK) is charged by another provider: it stands in x_Source and in no amount.
with
lines as (
    select
        source_row_id,
        to_cost(usage) as cost,
        'USD' as currency,
        to_time(left(trim("date"), 10)) as day_start,
        coalesce(blank_to_null(account), cast(getvariable('integration_id') as varchar), 'openrouter') as account,
        -- openai/gpt-4o-mini-2024-07-18
        blank_to_null(split_part(model_permaslug, '/', -1)) as model,
        blank_to_null(model_permaslug) as slug,
        blank_to_null(endpoint_id) as endpoint,
        to_quantity(requests) as requests,
        to_quantity(prompt_tokens) + to_quantity(completion_tokens) as tokens,
        json_object(
            'model', model, 'provider_name', provider_name, 'byok_usage_inference', byok_usage_inference, 'prompt_tokens', prompt_tokens,
            'completion_tokens', completion_tokens, 'reasoning_tokens', reasoning_tokens
        ) as facts
    from source
),

costed as (
    select
        lines.*,
        cast(case when cost < 0 then -1 else 1 end as decimal(38, 12)) as pricing_quantity,
        abs(cost) as price,
        date_trunc('month', day_start) as month_start,
        case
            when cost is null then 'usage holds no readable number'
            when day_start is null then 'date holds no readable day'
            when model is null then 'model_permaslug is empty, expected a model'
        end as quarantine_reason
    from lines
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
    'OpenRouter' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    model as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    pricing_quantity as PricingQuantity,
    'Units' as PricingUnit,
    case when tokens is null then pricing_quantity else (case when cost < 0 then -1 else 1 end) * tokens end as ConsumedQuantity,
    case when tokens is null then 'Units' else 'Tokens' end as ConsumedUnit,
    -- service
    'OpenRouter API' as ServiceName,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'OpenRouter' as ServiceProviderName,
    null as HostProviderName,
    'OpenRouter' as ProviderName,
    'OpenRouter' as PublisherName,
    -- place and resource: the activity has no regions
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    endpoint as ResourceId,
    null as ResourceName,
    case when endpoint is not null then 'Endpoint' end as ResourceType,
    '{}' as Tags,
    -- SKU
    'openrouter/' || slug as SkuId,
    model as SkuMeter,
    'openrouter/' || slug || '/Units' as SkuPriceId,
    cast(json_object('x_Model', model) as varchar) as SkuPriceDetails,
    -- what the activity does not have
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
    tokens as x_Tokens,
    requests as x_Requests,
    null as x_ServiceTier,
    null as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
