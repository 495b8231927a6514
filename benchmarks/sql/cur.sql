-- A legacy AWS Cost and Usage Report of one month, made of nothing but a seed.
-- Grain: one line item.  Key: identity/LineItemId.  The lines come in groups of 100 slots:
--   0-69 usage, 70-79 savings plan covered usage, 80-89 the negation of the slot ten before, 90-95 reserved usage,
--   96-99 usage, and in one group of twenty: tax, credit or private discount, savings plan fee, reservation fee.
-- :rows and :seed are whole numbers that benchmarks/cur.py puts in; :rows is a multiple of 100, so that every negation has its usage.
with numbered as (
    select
        range as n,
        range // 100 as line_group,
        range % 100 as slot,
        -- a negation is its covered usage again
        case when range % 100 between 80 and 89 then range - 10 else range end as twin
    from range(:rows)
),

drawn as (
    select
        n,
        line_group,
        slot,
        cast(hash(twin, :seed) >> 1 as bigint) as h,
        cast(hash(twin, :seed + 1) >> 1 as bigint) as g,
        case
            when slot between 70 and 79 then 'SavingsPlanCoveredUsage'
            when slot between 80 and 89 then 'SavingsPlanNegation'
            when slot between 90 and 95 then 'DiscountedUsage'
            when slot = 96 and line_group % 20 = 0 then 'Tax'
            when slot = 97 and line_group % 40 = 0 then 'Credit'
            when slot = 97 and line_group % 40 = 20 then 'EdpDiscount'
            when slot = 98 and line_group % 20 = 0 then 'SavingsPlanRecurringFee'
            when slot = 99 and line_group % 20 = 0 then 'RIFee'
            else 'Usage'
        end as kind,
        -- the whole month in the order of its hours, as AWS writes it
        cast(line_group * 744 // (:rows // 100) as integer) as hour_number
    from numbered
),

hours as (
    select
        range as hour_number,
        strftime(timestamp '2026-03-01' + to_hours(range), '%Y-%m-%dT%H:00:00Z') as starts,
        strftime(timestamp '2026-03-01' + to_hours(range + 1), '%Y-%m-%dT%H:00:00Z') as ends
    from range(744)
),

described as (
    select
        drawn.*,
        hours.starts,
        hours.ends,
        products.*,
        kind in ('Usage', 'SavingsPlanCoveredUsage', 'SavingsPlanNegation', 'DiscountedUsage') as metered,
        starts_with(kind, 'SavingsPlan') as planned,
        kind in ('DiscountedUsage', 'RIFee') as reserved,
        lpad(cast(100000000000 + (h >> 8) % 40 * 7919 as varchar), 12, '0') as account,
        'arn:aws:savingsplans::100000000000:savingsplan/' || substr(md5(cast(g % 7 as varchar)), 1, 8)
        || '-1b2c-4d3e-8f40-0123456789ab' as plan_arn,
        'arn:aws:ec2:us-east-1:100000000000:reserved-instances/' || substr(md5(cast(g % 5 as varchar)), 1, 8)
        || '-5a6b-4c7d-9e80-ba9876543210' as reservation_arn,
        substr(md5(cast(h % 50000 as varchar)), 1, 17) as thing,
        md5(cast(n as varchar)) as line_id
    from drawn
    inner join hours on drawn.hour_number = hours.hour_number
    -- commitments cover instances only
    inner join products on case when drawn.slot between 70 and 95 then drawn.h % 6 else drawn.h % 24 end = products.id
),

measured as (
    select
        *,
        case
            when not metered then cast(1 as decimal(18, 10))
            when unit in ('Hrs', 'Hours') then cast(1 as decimal(18, 10))
            when unit in ('Requests', 'Request', 'ReadRequestUnits', 'Lambda-GB-Second') then cast(1 + (g >> 16) % 900000 as decimal(18, 10))
            else cast(cast((g >> 16) % 1000000000 as decimal(18, 0)) * 0.000000001 as decimal(18, 10))
        end as amount,
        cast(rate as decimal(12, 10)) as list_rate
    from described
),

listed as (
    select
        *,
        cast(amount * list_rate as decimal(38, 24)) as list_cost,
        cast((g >> 16) % 9000000 as decimal(18, 0)) * 0.01 as some_cents
    from measured
),

billed as (
    select
        *,
        cast(case kind
            -- one in fifty has all 24 digits, as costs split over many accounts do
            when 'Usage' then list_cost + case when g % 50 = 0 then cast(1 + g % 999983 as decimal(18, 0)) * 0.000000000000000000000001 else 0 end
            when 'SavingsPlanCoveredUsage' then list_cost
            when 'SavingsPlanNegation' then -list_cost
            when 'DiscountedUsage' then 0
            when 'Tax' then some_cents * 0.01
            when 'Credit' then some_cents * -0.01
            when 'EdpDiscount' then some_cents * -0.02
            when 'SavingsPlanRecurringFee' then 42.5
            when 'RIFee' then 310.25
        end as decimal(38, 24)) as cost
    from listed
),

written as (
    select
        *,
        digits(cost) as cost_text,
        digits(list_rate) as rate_text,
        digits(amount) as amount_text,
        digits(list_cost) as list_text
    from billed
)

select
    line_id as "identity/LineItemId",
    starts || '/' || ends as "identity/TimeInterval",
    case when kind = 'Tax' then '1843920117' end as "bill/InvoiceId",
    'Amazon Web Services, Inc.' as "bill/InvoicingEntity",
    'AWS' as "bill/BillingEntity",
    'Anniversary' as "bill/BillType",
    '100000000000' as "bill/PayerAccountId",
    '2026-03-01T00:00:00Z' as "bill/BillingPeriodStartDate",
    '2026-04-01T00:00:00Z' as "bill/BillingPeriodEndDate",
    account as "lineItem/UsageAccountId",
    kind as "lineItem/LineItemType",
    starts as "lineItem/UsageStartDate",
    ends as "lineItem/UsageEndDate",
    case when kind = 'SavingsPlanRecurringFee' then 'ComputeSavingsPlans' else code end as "lineItem/ProductCode",
    case when kind = 'SavingsPlanRecurringFee' then 'ComputeSP:1yrNoUpfront' when kind = 'RIFee' then 'HeavyUsage:' || coalesce(instance, 'm5.large') when kind in ('Tax', 'Credit', 'EdpDiscount') then null else usage end as "lineItem/UsageType",
    case when metered then operation end as "lineItem/Operation",
    case when metered then zone end as "lineItem/AvailabilityZone",
    case when planned and not metered then plan_arn when not metered then null when kind_of_id = 'i' then 'i-' || thing when kind_of_id in ('vol', 'snap', 'nat') then kind_of_id || '-' || thing when kind_of_id = 'bucket' then 'data-' || substr(thing, 1, 6) || '-logs' when kind_of_id is not null then 'arn:aws:' || lower(code) || ':' || region || ':' || account || ':' || kind_of_id || '/' || thing end as "lineItem/ResourceId",
    amount_text as "lineItem/UsageAmount",
    case when instance is not null and metered then '4' end as "lineItem/NormalizationFactor",
    case when instance is not null and metered then '4' end as "lineItem/NormalizedUsageAmount",
    'USD' as "lineItem/CurrencyCode",
    case when kind = 'DiscountedUsage' then '0' when metered then case when kind = 'SavingsPlanNegation' then null else rate_text end end as "lineItem/UnblendedRate",
    cost_text as "lineItem/UnblendedCost",
    case when metered then rate_text end as "lineItem/BlendedRate",
    cost_text as "lineItem/BlendedCost",
    case kind when 'Tax' then 'Tax of type VAT for product code ' || code when 'Credit' then 'Migration credit' when 'EdpDiscount' then 'Private pricing discount on ' || code when 'SavingsPlanRecurringFee' then '1 year No Upfront Compute Savings Plan' when 'SavingsPlanNegation' then 'SavingsPlanNegation used by AccountId : ' || account || ' and UsageSku : ' || upper(substr(md5(usage), 1, 16)) else description end as "lineItem/LineItemDescription",
    case when kind = 'Tax' then 'VAT' end as "lineItem/TaxType",
    'Amazon Web Services, Inc.' as "lineItem/LegalEntity",
    name as "product/ProductName",
    case when code = 'AmazonS3' then '99.99%' end as "product/availability",
    case when instance is not null then 'Used' end as "product/capacitystatus",
    case when instance is not null then '3.1 GHz' end as "product/clockSpeed",
    case when instance is not null then 'Yes' end as "product/currentGeneration",
    case when code = 'AmazonRDS' then 'PostgreSQL' end as "product/databaseEngine",
    case when code = 'AmazonRDS' then 'Single-AZ' end as "product/deploymentOption",
    case when code = 'AmazonS3' then '99.999999999%' end as "product/durability",
    case when instance is not null then 'Yes' end as "product/enhancedNetworkingSupported",
    case when family = 'Data Transfer' then location end as "product/fromLocation",
    case when family = 'Data Transfer' then region end as "product/fromRegionCode",
    case when instance is null then family end as "product/group",
    case when instance is not null then 'General purpose' end as "product/instanceFamily",
    case when metered then instance end as "product/instanceType",
    case when metered then split_part(instance, '.', 1) end as "product/instanceTypeFamily",
    case when metered then location end as "product/location",
    case when instance is not null then 'OnDemand' end as "product/marketoption",
    case when volume is not null then '16000' end as "product/maxIopsvolume",
    case when volume is not null then '1000 MiB/s' end as "product/maxThroughputvolume",
    case when volume is not null then '16 TiB' end as "product/maxVolumeSize",
    case when metered then memory end as "product/memory",
    case when instance is not null then '4' end as "product/normalizationSizeFactor",
    case when metered then os end as "product/operatingSystem",
    case when instance is not null then 'NA' end as "product/preInstalledSw",
    case when instance is not null then '64-bit' end as "product/processorArchitecture",
    case when metered then family end as "product/productFamily",
    case when metered then region end as "product/region",
    case when metered then region end as "product/regionCode",
    case when family = 'API Request' then operation end as "product/requestType",
    case when metered then code end as "product/servicecode",
    case when metered then upper(substr(md5(usage), 1, 16)) end as "product/sku",
    case when instance is not null then 'EBS only' end as "product/storage",
    case when metered then storage_class end as "product/storageClass",
    case when metered then media end as "product/storageMedia",
    case when instance is not null then 'Shared' end as "product/tenancy",
    case when family = 'Data Transfer' then 'External' end as "product/toLocation",
    case when family = 'Data Transfer' then 'AWS Outbound' end as "product/transferType",
    case when metered then vcpu end as "product/vcpu",
    case when metered then volume end as "product/volumeApiName",
    case when volume is not null then 'General Purpose' end as "product/volumeType",
    case when instance is not null then 'true' end as "product/vpcnetworkingsupport",
    case when reserved then '1yr' end as "pricing/LeaseContractLength",
    case when reserved then 'standard' end as "pricing/OfferingClass",
    case when reserved then 'No Upfront' end as "pricing/PurchaseOption",
    case when metered then upper(substr(md5(usage), 1, 16)) || '.JRTCKXETXF.6YS6EN2CT7' end as "pricing/RateCode",
    case when metered then cast(8000000000 + hash(usage) % 1000000000 as varchar) end as "pricing/RateId",
    'USD' as "pricing/currency",
    case when metered and kind <> 'SavingsPlanNegation' then list_text end as "pricing/publicOnDemandCost",
    case when metered and kind <> 'SavingsPlanNegation' then rate_text end as "pricing/publicOnDemandRate",
    case when reserved then 'Reserved' when metered then 'OnDemand' end as "pricing/term",
    case when metered then unit end as "pricing/unit",
    case when kind = 'DiscountedUsage' then '0' end as "reservation/AmortizedUpfrontCostForUsage",
    case when kind = 'RIFee' then '0' end as "reservation/AmortizedUpfrontFeeForBillingPeriod",
    case when kind = 'DiscountedUsage' then digits(list_cost * 0.6) end as "reservation/EffectiveCost",
    case when reserved then '2026-11-30T23:59:59.000Z' end as "reservation/EndTime",
    case when kind = 'RIFee' then '4' end as "reservation/NumberOfReservations",
    case when kind = 'DiscountedUsage' then digits(list_cost * 0.6) end as "reservation/RecurringFeeForUsage",
    case when reserved then reservation_arn end as "reservation/ReservationARN",
    case when reserved then '2025-12-01T00:00:00.000Z' end as "reservation/StartTime",
    case when reserved then cast(7000000000 + g % 5 as varchar) end as "reservation/SubscriptionId",
    case when kind = 'RIFee' then '11904' end as "reservation/TotalReservedNormalizedUnits",
    case when kind = 'RIFee' then '2976' end as "reservation/TotalReservedUnits",
    case when kind = 'RIFee' then '0' end as "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    case when kind = 'RIFee' then '48' end as "reservation/UnusedNormalizedUnitQuantity",
    case when kind = 'RIFee' then '12' end as "reservation/UnusedQuantity",
    case when kind = 'RIFee' then '1.25' end as "reservation/UnusedRecurringFee",
    case when kind = 'SavingsPlanRecurringFee' then '42.5' end as "savingsPlan/TotalCommitmentToDate",
    case when planned then plan_arn end as "savingsPlan/SavingsPlanARN",
    case when kind = 'SavingsPlanCoveredUsage' then digits(list_rate * 0.7) end as "savingsPlan/SavingsPlanRate",
    case when kind = 'SavingsPlanRecurringFee' then '41.75' end as "savingsPlan/UsedCommitment",
    case when kind = 'SavingsPlanCoveredUsage' then digits(list_cost * 0.7) end as "savingsPlan/SavingsPlanEffectiveCost",
    case when kind = 'SavingsPlanRecurringFee' then '0' end as "savingsPlan/AmortizedUpfrontCommitmentForBillingPeriod",
    case when kind = 'SavingsPlanRecurringFee' then '42.5' end as "savingsPlan/RecurringCommitmentForBillingPeriod",
    case when planned then 'ComputeSavingsPlans' end as "savingsPlan/OfferingType",
    case when planned then 'No Upfront' end as "savingsPlan/PaymentOption",
    case when planned then '1yr' end as "savingsPlan/PurchaseTerm",
    case when metered then ['checkout', 'search', 'ledger', 'mail', 'media'][1 + (h >> 20) % 5] end as "resourceTags/user:app",
    case when metered then 'cc-' || (h >> 24) % 60 end as "resourceTags/user:cost-center",
    case when metered then ['production', 'staging', 'development'][1 + (h >> 28) % 3] end as "resourceTags/user:environment",
    'dept-' || (h >> 36) % 9 as "costCategory/Department"
from written
