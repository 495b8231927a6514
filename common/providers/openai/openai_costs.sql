-- OpenAI's costs of an organization to FOCUS 1.3.
-- Source: OpenAI API reference, organization costs and usage.  Grain and key: one row a result of the costs.
-- Money is the amount of the costs.  `usage` (results of the usage endpoints) adds requests, service tier and batch, and nothing to a total:
-- requests stand on one row of each day, project, API key and model (its output, where it has one), so that they add up.
-- line_item is free text: MODEL, KIND, perhaps after a tier (`priority | `) and before `long context`.  What does not fit is money all the same.
-- Contracted prices are the tenant's own (agreed_prices), else what was paid for a unit; list prices are those of genai_prices, else what was
-- paid.  Amounts have no tax and no credits.
with
lines as (
    select
        source_row_id,
        to_cost("amount.value") as cost,
        upper(blank_to_null("amount.currency")) as currency,
        to_time(start_time) as day_start,
        to_time(end_time) as day_end,
        coalesce(blank_to_null(account), cast(getvariable('integration_id') as varchar), 'openai') as organization,
        blank_to_null(project_id) as project,
        blank_to_null(api_key_id) as api_key,
        blank_to_null(line_item) as line_item,
        to_quantity(quantity) as quantity,
        blank_to_null(quantity_unit) as quantity_unit,
        regexp_extract(
            line_item, '^(?:(priority|flex|batch|scale|default) \| )?([^ ,|]+)(?: (audio|text|image))?, ([a-z_0-9 ]+?)(, long context)?$',
            ['tier', 'model', 'medium', 'kind', 'long']
        ) as parsed,
        json_object(
            'amount', "amount.value",
            'line_item', line_item,
            'quantity', quantity,
            'quantity_unit', quantity_unit,
            'user_id', user_id,
            'api_source', api_source
        ) as facts
    from source
),

named as (
    select
        *,
        case
            when parsed.kind in ('input', 'input_tokens', 'uncached input') then 'input'
            when parsed.kind in ('cached input', 'cached_input', 'input_cached_tokens', 'cached input tokens') then 'cache_read'
            when parsed.kind in ('cache writes', 'cache write', 'input_cache_write_tokens') then 'cache_write'
            when parsed.kind in ('output', 'output_tokens') then 'output'
            when parsed.kind in ('reasoning', 'reasoning tokens') then 'reasoning'
        end as token_kind,
        quantity_unit in ('tokens', '1000_tokens') as of_tokens
    from lines
),

results as (
    select
        try_cast(json_extract_string(above, '$.start_time') as bigint) as seconds,
        json_extract_string(fields, '$.project_id') as project,
        json_extract_string(fields, '$.api_key_id') as api_key,
        json_extract_string(fields, '$.model') as model,
        to_quantity(json_extract_string(fields, '$.num_model_requests')) as requests,
        json_extract_string(fields, '$.service_tier') as tier,
        json_extract_string(fields, '$.batch') as batch
    from usage
),

-- usage by day, project, key and model; a tier or batch is known where all of it has the same
used as (
    select
        to_time(strftime(make_timestamp(seconds * 1000000), '%Y-%m-%dT%H:%M:%SZ')) as day_start,
        project,
        api_key,
        model,
        sum(requests) as requests,
        case when count(distinct tier) = 1 and count(*) = count(tier) then min(tier) end as tier,
        case when count(distinct batch) = 1 and count(*) = count(batch) then min(batch) end as batch
    from results
    where model is not null and seconds between 0 and 9999999999
    group by all
),

-- of a model's rows with one key, which one carries the requests
joined as (
    select
        named.*,
        case when token_kind is not null or of_tokens then nullif(parsed.model, '') end as model,
        token_kind is not null and row_number() over (
            partition by named.day_start, named.project, named.api_key, parsed.model, token_kind is null
            order by token_kind <> 'output', token_kind <> 'input', source_row_id
        ) = 1 as carries_requests,
        used.requests as requests,
        coalesce(nullif(parsed.tier, ''), used.tier) as tier,
        case when parsed.tier = 'batch' then 'true' when parsed.tier = '' then used.batch end as batch,
        parsed.tier = '' and used.model is not null and (used.tier is null or used.batch is null) as is_mixed
    from named
    left join used
        on used.day_start = named.day_start and used.model = parsed.model and named.token_kind is not null
        and used.project is not distinct from named.project and used.api_key is not distinct from named.api_key
),

-- a line without a quantity is charged once: one unit at the price of the cost
measured as (
    select
        *,
        case when of_tokens and quantity_unit = '1000_tokens' then try_cast(quantity * 1000 as decimal(38, 12)) when of_tokens then quantity end as tokens,
        quantity is null or (quantity = 0 and cost <> 0) as charged_once,
        case
            when quantity is null or (quantity = 0 and cost <> 0) then cast(case when cost < 0 then -1 else 1 end as decimal(38, 12))
            else (case when cost < 0 then -1 else 1 end)
                * abs(case when quantity_unit = '1000_tokens' then share_of(quantity, 0.001) when of_tokens then share_of(quantity, 0.000001) else quantity end)
        end as pricing_quantity,
        case when quantity is null then null when cost < 0 then -1 else 1 end as sign
    from joined
),

known as (
    select
        model,
        min(cast(match_order as integer)) as match_order
    from (select distinct model from measured where model is not null)
    join (select distinct match_order, pattern from genai_prices where provider = 'openai') on regexp_full_match(lower(model), pattern)
    group by model
),

