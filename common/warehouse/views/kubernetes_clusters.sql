-- kubernetes_clusters: what each cluster is estimated to cost by day, how much of it is idle, and how much of the requested capacity is used.
-- grain: one row per charge day (UTC), cluster and currency; key: those
-- idle_share is idle_cost of estimated_cost, negative where idle is; efficiency is the used part of what workloads cost whose efficiency is known
with

charges as (
    select
        date(ChargePeriodStart) as date,
        x_Cluster as cluster,
        BillingCurrency as currency,
        sum(x_EstimatedCost) as estimated_cost,
        sum(case when x_AllocationKind = 'idle' then x_EstimatedCost else 0 end) as idle_cost,
        sum(case when x_CostKind = 'shared' then x_EstimatedCost else 0 end) as shared_cost,
        sum(case when x_Efficiency is not null then x_EstimatedCost end) as known_cost,
        cast(sum(round(cast(x_EstimatedCost as numeric) * cast(x_Efficiency as numeric), 9)) as numeric) as used_cost
    from cost_data_standard_1_3
    where x_EstimatedCost is not null
    group by all
)

select
    date,
    cluster,
    currency,
    estimated_cost,
    idle_cost,
    shared_cost,
    cast(safe_divide(cast(idle_cost as numeric), cast(estimated_cost as numeric)) as numeric) as idle_share,
    cast(safe_divide(cast(used_cost as numeric), cast(known_cost as numeric)) as numeric) as efficiency
from charges
