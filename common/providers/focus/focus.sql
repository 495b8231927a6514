-- FOCUS 1.0 to 1.3 as generators deliver it, lifted to 1.3.  Grain: one row a source row.  Key: source_row_id.
-- BilledCost and EffectiveCost pass through untouched.  What the 1.3 rules want and a generator leaves out is made where it can be known; x_Source says
-- which columns were made ("x_Made") and what stood where a value had to be replaced ("x_Original").
-- Sources: FOCUS 1.3, CostAndUsage; AWS Data Exports guide, FOCUS conformance gaps; Microsoft Learn, FOCUS cost and usage details schema.
with regions as (
    select distinct 'aws' as provider, region_id, region_name from aws_regions
    union all
    select distinct 'azure', region_id, region_name from azure_regions where region_id is not null
    union all
    select distinct 'gcp', region_id, region_name from gcp_regions
    union all
    select distinct 'oci', region_id, region_name from oci_regions
),

-- the names and classes that the native mappings give, by every spelling that a table knows; Google and Oracle rename nothing
services as (
    select distinct on (provider, spelling) *
    from (
        select 'aws' as provider, lower(service_key) as spelling, service_name, service_category as category, service_subcategory as subcategory, 1 as place
        from aws_services
        union all
        select 'aws', lower(service_name), service_name, service_category, service_subcategory, 2 from aws_services
        union all
        select 'azure', source, service_name, service_category, service_subcategory, 1 from azure_services
        union all
        select 'azure', lower(service_name), service_name, service_category, service_subcategory, 2 from azure_services
        union all
        select 'gcp', lower(service_name), null, service_category, service_subcategory, 1 from gcp_services
        union all
        select 'oci', lower(service), null, service_category, service_subcategory, 1 from oci_services
    )
    order by provider, spelling, place, category, subcategory
),

given as (
    select
        source_row_id,
        x_source,
        nullif(nullif(columns(* exclude (source_row_id, x_source)), ''), 'NULL')
    from source
),

-- enumerations in FOCUS spelling, providers and services as reference tables know them
known as (
    select
        given.*,
        currency.code as billing_currency,
        case
            when category.value = 'Adjustment' and lower(given.ChargeSubcategory) = 'credit' then 'Credit'
            else category.value
        end as charge_category,
        class.value as charge_class,
        given.ChargeClass is not null and class.spelling is null as class_unknown,
        frequency.value as charge_frequency,
        case
            when pricing.value is not null then pricing.value
            when given.PricingCategory is not null then 'Other'
            when lower(given.ChargeSubcategory) in ('used commitment', 'unused commitment') then 'Committed'
        end as pricing_category,
        case
            when given.CommitmentDiscountStatus is not null then commitment.value
            when lower(given.ChargeSubcategory) = 'used commitment' then 'Used'
            when lower(given.ChargeSubcategory) = 'unused commitment' then 'Unused'
        end as commitment_status,
        capacity.value as capacity_status,
        commitment_kind.value as commitment_category,
        coalesce(service_category.value, case when given.ServiceCategory is not null then 'Other' end) as service_category,
        given.ServiceCategory is not null and service_category.value is null as service_category_unknown,
        provider.provider,
        provider.service_provider_name,
        provider.billing_account_type,
        provider.sub_account_type,
        provider.provider is not null and given.PublisherName is not null and publisher.provider is distinct from provider.provider
            and not starts_with(lower(given.PublisherName), provider.publisher_start) as is_third_party,
        coalesce(given.ProviderName, given.ServiceProviderName, given.PublisherName, given.InvoiceIssuerName) as provider_name,
        -- AWS calls all under EC2 a virtual machine, network and traffic included
        case when provider.provider = 'aws' then aws_service_key(
            case when given.ServiceName = 'Amazon Elastic Compute Cloud' then 'AmazonEC2' end, coalesce(given.x_UsageType, given.ChargeDescription), false
        ) end as ec2_key,
        provider.provider = 'aws' and contains(given.ServiceName, '(Amazon Bedrock Edition)') is true as is_model,
        case when given.ServiceProviderName is not null then getvariable('provider_names')[lower(given.ServiceProviderName)] end as known_seller,
        case when given.HostProviderName is not null then getvariable('provider_names')[lower(given.HostProviderName)] end as known_host
    from given
    left join currencies as currency on currency.code = upper(trim(given.BillingCurrency))
    left join focus_values as category
        on category.column_name = 'ChargeCategory' and category.spelling = lower(given.ChargeCategory)
    left join focus_values as class on class.column_name = 'ChargeClass' and class.spelling = lower(given.ChargeClass)
    left join focus_values as frequency
        on frequency.column_name = 'ChargeFrequency' and frequency.spelling = lower(given.ChargeFrequency)
    left join focus_values as pricing
        on pricing.column_name = 'PricingCategory' and pricing.spelling = lower(given.PricingCategory)
    left join focus_values as commitment
        on commitment.column_name = 'Status' and commitment.spelling = lower(given.CommitmentDiscountStatus)
    left join focus_values as capacity
        on capacity.column_name = 'Status' and capacity.spelling = lower(given.CapacityReservationStatus)
    left join focus_values as commitment_kind
        on commitment_kind.column_name = 'CommitmentDiscountCategory'
        and commitment_kind.spelling = lower(given.CommitmentDiscountCategory)
    left join focus_values as service_category
        on service_category.column_name = 'ServiceCategory' and service_category.spelling = lower(given.ServiceCategory)
    left join focus_providers as provider
        on provider.spelling = lower(coalesce(
            given.ProviderName, given.ServiceProviderName, given.PublisherName, given.InvoiceIssuerName
        ))
    left join focus_providers as publisher on publisher.spelling = lower(given.PublisherName)
),

