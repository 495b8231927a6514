-- Anthropic's cost report to FOCUS 1.3.
-- Source: Anthropic API reference, Usage and Cost API.  Grain and key: one row a result of the cost report.
-- Money is the amount of the cost report, which is in cents.  `usage` (results of the messages usage report) adds tokens and, where all of them are
-- of one API key, that key; it adds nothing to a total.  Priority Tier is in no cost report, code execution in no usage report.
-- The two are joined by day, workspace, model, service tier, context window and place of inference; without tokens a row is charged once.
-- Contracted prices are the tenant's own (agreed_prices), else what was paid for a unit; list prices are those of genai_prices, else what was
-- paid.  Amounts have no tax and no credits.
with
lines as (
    select
        source_row_id,
        to_cost(amount) as cost,
        upper(blank_to_null(currency)) as currency,
        to_time(starting_at) as day_start,
        to_time(ending_at) as day_end,
        coalesce(blank_to_null(account), cast(getvariable('integration_id') as varchar), 'anthropic') as organization,
        blank_to_null(workspace_id) as workspace,
        blank_to_null(description) as description,
        blank_to_null(cost_type) as cost_type,
        blank_to_null(model) as model,
        blank_to_null(service_tier) as tier,
        blank_to_null(token_type) as token_type,
        blank_to_null(context_window) as context_window,
        blank_to_null(inference_geo) as inference_geo,
        case token_type
            when 'uncached_input_tokens' then 'input'
            when 'output_tokens' then 'output'
            when 'cache_read_input_tokens' then 'cache_read'
            when 'cache_creation.ephemeral_5m_input_tokens' then 'cache_write'
            when 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write'
        end as token_kind,
        json_object(
            'amount', amount,
            'cost_type', cost_type,
            'token_type', token_type,
            'context_window', context_window,
            'inference_geo', inference_geo
        ) as facts
    from source
),

-- one row a kind of token and what costs are grouped by; searches are charged without a model
counts as (
    select
        to_time(json_extract_string(above, '$.starting_at')) as day_start,
        json_extract_string(fields, '$.workspace_id') as workspace,
        kinds.meter as meter,
        case when kinds.meter <> 'web_search' then json_extract_string(fields, '$.model') end as model,
        case when kinds.meter <> 'web_search' then json_extract_string(fields, '$.service_tier') end as tier,
        case when kinds.meter <> 'web_search' then json_extract_string(fields, '$.context_window') end as context_window,
        case when kinds.meter <> 'web_search' then json_extract_string(fields, '$.inference_geo') end as inference_geo,
        json_extract_string(fields, '$.api_key_id') as api_key,
        to_quantity(json_extract_string(fields, kinds.path)) as counted
    from usage
    cross join (
        values
        ('uncached_input_tokens', '$.uncached_input_tokens'), ('output_tokens', '$.output_tokens'), ('cache_read_input_tokens', '$.cache_read_input_tokens'),
        ('cache_creation.ephemeral_5m_input_tokens', '$.cache_creation.ephemeral_5m_input_tokens'),
        ('cache_creation.ephemeral_1h_input_tokens', '$.cache_creation.ephemeral_1h_input_tokens'), ('web_search', '$.server_tool_use.web_search_requests')
    ) as kinds (meter, path)
),

used as (
    select
        * exclude (api_key, counted),
        sum(counted) as counted,
        case when count(distinct api_key) = 1 and count(*) = count(api_key) then min(api_key) end as api_key
    from counts
    where counted > 0
    group by all
),

metered as (
    select
        *,
        coalesce(token_type, cost_type) as meter,
        count(*) over (
            partition by day_start, workspace, coalesce(token_type, cost_type), model, tier, context_window, inference_geo
        ) as alike
    from lines
),

-- at most one row of `used` each; where several lines are alike, none has the tokens
joined as (
    select
        metered.*,
        used.counted,
        used.api_key
    from metered
    left join used
        on metered.alike = 1 and used.meter = metered.meter and used.day_start = metered.day_start
        and used.workspace is not distinct from metered.workspace and used.model is not distinct from metered.model
        and used.tier is not distinct from case when metered.meter <> 'web_search' then metered.tier end
        and used.context_window is not distinct from case when metered.meter <> 'web_search' then metered.context_window end
        and used.inference_geo is not distinct from case when metered.meter <> 'web_search' then metered.inference_geo end
),

measured as (
    select
        *,
        counted is not null and token_kind is not null as of_tokens,
        counted is not null and cost_type = 'web_search' as of_requests,
        (case when cost < 0 then -1 else 1 end) * coalesce(share_of(counted, case when cost_type = 'web_search' then 0.001 else 0.000001 end), 1) as pricing_quantity
    from joined
),