listed as (
    select
        measured.*,
        case when of_tokens and not charged_once and coalesce(parsed.medium, '') in ('', 'text') then cast(genai_prices.price as decimal(38, 24)) end
            as list_price,
        case
            when is_mixed or parsed.long <> '' or charged_once or coalesce(parsed.medium, '') not in ('', 'text') then null
            when batch = 'true' then 'batch'
            when coalesce(tier, 'default') = 'default' then 'standard'
            else tier
        end as price_variant,
        token_kind as price_kind
    from measured
    left join known using (model)
    left join genai_prices
        on genai_prices.provider = 'openai' and genai_prices.match_order = cast(known.match_order as varchar) and genai_prices.kind = token_kind
        and not is_mixed and genai_prices.variant = case
            when batch = 'true' then 'batch'
            when coalesce(tier, 'default') = 'default' then 'standard'
            else tier
        end
        and (genai_prices.context_from <> '0') = (parsed.long <> '')
        and strftime(day_start, '%Y-%m-%d') >= genai_prices.valid_from and strftime(day_start, '%Y-%m-%d') < genai_prices.valid_to
),

-- what the tenant has agreed on for the model, or for its family
agreed as (
    select
        *,
        case when of_tokens then agreed_price(getvariable('agreed_prices'), 'openai', model, price_kind, price_variant, currency, day_start) end as agreed
    from listed
),

priced as (
    select
        *,
        fit_price(case when charged_once then abs(cost) when quantity = 0 then cast(0 as decimal(38, 24)) else made_price(cost, pricing_quantity) end, pricing_quantity)
            as paid_price,
        fit_price(try_cast(agreed.price as decimal(38, 24)), pricing_quantity) as fitted_agreed_price,
        fit_price(list_price, pricing_quantity) as fitted_list_price,
        date_trunc('month', day_start) as month_start,
        case
            when charged_once then 'Units'
            when of_tokens then '1000000 Tokens'
            else coalesce(quantity_units.unit, 'Units')
        end as pricing_unit,
        case when of_tokens then 'Tokens' when quantity is null then 'Units' else coalesce(quantity_units.unit, 'Units') end as consumed_unit
    from agreed
    left join (
        values
        ('duration_seconds', 'Seconds'), ('duration_minutes', 'Minutes'), ('duration_hours', 'Hours'), ('gibibyte_hours', 'GiB-Hours'), ('images', 'Images'),
        ('characters', 'Characters')
    ) as quantity_units (source_unit, unit)
        on quantity_units.source_unit = quantity_unit
),

costed as (
    select
        *,
        coalesce(fitted_list_price, paid_price) as unit_price,
        multiply(coalesce(fitted_list_price, paid_price), pricing_quantity) as list_cost,
        coalesce(fitted_agreed_price, paid_price) as contracted_price,
        multiply(coalesce(fitted_agreed_price, paid_price), pricing_quantity) as contracted_cost,
        'openai/' || coalesce(line_item, 'ungrouped') as sku,
        case
            when cost is null then 'amount.value holds no readable number'
            when currency is null then 'amount.currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'amount.currency is not an ISO 4217 code'
            when day_start is null then 'start_time holds no readable time'
            when day_end is null then 'end_time holds no readable time'
            when day_end <= day_start then 'end_time is not after start_time'
            when multiply(paid_price, pricing_quantity) is null then 'amount.value over quantity is too large, expected at most 14 integer digits'
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
    project as SubAccountId,
    project as SubAccountName,
    case when project is not null then 'Project' end as SubAccountType,
    null as InvoiceId,
    'OpenAI' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    coalesce(line_item, 'OpenAI API') as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    case when batch = 'true' or coalesce(tier, 'default') <> 'default' then 'Other' else 'Standard' end as PricingCategory,
    pricing_quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    case when quantity is null then pricing_quantity else sign * abs(coalesce(tokens, quantity)) end as ConsumedQuantity,
    consumed_unit as ConsumedUnit,
    -- service
    'OpenAI API' as ServiceName,
    'AI and Machine Learning' as ServiceCategory,
    'Generative AI' as ServiceSubcategory,
    'OpenAI' as ServiceProviderName,
    null as HostProviderName,
    'OpenAI' as ProviderName,
    'OpenAI' as PublisherName,
    -- place and resource: the API has no regions
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
        when 'reasoning' then 'Reasoning Tokens'
        else coalesce(line_item, 'OpenAI API')
    end as SkuMeter,
    sku || coalesce('/' || tier, '') || case when batch = 'true' then '/batch' else '' end || coalesce('/' || agreed.tier, '') as SkuPriceId,
    nullif(cast(json_merge_patch('{}', json_object(
        'x_Model', model, 'x_PriceTier', agreed.tier, 'x_TokenType', token_kind, 'x_ServiceTier', tier, 'x_Batch', cast(batch as boolean), 'x_Medium', nullif(parsed.medium, ''),
        'x_LongContext', case when parsed.long <> '' then true end
    )) as varchar), '{}') as SkuPriceDetails,
    -- what the costs do not have
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
    case when of_tokens then sign * abs(tokens) end as x_Tokens,
    case when carries_requests then requests end as x_Requests,
    tier as x_ServiceTier,
    batch as x_Batch,
    api_key as x_ApiKeyId,
    fitted_list_price as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from costed