-- numbers and times; whether the row has prices: Usage and Purchase must, others may where the generator gives all of them
typed as (
    select
        known.*,
        to_cost(BilledCost) as billed_cost,
        to_cost(EffectiveCost) as effective_cost,
        to_cost(ListCost) as given_list_cost,
        to_cost(ContractedCost) as given_contracted_cost,
        to_cost(ListUnitPrice) as given_list_price,
        to_cost(ContractedUnitPrice) as given_contracted_price,
        to_quantity(PricingQuantity) as given_quantity,
        to_quantity(ConsumedQuantity) as given_consumed,
        case when contains(BillingPeriodStart, '.') then date_trunc('second', to_time(BillingPeriodStart)) else to_time(BillingPeriodStart) end
            as billing_start,
        case when contains(BillingPeriodEnd, '.') then date_trunc('second', to_time(BillingPeriodEnd)) else to_time(BillingPeriodEnd) end
            as given_billing_end,
        case when contains(ChargePeriodStart, '.') then date_trunc('second', to_time(ChargePeriodStart)) else to_time(ChargePeriodStart) end
            as charge_start,
        case when contains(ChargePeriodEnd, '.') then date_trunc('second', to_time(ChargePeriodEnd)) else to_time(ChargePeriodEnd) end
            as given_charge_end,
        coalesce(charge_category in ('Usage', 'Purchase') and charge_class is null, false) as must_have_prices,
        service.service_name as known_service,
        region.region_name,
        case when is_model then getvariable('aws_model_sellers')[lower(split_part(ServiceName, ' ', 1))] end as model_seller,
        -- the provider's own class, where it says one; a part of EC2 has that of its own service
        coalesce(
            case when service.spelling is not null and ec2_key <> 'AmazonEC2' then service.category end,
            nullif(service_category, 'Other'), service.category, case when is_model then 'AI and Machine Learning' end, 'Other'
        ) as service_category_known,
        case
            when subcategory.category = service_category_known then subcategory.subcategory
            when service.category = service_category_known then service.subcategory
            when is_model and service_category_known = 'AI and Machine Learning' then 'Generative AI'
            else 'Other (' || service_category_known || ')'
        end as service_subcategory
    from known
    left join services as service
        on service.provider = known.provider and service.spelling = lower(coalesce(
            case
                when known.ec2_key <> 'AmazonEC2' then known.ec2_key
                when known.ec2_key = 'AmazonEC2' and known.service_category = 'Storage' then 'AmazonEBS'
                when known.ec2_key = 'AmazonEC2' and known.service_category = 'Networking' then 'AmazonEC2Networking'
            end,
            known.ServiceName, known.x_ServiceCode
        ))
    left join focus_subcategories as subcategory on subcategory.subcategory = known.ServiceSubcategory
    left join regions as region
        on region.provider = known.provider and region.region_id = coalesce(known.RegionId, known.RegionName)
),

