-- Claude Enterprise's cost report to FOCUS 1.3.
-- Source: Anthropic API reference, analytics.  Grain and key: one row a result of the cost report.
-- Money is the amount, in cents, after discounts and before credits; list_amount, before discounts, is the list cost.  `usage` (results of the
-- usage report) adds tokens, joined by day, product, model, context window, place and speed of inference, and nothing to a total.  Groups of
-- users overlap, so an answer that is grouped by them has no total and no row of it counts.
with
lines as (
    select
        source_row_id,
        to_cost(amount) as cost,
        -- in cents, as the amount is, which alone is read in whole units
        to_cost(case when regexp_full_match(trim(list_amount), '[0-9]+(\.[0-9]+)?') then trim(list_amount) || 'E-2' end) as list_cents,
        upper(blank_to_null(currency)) as currency,
        to_time(starting_at) as day_start,
        to_time(ending_at) as day_end,
        coalesce(blank_to_null(account), cast(getvariable('integration_id') as varchar), 'claude') as organization,
        blank_to_null(product) as product,
        blank_to_null(model) as model,
        blank_to_null(cost_type) as cost_type,
        blank_to_null(token_type) as token_type,
        blank_to_null(context_window) as context_window,
        blank_to_null(inference_geo) as inference_geo,
        blank_to_null(speed) as speed,
        to_quantity(requests) as requests,
        bool_or(rbac_group_id is not null) over () as is_of_groups,
        case token_type
            when 'uncached_input_tokens' then 'input'
            when 'output_tokens' then 'output'
            when 'cache_read_input_tokens' then 'cache_read'
            when 'cache_creation.ephemeral_5m_input_tokens' then 'cache_write'
            when 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write'
        end as token_kind,
        json_object(
            'amount', amount,
            'list_amount', list_amount,
            'product', product,
            'cost_type', cost_type,
            'token_type', token_type,
            'context_window', context_window,
            'inference_geo', inference_geo,
            'speed', speed
        ) as facts
    from source
),

-- one row a kind of token and what the usage is grouped by
counts as (
    select
        to_time(json_extract_string(above, '$.starting_at')) as day_start,
        kinds.kind as token_type,
        json_extract_string(fields, '$.product') as product,
        json_extract_string(fields, '$.model') as model,
        json_extract_string(fields, '$.context_window') as context_window,
        json_extract_string(fields, '$.inference_geo') as inference_geo,
        json_extract_string(fields, '$.speed') as speed,
        to_quantity(json_extract_string(fields, kinds.path)) as counted
    from usage
    cross join (
        values
        ('uncached_input_tokens', '$.uncached_input_tokens'), ('output_tokens', '$.output_tokens'), ('cache_read_input_tokens', '$.cache_read_input_tokens'),
        ('cache_creation.ephemeral_5m_input_tokens', '$.cache_creation.ephemeral_5m_input_tokens'),
        ('cache_creation.ephemeral_1h_input_tokens', '$.cache_creation.ephemeral_1h_input_tokens')
    ) as kinds (kind, path)
),

used as (
    select
        * exclude (counted),
        sum(counted) as counted
    from counts
    where counted > 0
    group by all
),

numbered as (
    select
        *,
        count(*) over (partition by day_start, token_type, product, model, context_window, inference_geo, speed) as alike
    from lines
),

-- at most one row of `used` each; where several lines are alike, none has the tokens
joined as (
    select
        numbered.*,
        used.counted,
        used.counted is not null as of_tokens,
        (case when numbered.cost < 0 then -1 else 1 end) * coalesce(share_of(used.counted, 0.000001), 1) as pricing_quantity
    from numbered
    left join used
        on numbered.alike = 1 and used.day_start = numbered.day_start and used.token_type = numbered.token_type
        and used.product is not distinct from numbered.product and used.model is not distinct from numbered.model
        and used.context_window is not distinct from numbered.context_window
        and used.inference_geo is not distinct from numbered.inference_geo and used.speed is not distinct from numbered.speed
),

agreed as (
    select
        *,
        case when of_tokens then agreed_price(
            getvariable('agreed_prices'), 'claude', model,
            case when token_type = 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write_1h' else token_kind end,
            case when speed = 'fast' or coalesce(context_window, '0-200k') <> '0-200k' then null else 'standard' end,
            currency, day_start
        ) end as agreed
    from joined
),

