-- models: what each provider charged for models, to be compared with what it counted and what a meter saw.
-- grain: one row per day (UTC), provider, model, API key, kind of token, tier, batch and currency; key: those eight
-- Charges for no model (searches, storage) have a null model.
select
    date(ChargePeriodStart) as day,
    x_Provider as provider,
    x_Model as model,
    x_ModelFamily as family,
    x_ApiKeyId as api_key_id,
    x_TokenKind as kind,
    x_ServiceTier as tier,
    x_Batch as batch,
    BillingCurrency as currency,
    sum(BilledCost) as cost,
    sum(x_Tokens) as tokens,
    count(*) as charges
from cost_data_standard_1_3
where
    ChargePeriodStart >= @from_time and ChargePeriodStart < @until_time
    and (x_Model is not null or ServiceSubcategory = 'Generative AI')
group by all