-- what a unit price has to come from where there is none: the list and contracted cost, else what was billed, else what it cost in the end
based as (
    select
        typed.*,
        must_have_prices or coalesce(
            charge_category <> 'Tax' and SkuPriceId is not null and given_list_price >= 0 and given_contracted_price >= 0, false
        ) as has_prices,
        coalesce(given_contracted_cost, case when billed_cost <> 0 then billed_cost else effective_cost end) as contracted_basis,
        coalesce(given_list_cost, contracted_basis) as list_basis,
        -- older generators give the last second or the last day instead of the end
        case
            when BillingPeriodEnd is null then date_trunc('month', billing_start) + interval 1 month
            when contains(BillingPeriodEnd, ':59:59') then given_billing_end + interval 1 second
            when substr(BillingPeriodEnd, 9, 2) in ('28', '29', '30', '31') and substr(BillingPeriodEnd, 12, 5) in ('', '00:00')
                and day(billing_start) = 1 and day(given_billing_end + interval 1 day) = 1 then given_billing_end + interval 1 day
            else given_billing_end
        end as billing_end,
        case
            when contains(ChargePeriodEnd, ':59:59') then given_charge_end + interval 1 second
            when given_charge_end = charge_start and substr(ChargePeriodEnd, 12, 5) in ('', '00:00') then given_charge_end + interval 1 day
            else given_charge_end
        end as charge_end
    from typed
),

-- a quantity of 0 cannot carry a cost: such a row is one unit (or minus one); prices are never negative, so the quantity takes the sign of the cost
counted as (
    select
        based.*,
        case
            when not has_prices then null
            when given_quantity <> 0 then given_quantity
            when given_quantity = 0 and ((contracted_basis = 0 and list_basis = 0) or not must_have_prices) then given_quantity
            when not must_have_prices then null
            when given_quantity is null and charge_category = 'Usage' and given_consumed <> 0 then given_consumed
            else cast(1 as decimal(38, 12))
        end as unsigned_quantity
    from based
),

directed as (
    select
        counted.*,
        case
            when given_contracted_cost is null and given_contracted_price <> 0 then sign(given_contracted_price) * sign(unsigned_quantity)
            when contracted_basis <> 0 then sign(contracted_basis)
            when list_basis <> 0 then sign(list_basis)
            else sign(unsigned_quantity)
        end as direction
    from counted
),

signed as (
    select
        directed.*,
        cast(case when sign(unsigned_quantity) = direction then unsigned_quantity else -unsigned_quantity end as decimal(38, 12)) as quantity
    from directed
),

-- the generator's price where price * quantity is its cost but for rounding, else the price that gives its cost
offered as (
    select
        signed.*,
        case when given_list_price >= 0 then fit_price(given_list_price, quantity) end as list_candidate,
        case when given_contracted_price >= 0 then fit_price(given_contracted_price, quantity) end as contracted_candidate
    from signed
),

multiplied as (
    select
        offered.*,
        multiply(list_candidate, quantity) as list_product,
        multiply(contracted_candidate, quantity) as contracted_product
    from offered
),

compared as (
    select
        multiplied.*,
        given_list_cost is null or quantity is null or (given_list_cost = 0 and given_list_price > 0)
            or abs(list_product - given_list_cost)
                <= 0.000001 + cast(abs(given_list_cost) as decimal(38, 12)) * cast(0.01 as decimal(3, 2)) as list_fits,
        given_contracted_cost is null or quantity is null or (given_contracted_cost = 0 and given_contracted_price > 0)
            or abs(contracted_product - given_contracted_cost)
                <= 0.000001 + cast(abs(given_contracted_cost) as decimal(38, 12)) * cast(0.01 as decimal(3, 2)) as contracted_fits
    from multiplied
),