known as (
    select
        model,
        min(cast(match_order as integer)) as match_order
    from (select distinct model from measured where model is not null)
    join (select distinct match_order, pattern from genai_prices where provider = 'anthropic') on regexp_full_match(lower(model), pattern)
    group by model
),

listed as (
    select
        measured.*,
        case when of_tokens then cast(genai_prices.price as decimal(38, 24)) end as list_price,
        case when coalesce(context_window, '0-200k') = '0-200k' then coalesce(tier, 'standard') end as price_variant,
        case when token_type = 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write_1h' else token_kind end as price_kind
    from measured
    left join known using (model)
    left join genai_prices
        on genai_prices.provider = 'anthropic' and genai_prices.match_order = cast(known.match_order as varchar)
        and genai_prices.kind = case when token_type = 'cache_creation.ephemeral_1h_input_tokens' then 'cache_write_1h' else token_kind end
        and genai_prices.variant = case when tier = 'standard' or tier is null then 'standard' else tier end
        and (genai_prices.context_from <> '0') = (coalesce(context_window, '0-200k') <> '0-200k')
        and strftime(day_start, '%Y-%m-%d') >= genai_prices.valid_from and strftime(day_start, '%Y-%m-%d') < genai_prices.valid_to
),

-- what the tenant has agreed on for the model, or for its family
agreed as (
    select
        *,
        case when of_tokens then agreed_price(getvariable('agreed_prices'), 'anthropic', model, price_kind, price_variant, currency, day_start) end as agreed
    from listed
),

priced as (
    select
        *,
        fit_price(case when pricing_quantity = 0 then cast(0 as decimal(38, 24)) else made_price(cost, pricing_quantity) end, pricing_quantity) as paid_price,
        fit_price(try_cast(agreed.price as decimal(38, 24)), pricing_quantity) as fitted_agreed_price,
        fit_price(list_price, pricing_quantity) as fitted_list_price,
        date_trunc('month', day_start) as month_start,
        case when of_tokens then '1000000 Tokens' when of_requests then '1000 Requests' else 'Units' end as pricing_unit,
        case when of_tokens then 'Tokens' when of_requests then 'Requests' else 'Units' end as consumed_unit
    from agreed
),

costed as (
    select
        *,
        coalesce(fitted_list_price, paid_price) as unit_price,
        multiply(coalesce(fitted_list_price, paid_price), pricing_quantity) as list_cost,
        coalesce(fitted_agreed_price, paid_price) as contracted_price,
        multiply(coalesce(fitted_agreed_price, paid_price), pricing_quantity) as contracted_cost,
        'anthropic/' || coalesce(model || '/', '') || coalesce(token_type, cost_type, description, 'ungrouped') as sku,
        case
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
    -- accounts; the default workspace has no id
    organization as BillingAccountId,
    null as BillingAccountName,
    'Organization' as BillingAccountType,
    coalesce(workspace, 'default') as SubAccountId,
    coalesce(workspace, 'Default workspace') as SubAccountName,
    'Workspace' as SubAccountType,
    null as InvoiceId,
    'Anthropic' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    coalesce(description, cost_type, 'Claude API') as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    case when coalesce(tier, 'standard') <> 'standard' then 'Other' else 'Standard' end as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    case when counted is null then pricing_quantity else (case when cost < 0 then -1 else 1 end) * counted end as ConsumedQuantity,
    consumed_unit as ConsumedUnit,
    -- service
    'Claude API' as ServiceName,
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
    api_key as ResourceId,
    null as ResourceName,
    case when api_key is not null then 'API Key' end as ResourceType,
    '{}' as Tags,
    -- SKU
    sku as SkuId,
    case token_kind
        when 'input' then 'Input Tokens'
        when 'output' then 'Output Tokens'
        when 'cache_read' then 'Cached Input Tokens'
        when 'cache_write' then 'Cache Write Tokens'
        else coalesce(description, cost_type, 'Claude API')
    end as SkuMeter,
    sku || coalesce('/' || tier, '') || coalesce('/' || context_window, '') || coalesce('/' || inference_geo, '') || '/' || pricing_unit
        || coalesce('/' || agreed.tier, '') as SkuPriceId,
    nullif(cast(json_merge_patch('{}', json_object(
        'x_Model', model, 'x_PriceTier', agreed.tier, 'x_TokenType', token_type, 'x_ServiceTier', tier, 'x_Batch', tier = 'batch', 'x_ContextWindow', context_window,
        'x_InferenceGeo', inference_geo
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
    -- the report counts no requests to models
    case when of_requests then counted end as x_Requests,
    tier as x_ServiceTier,
    cast(tier = 'batch' as varchar) as x_Batch,
    api_key as x_ApiKeyId,
    fitted_list_price as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