priced as (
    select
        *,
        fit_price(case when pricing_quantity = 0 then cast(0 as decimal(38, 24)) else made_price(cost, pricing_quantity) end, pricing_quantity) as paid_price,
        fit_price(case when pricing_quantity <> 0 then made_price(list_cents, pricing_quantity) end, pricing_quantity) as list_price,
        fit_price(try_cast(agreed.price as decimal(38, 24)), pricing_quantity) as agreed_unit_price,
        date_trunc('month', day_start) as month_start,
        case when of_tokens then '1000000 Tokens' else 'Units' end as pricing_unit
    from agreed
),

costed as (
    select
        *,
        coalesce(list_price, paid_price) as unit_price,
        multiply(coalesce(list_price, paid_price), pricing_quantity) as list_cost,
        coalesce(agreed_unit_price, paid_price) as contracted_price,
        multiply(coalesce(agreed_unit_price, paid_price), pricing_quantity) as contracted_cost,
        'claude/' || coalesce(product || '/', '') || coalesce(model || '/', '') || coalesce(token_type, cost_type, 'ungrouped') as sku,
        case
            when is_of_groups then 'the answer is grouped by rbac_group_id, and groups overlap'
            when cost is null then 'amount holds no readable number'
            when currency is null then 'currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'currency is not an ISO 4217 code'
            when day_start is null then 'starting_at holds no readable time'
            when day_end is null then 'ending_at holds no readable time'
            when day_end <= day_start then 'ending_at is not after starting_at'
            when multiply(paid_price, pricing_quantity) is null then 'amount over the tokens is too large, expected at most 14 integer digits'
        end as quarantine_reason
    from priced
    left join currencies on currencies.code = currency
)

select
    -- costs
    cost as BilledCost,
    cost as EffectiveCost,
    list_cost as ListCost,
    contracted_cost as ContractedCost,
    unit_price as ListUnitPrice,
    contracted_price as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    unit_price as PricingCurrencyListUnitPrice,
    contracted_price as PricingCurrencyContractedUnitPrice,
    cost as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    day_start as ChargePeriodStart,
    day_end as ChargePeriodEnd,
    -- accounts
    organization as BillingAccountId,
    null as BillingAccountName,
    'Organization' as BillingAccountType,
    product as SubAccountId,
    product as SubAccountName,
    case when product is not null then 'Product' end as SubAccountType,
    null as InvoiceId,
    'Anthropic' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    concat_ws(', ', product, model, coalesce(token_type, cost_type, 'Claude Enterprise')) as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    case when speed = 'fast' then 'Other' else 'Standard' end as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    case when of_tokens then (case when cost < 0 then -1 else 1 end) * counted else pricing_quantity end as ConsumedQuantity,
    case when of_tokens then 'Tokens' else 'Units' end as ConsumedUnit,
    -- service
    'Claude Enterprise' as ServiceName,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'Anthropic' as ServiceProviderName,
    null as HostProviderName,
    'Anthropic' as ProviderName,
    'Anthropic' as PublisherName,
    -- place and resource: the place of inference is no region
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    null as ResourceId,
    null as ResourceName,
    null as ResourceType,
    '{}' as Tags,
    -- SKU
    sku as SkuId,
    coalesce(token_type, cost_type, 'Claude Enterprise') as SkuMeter,
    sku || coalesce('/' || context_window, '') || coalesce('/' || inference_geo, '') || coalesce('/' || speed, '') || '/' || pricing_unit
        || coalesce('/' || agreed.tier, '') as SkuPriceId,
    nullif(cast(json_merge_patch('{}', json_object(
        'x_Model', model, 'x_PriceTier', agreed.tier, 'x_Product', product, 'x_TokenType', token_type, 'x_ContextWindow', context_window,
        'x_InferenceGeo', inference_geo, 'x_Speed', speed
    )) as varchar), '{}') as SkuPriceDetails,
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
    -- models
    model as x_Model,
    model_family(model) as x_ModelFamily,
    token_kind as x_TokenKind,
    case when of_tokens then (case when cost < 0 then -1 else 1 end) * counted end as x_Tokens,
    requests as x_Requests,
    speed as x_ServiceTier,
    null as x_Batch,
    null as x_ApiKeyId,
    list_price as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