priced as (
    select
        compared.*,
        case
            when not has_prices then null
            when list_candidate is not null and coalesce(list_fits, false) then list_candidate
            when quantity = 0 then coalesce(list_candidate, 0)
            when sign(list_basis) * sign(quantity) < 0 then 0
            else cast(abs(cast(exact_quotient(
                cast(list_basis as varchar), cast(quantity as varchar),
                case when quantity = round(quantity, 0) then 24 when quantity = round(quantity, 6) then 18 else 12 end
            ) as decimal(38, 24))) as decimal(38, 24))
        end as list_price,
        case
            when not has_prices then null
            when contracted_candidate is not null and coalesce(contracted_fits, false) then contracted_candidate
            when quantity = 0 then coalesce(contracted_candidate, 0)
            when sign(contracted_basis) * sign(quantity) < 0 then 0
            else cast(abs(cast(exact_quotient(
                cast(contracted_basis as varchar), cast(quantity as varchar),
                case when quantity = round(quantity, 0) then 24 when quantity = round(quantity, 6) then 18 else 12 end
            ) as decimal(38, 24))) as decimal(38, 24))
        end as contracted_price,
        -- costs, null here where they must be multiplied out anew
        case
            when has_prices and quantity is not null then case when list_candidate is not null and list_fits then list_product end
            when charge_category = 'Credit' and not has_prices then billed_cost
            else coalesce(given_list_cost, billed_cost)
        end as known_list_cost,
        case
            when has_prices and quantity is not null then case when contracted_candidate is not null and contracted_fits then contracted_product end
            when charge_category = 'Credit' and not has_prices then billed_cost
            else coalesce(given_contracted_cost, billed_cost)
        end as known_contracted_cost,
        case
            when quantity is null then null
            when given_quantity is null and charge_category = 'Usage' and given_consumed <> 0 then coalesce(PricingUnit, ConsumedUnit, 'Units')
            else coalesce(PricingUnit, 'Units')
        end as pricing_unit,
        -- status of commitments and reservations: Unused where nothing was consumed and yet it cost
        case
            when CommitmentDiscountId is null then null
            when commitment_status is not null then commitment_status
            when charge_category <> 'Usage' then null
            when ResourceId = CommitmentDiscountId or (ResourceId is null and coalesce(given_consumed, 0) = 0)
                or contains(lower(ChargeDescription), 'unused') then 'Unused'
            else 'Used'
        end as commitment_status_known,
        case
            when CapacityReservationId is null then null
            when capacity_status is not null then capacity_status
            when charge_category <> 'Usage' then null
            when ResourceId = CapacityReservationId or (ResourceId is null and coalesce(given_consumed, 0) = 0) then 'Unused'
            else 'Used'
        end as capacity_status_known,
        case
            when CommitmentDiscountId is null then null
            when commitment_category is not null then commitment_category
            when contains(lower(CommitmentDiscountId), 'savingsplan') or contains(lower(CommitmentDiscountId), 'microsoft.billingbenefits')
                or contains(lower(CommitmentDiscountType), 'saving') or contains(lower(CommitmentDiscountType), 'spend') then 'Spend'
            else 'Usage'
        end as commitment_category_known
    from compared
),

-- ids and names
named as (
    select
        priced.*,
        case when known_list_cost is null then multiply(list_price, quantity) else known_list_cost end as list_cost,
        case when known_contracted_cost is null then multiply(contracted_price, quantity) else known_contracted_cost end as contracted_cost,
        case
            when charge_category = 'Tax' then null
            when SkuId is not null then SkuId
            when not must_have_prices then null
            when provider = 'aws' and SkuPriceId is not null then split_part(SkuPriceId, '.', 1)
            else coalesce(
                SkuPriceId, x_SkuMeterId,
                coalesce(ServiceName, provider_name) || '/' || coalesce(x_UsageType, SkuMeter, x_SkuMeterName, ChargeDescription, charge_category)
            )
        end as sku_id,
        case
            when charge_category = 'Usage' and commitment_status_known is distinct from 'Unused' and charge_class is null
                then coalesce(given_consumed, quantity)
            when charge_category = 'Usage' and commitment_status_known is distinct from 'Unused' and has_prices then given_consumed
        end as consumed_quantity,
        coalesce(RegionId, RegionName) as region_id,
        coalesce(known_service, ServiceName, x_ServiceCode, provider_name) as service_name,
        case
            when model_seller is not null then model_seller
            when ServiceProviderName is not null then coalesce(known_seller, ServiceProviderName)
            when is_third_party then PublisherName
            else coalesce(service_provider_name, provider_name)
        end as sold_by,
        case
            when model_seller is not null then model_seller
            when is_third_party then PublisherName
            else coalesce(service_provider_name, PublisherName, ServiceProviderName, provider_name)
        end as published_by,
        coalesce(region_name, case when RegionName is distinct from coalesce(RegionId, RegionName) then RegionName end, RegionId, RegionName)
            as named_region,
        -- the pricing currency: a rate of the generator's own, or its own prices; without either the prices are stated as billed
        coalesce(PricingCurrency, x_PricingCurrency, billing_currency) as given_pricing_currency,
        to_cost(x_BillingExchangeRate) as exchange_rate
    from priced
),

