-- The tables of Azure: our rows, and what the FinOps toolkit's open data adds.  A key that our table has keeps our row.
-- Source: each CSV file of this folder and of finops_toolkit/ as a table.  Each statement fills a table of common/reference.
insert into azure_resource_types by name
select
    lower(ResourceType) as resource_type,
    any_value(SingularDisplayName) as display_name
from resourcetypes
where lower(ResourceType) not in (select resource_type from azure_resource_types)
group by all;

-- a spelling that the list gives two regions is left out
insert into azure_regions by name
select
    replace(lower(trim(OriginalValue)), ' ', '') as "location",
    any_value(RegionId) as region_id,
    any_value(RegionName) as region_name
from regions
where replace(lower(trim(OriginalValue)), ' ', '') not in (select "location" from azure_regions)
group by replace(lower(trim(OriginalValue)), ' ', '')
having count(distinct RegionId) = 1;

-- The list has pairs of a consumed service and a resource type; the mapping looks up the type without its children, then the consumed service.  One that
-- stands for several services is left out, so that the next is looked up.
insert into azure_services by name
select
    lower(ConsumedService) as source,
    any_value(ServiceName) as service_name,
    any_value(ServiceCategory) as service_category,
    any_value(ServiceSubcategory) as service_subcategory
from services
where lower(ConsumedService) not in (select source from azure_services)
group by all
having count(distinct ServiceName) = 1;

-- A type says no more than its namespace where both mean one service: a row of an organization's own for the namespace must count for it.
insert into azure_services by name
with types as (
    select
        lower(array_to_string(string_split(ResourceType, '/')[:2], '/')) as source,
        any_value(ServiceName) as service_name,
        any_value(ServiceCategory) as service_category,
        any_value(ServiceSubcategory) as service_subcategory
    from services
    group by all
    having count(distinct ServiceName) = 1
)

select types.*
from types
left join azure_services as of_namespace on of_namespace.source = split_part(types.source, '/', 1)
where types.source not in (select source from azure_services) and of_namespace.service_name is distinct from types.service_name;

-- In FOCUS's unit format: what is counted in the plural; a rate as GB-Months, from `GB/Month` and `GB Hours`.
insert into azure_units by name
with listed as (
    select
        lower(trim(UnitOfMeasure)) as unit_of_measure,
        any_value(PricingBlockSize) as block,
        any_value(DistinctUnits) as written
    from pricingunits
    where lower(trim(UnitOfMeasure)) not in (select unit_of_measure from azure_units)
    group by all
),

split as (
    select
        *,
        regexp_extract(written, '^([^/0-9]+?)s?[/ ]((?i:second|minute|hour|day|month|year))s?$', ['counted', 'per']) as rate
    from listed
)

select
    unit_of_measure,
    block,
    case
        when rate.per <> '' then rate.counted || '-' || upper(rate.per[1]) || lower(rate.per[2:]) || 's'
        when regexp_matches(written, '^[KMGTP]i?B$|s$|^Count$') then written
        else written || 's'
    end as unit
from split;

-- 1 / block, where it is exact: a division costs time on every line
alter table azure_units add column reciprocal varchar;
update azure_units
set reciprocal = rtrim(rtrim(cast(cast(100000000000 // cast(block as bigint) as decimal(12, 0)) * cast('0.00000000001' as decimal(12, 11)) as varchar), '0'), '.')
where 100000000000 % cast(block as bigint) = 0;
