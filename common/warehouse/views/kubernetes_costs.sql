-- kubernetes_costs: what parts of clusters are estimated to cost, and how much of that is used.
-- grain: one row per charge day (UTC), cluster, namespace, controller, kind of allocation, kind of cost and currency; key: those
-- FOCUS: date is the day of ChargePeriodStart; estimated_cost is x_EstimatedCost, which is in no cost of FOCUS
-- used_cost is what the efficiency that is known of a part says is used of it; known_cost is the cost of those parts.  Both are null where none is known.
with

charges as (
    select
        date(ChargePeriodStart) as date,
        x_Cluster as cluster,
        x_Namespace as namespace,
        x_ControllerKind as controller_kind,
        x_Controller as controller,
        x_AllocationKind as allocation_kind,
        x_CostKind as cost_kind,
        BillingCurrency as currency,
        sum(x_EstimatedCost) as estimated_cost,
        sum(case when x_Efficiency is not null then x_EstimatedCost end) as known_cost,
        cast(sum(round(cast(x_EstimatedCost as numeric) * cast(x_Efficiency as numeric), 9)) as numeric) as used_cost
    from cost_data_standard_1_3
    where x_EstimatedCost is not null
    group by all
)

select
    date,
    cluster,
    namespace,
    controller_kind,
    controller,
    allocation_kind,
    cost_kind,
    currency,
    estimated_cost,
    known_cost,
    used_cost
from charges