identified as (
    select
        named.*,
        case
            when not has_prices then null
            when SkuPriceId is not null then SkuPriceId
            else sku_id || '/' || pricing_unit
        end as sku_price_id,
        case
            when CommitmentDiscountId is null or not has_prices or charge_category not in ('Usage', 'Purchase') then null
            when CommitmentDiscountQuantity is not null then to_quantity(CommitmentDiscountQuantity)
            when charge_class is not null then null
            when commitment_category_known = 'Spend'
                then cast(case when charge_category = 'Purchase' then billed_cost else effective_cost end as decimal(38, 12))
            -- the hours that the purchase makes eligible, since its usage is measured in hours
            when charge_category = 'Purchase' then cast(quantity * date_diff('hour', charge_start, charge_end) as decimal(38, 12))
            else coalesce(consumed_quantity, quantity)
        end as commitment_quantity,
        given_pricing_currency is distinct from billing_currency and (
            (
                to_cost(PricingCurrencyEffectiveCost) is not null
                and (not has_prices or (to_cost(PricingCurrencyListUnitPrice) >= 0 and to_cost(PricingCurrencyContractedUnitPrice) >= 0))
            )
            or exchange_rate > 0
        ) as priced_elsewhere
    from named
),

-- JSON columns
with_objects as (
    select
        identified.*,
        tag_object(Tags) as tag_json,
        case when sku_price_id is not null and coalesce(SkuPriceDetails, x_SkuDetails) is not null
            then sku_details(coalesce(SkuPriceDetails, x_SkuDetails)) end as details_json,
        case when ContractApplied is not null then contract_elements(ContractApplied) end as contract_json,
        case when AllocatedMethodId is not null and AllocatedMethodDetails is not null then method_elements(AllocatedMethodDetails) end
            as method_json,
        case when AllocatedMethodId is not null and AllocatedTags is not null then tags_without(tag_object(AllocatedTags), tag_object(Tags)) end
            as allocated_tag_json
    from identified
),

