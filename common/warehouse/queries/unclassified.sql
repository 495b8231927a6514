-- unclassified: what charges hold that no reference table knows: services of category Other, regions that have no name, pricing units.
-- grain: one row per kind, provider, code and currency; key: those four.  Every pricing unit is listed: the caller knows the known ones
with

charges as (
    select
        x_Provider as provider,
        case when ServiceCategory = 'Other' then ServiceName end as service,
        case when RegionName = RegionId then RegionId end as region,
        PricingUnit as unit,
        BillingCurrency as currency,
        sum(BilledCost) as billed_cost,
        count(*) as charges
    from cost_data_standard_1_3
    where
        ChargePeriodStart >= @from_time
        and ChargeCategory in ('Usage', 'Purchase')
    group by provider, service, region, unit, currency
),

codes as (
    select 'service' as kind, provider, service as code, currency, billed_cost, charges from charges
    union all
    select 'region' as kind, provider, region as code, currency, billed_cost, charges from charges
    union all
    select 'unit' as kind, provider, unit as code, currency, billed_cost, charges from charges
)

select
    kind,
    provider,
    code,
    currency,
    sum(billed_cost) as billed_cost,
    sum(charges) as charges
from codes
where code is not null
group by kind, provider, code, currency
