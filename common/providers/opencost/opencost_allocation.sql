-- Allocations of a Kubernetes cluster to FOCUS 1.3.
-- Source: answers of GET /allocation of OpenCost and Kubecost.  Grain and key: one row an allocation and kind of cost that it has.
-- The amount is an estimate by the prices that OpenCost knows, and the cluster's nodes may stand in a cloud bill: it is x_EstimatedCost, and every
-- cost of FOCUS is 0, so that no total counts a node twice.  A kind is its cost with its adjustment; negative idle stays negative.
-- A null part is a number that OpenCost does not know: the whole allocation is in quarantine then, and none of it is taken for 0.
with
named as (
    select
        *,
        named_or_null("properties.namespace") as namespace,
        named_or_null("properties.controllerKind") as controller_kind,
        named_or_null("properties.controller") as controller,
        named_or_null("properties.pod") as pod,
        named_or_null("properties.node") as node
    from source
),

allocations as (
    select
        source_row_id,
        sum_of_parts,
        upper(blank_to_null(currency)) as currency,
        to_time("window.start") as period_start,
        to_time("window.end") as period_end,
        blank_to_null("properties.cluster") as cluster,
        coalesce(blank_to_null("properties.cluster"), blank_to_null(account), cast(getvariable('integration_id') as varchar), 'cluster') as account,
        namespace,
        controller_kind,
        controller,
        pod,
        node,
        case
            when regexp_matches(coalesce(name, ''), '(^|/)__idle__$') then 'idle'
            when contains(coalesce(name, ''), '__unmounted__') then 'unmounted'
            when namespace is null then 'unallocated'
            else 'workload'
        end as allocation_kind,
        json_merge_patch(
            coalesce(case when json_type("properties.namespaceLabels") = 'OBJECT' then "properties.namespaceLabels" end, '{}'),
            coalesce(case when json_type("properties.labels") = 'OBJECT' then "properties.labels" end, '{}'),
            json_object(
                'kubernetes:cluster', blank_to_null("properties.cluster"), 'kubernetes:namespace', namespace, 'kubernetes:controller_kind', controller_kind,
                'kubernetes:controller', controller, 'kubernetes:pod', pod, 'kubernetes:node', node
            )
        ) as tags,
        json_object(
            'name', name, 'provider_id', "properties.providerID", 'minutes', minutes, 'stated_total', "totalCost", 'start', "start", 'end', "end"
        ) as facts,
        [
            {
                'kind': 'cpu', 'cost': "cpuCost", 'adjustment': "cpuCostAdjustment", 'quantity': to_quantity("cpuCoreHours"), 'unit': 'Core-Hours',
                'efficiency': coalesce("cpuEfficiency", "totalEfficiency")
            },
            {
                'kind': 'ram', 'cost': "ramCost", 'adjustment': "ramCostAdjustment", 'quantity': to_gibibytes("ramByteHours"), 'unit': 'GiB-Hours',
                'efficiency': coalesce("ramEfficiency", "totalEfficiency")
            },
            {
                'kind': 'gpu', 'cost': "gpuCost", 'adjustment': "gpuCostAdjustment", 'quantity': to_quantity("gpuHours"), 'unit': 'GPU-Hours',
                'efficiency': cast(null as varchar)
            },
            {
                'kind': 'volume', 'cost': "pvCost", 'adjustment': "pvCostAdjustment", 'quantity': to_gibibytes("pvByteHours"), 'unit': 'GiB-Hours',
                'efficiency': cast(null as varchar)
            },
            {
                'kind': 'network', 'cost': "networkCost", 'adjustment': "networkCostAdjustment", 'quantity': cast(null as decimal(38, 12)), 'unit': 'Units',
                'efficiency': cast(null as varchar)
            },
            {
                'kind': 'load_balancer', 'cost': "loadBalancerCost", 'adjustment': "loadBalancerCostAdjustment", 'quantity': cast(null as decimal(38, 12)),
                'unit': 'Units', 'efficiency': cast(null as varchar)
            },
            {
                'kind': 'shared', 'cost': "sharedCost", 'adjustment': cast(null as varchar), 'quantity': cast(null as decimal(38, 12)), 'unit': 'Units',
                'efficiency': cast(null as varchar)
            },
            {
                'kind': 'external', 'cost': "externalCost", 'adjustment': cast(null as varchar), 'quantity': cast(null as decimal(38, 12)), 'unit': 'Units',
                'efficiency': cast(null as varchar)
            }
        ] as kinds
    from named
),