-- what was made and what was replaced, as JSON text without its braces
noted as (
    select
        with_objects.*,
        concat_ws(',',
            case when SkuId is null and sku_id is not null then '"SkuId"' end,
            case when SkuPriceId is null and sku_price_id is not null then '"SkuPriceId"' end,
            case when quantity is not null and given_quantity is distinct from quantity then '"PricingQuantity"' end,
            case when quantity is not null and PricingUnit is null then '"PricingUnit"' end,
            case when has_prices and (list_candidate is null or list_fits is not true) then '"ListUnitPrice"' end,
            case when has_prices and (contracted_candidate is null or contracted_fits is not true) then '"ContractedUnitPrice"' end,
            case when consumed_quantity is not null and given_consumed is null then '"ConsumedQuantity"' end,
            case when commitment_quantity is not null and CommitmentDiscountQuantity is null then '"CommitmentDiscountQuantity"' end,
            case when commitment_status_known is not null and commitment_status is null then '"CommitmentDiscountStatus"' end,
            case when capacity_status_known is not null and capacity_status is null then '"CapacityReservationStatus"' end,
            case when ServiceName is null then '"ServiceName"' end,
            case when InvoiceIssuerName is null then '"InvoiceIssuerName"' end
        ) as made,
        concat_ws(',',
            case when ServiceName <> service_name then '"ServiceName":' || to_json(ServiceName) end,
            case when service_category_unknown or service_category <> service_category_known then '"ServiceCategory":' || to_json(ServiceCategory) end,
            case when ProviderName <> coalesce(service_provider_name, ProviderName) then '"ProviderName":' || to_json(ProviderName) end,
            case when PublisherName <> published_by and PublisherName is distinct from InvoiceIssuerName
                then '"PublisherName":' || to_json(PublisherName) end,
            case when ServiceProviderName <> sold_by then '"ServiceProviderName":' || to_json(ServiceProviderName) end,
            case when RegionName <> named_region and RegionName is distinct from RegionId then '"RegionName":' || to_json(RegionName) end,
            case when PricingCategory is not null and pricing_category = 'Other' and lower(PricingCategory) <> 'other'
                then '"PricingCategory":' || to_json(PricingCategory) end,
            case when charge_category = 'Purchase' and charge_frequency = 'Usage-Based'
                then '"ChargeFrequency":' || to_json(ChargeFrequency) end,
            case when SkuPriceId is not null and sku_price_id is null then '"SkuPriceId":' || to_json(SkuPriceId) end,
            case when SkuId is not null and sku_id is null then '"SkuId":' || to_json(SkuId) end,
            case when PricingQuantity is not null and given_quantity is distinct from quantity
                then '"PricingQuantity":' || to_json(PricingQuantity) end,
            case when ListUnitPrice is not null and (not has_prices or list_candidate is null or list_fits is not true)
                then '"ListUnitPrice":' || to_json(ListUnitPrice) end,
            case when ContractedUnitPrice is not null and (not has_prices or contracted_candidate is null or contracted_fits is not true)
                then '"ContractedUnitPrice":' || to_json(ContractedUnitPrice) end,
            case when given_list_cost = 0 and list_cost <> 0 then '"ListCost":' || to_json(ListCost) end,
            case when given_contracted_cost = 0 and contracted_cost <> 0 then '"ContractedCost":' || to_json(ContractedCost) end,
            case when ResourceId is null and ResourceName is not null then '"ResourceName":' || to_json(ResourceName) end,
            case when ResourceId is null and ResourceType is not null then '"ResourceType":' || to_json(ResourceType) end,
            case when CommitmentDiscountId is null and CommitmentDiscountType is not null
                then '"CommitmentDiscountType":' || to_json(CommitmentDiscountType) end,
            case when given_pricing_currency is distinct from billing_currency and not priced_elsewhere
                then '"PricingCurrency":' || to_json(given_pricing_currency) end,
            case when Tags is not null and (tag_json is null or (tag_json = '{}' and Tags not in ('{}', '[]')))
                then '"Tags":' || to_json(Tags) end,
            case when SkuPriceDetails is not null and details_json is null then '"SkuPriceDetails":' || to_json(SkuPriceDetails) end,
            case when ContractApplied is not null and contract_json is null then '"ContractApplied":' || to_json(ContractApplied) end,
            case when AllocatedMethodDetails is not null and method_json is null
                then '"AllocatedMethodDetails":' || to_json(AllocatedMethodDetails) end,
            case when AllocatedTags is not null and allocated_tag_json is null then '"AllocatedTags":' || to_json(AllocatedTags) end,
            case when AllocatedResourceId is not null and AllocatedMethodId is null
                then '"AllocatedResourceId":' || to_json(AllocatedResourceId) end,
            case when ChargeSubcategory is not null then '"ChargeSubcategory":' || to_json(ChargeSubcategory) end
        ) as original
    from with_objects
)

