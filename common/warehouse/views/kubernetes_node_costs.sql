-- kubernetes_node_costs: what the nodes of clusters cost in cloud bills, split among what ran on them.
-- grain: one row per charge day (UTC), cluster, namespace, controller, kind of allocation, provider, service and currency; key: those
-- FOCUS: of charges with Costwire's AllocatedMethodId; date is the day of ChargePeriodStart, in the currency of the bill
-- What no workload asked for has allocation_kind idle.  All rows of a day together are what the split nodes cost.
with

charges as (
    select
        date(ChargePeriodStart) as date,
        x_Cluster as cluster,
        x_Namespace as namespace,
        x_ControllerKind as controller_kind,
        x_Controller as controller,
        x_AllocationKind as allocation_kind,
        x_Provider as provider,
        ServiceName as service,
        BillingCurrency as currency,
        sum(BilledCost) as billed_cost,
        sum(EffectiveCost) as effective_cost,
        sum(ListCost) as list_cost
    from cost_data_standard_1_3
    where AllocatedMethodId = 'opencost-proportional-v1'
    group by all
)

select
    date,
    cluster,
    namespace,
    controller_kind,
    controller,
    allocation_kind,
    provider,
    service,
    currency,
    billed_cost,
    effective_cost,
    list_cost
from charges