judged as (
    select
        allocations.*,
        to_cost(sum_of_parts) as total,
        date_trunc('month', period_start) as month_start,
        case
            when sum_of_parts is null
                then 'a part of the cost or totalCost is null, which is unknown and not 0, or the parts do not add up to totalCost'
            when currency is null then 'currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'currency is not an ISO 4217 code'
            when period_start is null then 'window.start holds no readable time'
            when period_end is null then 'window.end holds no readable time'
            when period_end <= period_start then 'window.end is not after window.start'
            when period_end > date_trunc('month', period_start) + interval 1 month then 'the window is of two months; ask for it by day: step=1d'
        end as quarantine_reason
    from allocations
    left join currencies on currencies.code = currency
),

parts as (
    select
        judged.* exclude (kinds),
        one.kind as cost_kind,
        coalesce(to_cost(one.cost), 0) + coalesce(to_cost(one.adjustment), 0) as cost,
        one.quantity as quantity,
        one.unit as unit,
        case when allocation_kind = 'workload' then to_cost(one.efficiency) end as efficiency
    from judged
    cross join unnest(kinds) as unnested (one)
    where quarantine_reason is null and (coalesce(to_cost(one.cost), 0) <> 0 or coalesce(to_cost(one.adjustment), 0) <> 0)
),

-- an allocation without any cost is a row of 0, so that no line is lost; one for quarantine is a row as well
rows_of_all as (
    select * from parts
    union all by name
    select
        judged.* exclude (kinds),
        'cpu' as cost_kind,
        cast(0 as decimal(38, 24)) as cost,
        cast(null as decimal(38, 12)) as quantity,
        'Units' as unit,
        cast(null as decimal(38, 24)) as efficiency
    from judged
    where quarantine_reason is not null or source_row_id not in (select parts.source_row_id from parts)
),

measured as (
    select
        * exclude (quantity, unit, cost),
        case when quarantine_reason is null then cost end as cost,
        case when quantity <> 0 then unit else 'Units' end as unit,
        cast((case when cost < 0 then -1 else 1 end) * coalesce(nullif(abs(quantity), 0), 1) as decimal(38, 12)) as quantity,
        concat_ws('/', account, coalesce(namespace, case allocation_kind when 'workload' then null else '__' || allocation_kind || '__' end), controller_kind, controller, pod) as resource,
        'opencost/' || cost_kind as sku
    from rows_of_all
)

select
    -- costs: a cluster issues no bill
    0 as BilledCost,
    0 as EffectiveCost,
    0 as ListCost,
    0 as ContractedCost,
    0 as ListUnitPrice,
    0 as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    0 as PricingCurrencyListUnitPrice,
    0 as PricingCurrencyContractedUnitPrice,
    0 as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    period_start as ChargePeriodStart,
    period_end as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    cluster as BillingAccountName,
    'Cluster' as BillingAccountType,
    namespace as SubAccountId,
    namespace as SubAccountName,
    case when namespace is not null then 'Namespace' end as SubAccountType,
    null as InvoiceId,
    'OpenCost' as InvoiceIssuerName,
    -- charge
    'Usage' as ChargeCategory,
    null as ChargeClass,
    'Estimate: ' || cost_kind || ' of ' || resource as ChargeDescription,
    'Usage-Based' as ChargeFrequency,
    -- pricing and usage
    'Standard' as PricingCategory,
    quantity as PricingQuantity,
    unit as PricingUnit,
    quantity as ConsumedQuantity,
    unit as ConsumedUnit,
    -- service
    'Kubernetes' as ServiceName,
    'Compute' as ServiceCategory,
    'Containers' as ServiceSubcategory,
    'Kubernetes' as ServiceProviderName,
    null as HostProviderName,
    'Kubernetes' as ProviderName,
    'Kubernetes' as PublisherName,
    -- place and resource: the answers have no region
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    resource as ResourceId,
    coalesce(pod, controller, namespace, case allocation_kind when 'idle' then 'Idle capacity' else 'Cost without a workload' end) as ResourceName,
    case allocation_kind
        when 'idle' then 'Kubernetes Idle Capacity'
        when 'workload' then case when pod is not null then 'Kubernetes Pod' when controller is not null then 'Kubernetes Workload' else 'Kubernetes Namespace' end
        else 'Kubernetes Unallocated Cost'
    end as ResourceType,
    cast(tags as varchar) as Tags,
    -- SKU
    sku as SkuId,
    cost_kind as SkuMeter,
    sku || '/' || account || '/' || unit as SkuPriceId,
    cast(json_object('x_CostKind', cost_kind, 'x_Cluster', account) as varchar) as SkuPriceDetails,
    -- what the answers do not have
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
    cast(facts as varchar) as x_Source,
    -- the cluster
    account as x_Cluster,
    namespace as x_Namespace,
    controller_kind as x_ControllerKind,
    controller as x_Controller,
    pod as x_Pod,
    node as x_Node,
    allocation_kind as x_AllocationKind,
    cost_kind as x_CostKind,
    cost as x_EstimatedCost,
    efficiency as x_Efficiency,
    source_row_id || '/' || cost_kind as source_row_id,
    quarantine_reason
from measured