select
    method_json as AllocatedMethodDetails,
    AllocatedMethodId,
    case when AllocatedMethodId is not null then AllocatedResourceId end as AllocatedResourceId,
    case when AllocatedMethodId is not null and AllocatedResourceId is not null then coalesce(AllocatedResourceName, AllocatedResourceId) end
        as AllocatedResourceName,
    allocated_tag_json as AllocatedTags,
    AvailabilityZone,
    billed_cost as BilledCost,
    BillingAccountId,
    BillingAccountName,
    case
        when BillingAccountType is not null then BillingAccountType
        when contains(lower(BillingAccountId), '/billingprofiles/') then 'Billing Profile'
        else coalesce(billing_account_type, 'Billing Account')
    end as BillingAccountType,
    billing_currency as BillingCurrency,
    billing_end as BillingPeriodEnd,
    billing_start as BillingPeriodStart,
    CapacityReservationId,
    capacity_status_known as CapacityReservationStatus,
    charge_category as ChargeCategory,
    charge_class as ChargeClass,
    ChargeDescription,
    case
        when charge_category = 'Purchase' and coalesce(charge_frequency, 'Usage-Based') = 'Usage-Based' then 'One-Time'
        when charge_frequency is not null then charge_frequency
        when charge_category = 'Usage' then 'Usage-Based'
        else 'One-Time'
    end as ChargeFrequency,
    charge_end as ChargePeriodEnd,
    charge_start as ChargePeriodStart,
    commitment_category_known as CommitmentDiscountCategory,
    CommitmentDiscountId,
    case when CommitmentDiscountId is not null then CommitmentDiscountName end as CommitmentDiscountName,
    commitment_quantity as CommitmentDiscountQuantity,
    commitment_status_known as CommitmentDiscountStatus,
    case
        when CommitmentDiscountId is null then null
        when CommitmentDiscountType is not null then CommitmentDiscountType
        when commitment_category_known = 'Spend' and provider in ('aws', 'azure') then 'Savings Plan'
        when provider = 'aws' then 'Reserved Instance'
        when provider = 'azure' then 'Reservation'
        when provider = 'gcp' then 'Committed Use Discount'
        else 'Commitment Discount'
    end as CommitmentDiscountType,
    case
        when commitment_quantity is null then null
        when CommitmentDiscountUnit is not null then CommitmentDiscountUnit
        when CommitmentDiscountQuantity is null and commitment_category_known = 'Spend' then billing_currency
        when CommitmentDiscountQuantity is null and charge_category = 'Purchase' then 'Hours'
        when consumed_quantity is not null then coalesce(ConsumedUnit, pricing_unit)
        else coalesce(pricing_unit, 'Units')
    end as CommitmentDiscountUnit,
    consumed_quantity as ConsumedQuantity,
    case
        when consumed_quantity is null then null
        when given_consumed is null then pricing_unit
        else coalesce(ConsumedUnit, pricing_unit, 'Units')
    end as ConsumedUnit,
    contract_json as ContractApplied,
    contracted_cost as ContractedCost,
    contracted_price as ContractedUnitPrice,
    effective_cost as EffectiveCost,
    case
        when HostProviderName is not null then coalesce(known_host, HostProviderName)
        when charge_category in ('Tax', 'Adjustment') then null
        when provider is not null and ServiceProviderName is null then service_provider_name
        else sold_by
    end as HostProviderName,
    coalesce(InvoiceId, x_InvoiceId) as InvoiceId,
    coalesce(InvoiceIssuerName, service_provider_name, provider_name) as InvoiceIssuerName,
    list_cost as ListCost,
    list_price as ListUnitPrice,
    case
        when not has_prices then null
        when charge_category = 'Usage' and CommitmentDiscountId is not null and charge_class is null then 'Committed'
        when must_have_prices then coalesce(pricing_category, 'Standard')
        else pricing_category
    end as PricingCategory,
    case when priced_elsewhere then given_pricing_currency else billing_currency end as PricingCurrency,
    case
        when not has_prices then null
        when not priced_elsewhere then contracted_price
        else coalesce(abs(to_cost(PricingCurrencyContractedUnitPrice)), cast(exact_quotient(cast(contracted_price as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24)))
    end as PricingCurrencyContractedUnitPrice,
    case
        when not priced_elsewhere then effective_cost
        else coalesce(to_cost(PricingCurrencyEffectiveCost), cast(exact_quotient(cast(effective_cost as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24)))
    end as PricingCurrencyEffectiveCost,
    case
        when not has_prices then null
        when not priced_elsewhere then list_price
        else coalesce(abs(to_cost(PricingCurrencyListUnitPrice)), cast(exact_quotient(cast(list_price as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24)))
    end as PricingCurrencyListUnitPrice,
    quantity as PricingQuantity,
    pricing_unit as PricingUnit,
    coalesce(service_provider_name, provider_name) as ProviderName,
    published_by as PublisherName,
    region_id as RegionId,
    named_region as RegionName,
    ResourceId,
    case when ResourceName is distinct from ResourceId then case when ResourceId is not null then ResourceName end end as ResourceName,
    case
        when ResourceId is null then null
        when ResourceType is not null then ResourceType
        else coalesce(nullif(resource_type_of(ResourceId), ''), service_name || ' resource')
    end as ResourceType,
    service_category_known as ServiceCategory,
    service_name as ServiceName,
    sold_by as ServiceProviderName,
    service_subcategory as ServiceSubcategory,
    sku_id as SkuId,
    case when sku_id is not null then coalesce(SkuMeter, x_SkuMeterName, x_UsageType) end as SkuMeter,
    details_json as SkuPriceDetails,
    sku_price_id as SkuPriceId,
    SubAccountId,
    case when SubAccountId is not null then coalesce(SubAccountName, SubAccountId) end as SubAccountName,
    case
        when SubAccountId is null then null
        when SubAccountType is not null then SubAccountType
        when provider = 'oci' and contains(SubAccountId, '.tenancy.') then 'Tenancy'
        else coalesce(sub_account_type, 'Sub Account')
    end as SubAccountType,
    coalesce(tag_json, '{}') as Tags,
    case when x_CostCategories is not null then tag_object(x_CostCategories) end as x_CostCategories,
    nullif('{' || concat_ws(',',
        case when x_source is not null then substr(x_source, 2, length(x_source) - 2) end,
        case when original <> '' then '"x_Original":{' || original || '}' end,
        case when made <> '' then '"x_Made":[' || made || ']' end
    ) || '}', '{}') as x_Source,
    coalesce(provider, trim(regexp_replace(lower(provider_name), '[^a-z0-9]+', '-', 'g'), '-')) as x_provider_of_row,
    source_row_id,
    case
        when billed_cost is null then 'BilledCost is empty or no number'
        when effective_cost is null then 'EffectiveCost is empty or no number'
        when billing_currency is null then 'BillingCurrency is not an ISO 4217 code'
        when billing_start is null then 'BillingPeriodStart is not an ISO 8601 time'
        when billing_end is null then 'BillingPeriodEnd is not an ISO 8601 time'
        when billing_end <= billing_start then 'BillingPeriodEnd is not after BillingPeriodStart'
        when charge_start is null then 'ChargePeriodStart is not an ISO 8601 time'
        when charge_end is null then 'ChargePeriodEnd is not an ISO 8601 time'
        when charge_end <= charge_start then 'ChargePeriodEnd is not after ChargePeriodStart'
        when BillingAccountId is null then 'BillingAccountId is empty'
        when provider_name is null then 'ProviderName is empty, and so are ServiceProviderName, PublisherName and InvoiceIssuerName'
        when charge_category is null then 'ChargeCategory is not one of Usage, Purchase, Tax, Credit, Adjustment'
        when class_unknown then 'ChargeClass is neither empty nor Correction'
        when ChargeFrequency is not null and charge_frequency is null then 'ChargeFrequency is not one of One-Time, Recurring, Usage-Based'
        when CommitmentDiscountId is not null and CommitmentDiscountStatus is not null and commitment_status is null
            then 'CommitmentDiscountStatus is neither Used nor Unused'
        when CommitmentDiscountId is not null and CommitmentDiscountCategory is not null and commitment_category is null
            then 'CommitmentDiscountCategory is neither Spend nor Usage'
        when CapacityReservationId is not null and CapacityReservationStatus is not null and capacity_status is null
            then 'CapacityReservationStatus is neither Used nor Unused'
        when PricingQuantity is not null and given_quantity is null then 'PricingQuantity is not a number'
        when ListUnitPrice is not null and given_list_price is null then 'ListUnitPrice is not a number'
        when ContractedUnitPrice is not null and given_contracted_price is null then 'ContractedUnitPrice is not a number'
        when ListCost is not null and given_list_cost is null then 'ListCost is not a number'
        when ContractedCost is not null and given_contracted_cost is null then 'ContractedCost is not a number'
        when ConsumedQuantity is not null and given_consumed is null then 'ConsumedQuantity is not a number'
        when list_cost is null then 'ListCost is beyond 14 integer digits'
        when contracted_cost is null then 'ContractedCost is beyond 14 integer digits'
    end as quarantine_reason
from noted
