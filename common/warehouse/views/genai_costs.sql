-- genai_costs: what models cost, how many tokens and requests that was, and what a million tokens cost against the list.
-- grain: one row per charge day (UTC), provider, sub account, API key, model, kind of token, service tier, batch and currency; key: those nine
-- FOCUS: date is the day of ChargePeriodStart, account_id SubAccountId, billed_cost BilledCost, list_cost ListCost where a list price is known
-- Charges without a model (web searches, storage) have no row; currencies are not converted.
with

charges as (
    select
        date(ChargePeriodStart) as date,
        x_Provider as provider,
        SubAccountId as account_id,
        x_ApiKeyId as api_key_id,
        x_Model as model,
        x_ModelFamily as model_family,
        x_TokenKind as token_kind,
        x_ServiceTier as service_tier,
        x_Batch as batch,
        BillingCurrency as currency,
        sum(BilledCost) as billed_cost,
        sum(case when x_ListUnitPrice is not null then ListCost end) as list_cost,
        sum(x_Tokens) as tokens,
        sum(case when x_ListUnitPrice is not null then x_Tokens end) as listed_tokens,
        sum(x_Requests) as requests
    from cost_data_standard_1_3
    where x_Model is not null
    group by all
)

select
    date,
    provider,
    account_id,
    api_key_id,
    model,
    model_family,
    token_kind,
    service_tier,
    batch,
    currency,
    billed_cost,
    list_cost,
    tokens,
    requests,
    cast(safe_divide(cast(billed_cost * 1000000 as numeric), cast(tokens as numeric)) as numeric) as cost_per_million_tokens,
    cast(safe_divide(cast(list_cost * 1000000 as numeric), cast(listed_tokens as numeric)) as numeric) as list_per_million_tokens
from charges
