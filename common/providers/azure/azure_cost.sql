-- source: Azure cost details (EA, MCA, MCA partner, pay-as-you-go), actual or amortized.  grain: one charge of one day.  key: source_row_id.
-- Beside its amortized twin (cost_role 'actual') an actual file gives only payments and refunds of commitments: the twin has all the rest.
with read_lines as (
    select
        source.*,
        getvariable('cost_role') as cost_role,
        getvariable('cost_role') in ('amortized', 'amortized_alone') as is_amortized,
        to_cost(trim(cost_in_billing_currency)) as cost,
        upper(blank_to_null(billing_currency)) as currency,
        coalesce(upper(blank_to_null(pricing_currency)), upper(blank_to_null(billing_currency))) as price_currency,
        to_quantity(blank_to_null(exchange_rate_pricing_to_billing)) as exchange_rate,
        -- the shape of a date tells its form: 3/1/2026, 20260301 or ISO
        case
            when contains("date", '/') then try_strptime("date", ['%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p']) at time zone 'UTC'
            when length("date") = 8 then try_strptime("date", '%Y%m%d') at time zone 'UTC'
            else to_time("date")
        end as written_day,
        case
            when contains(billing_period_start_date, '/') then try_strptime(billing_period_start_date, ['%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p']) at time zone 'UTC'
            when length(billing_period_start_date) = 8 then try_strptime(billing_period_start_date, '%Y%m%d') at time zone 'UTC'
            else to_time(billing_period_start_date)
        end as period_start,
        case
            when contains(billing_period_end_date, '/') then try_strptime(billing_period_end_date, ['%m/%d/%Y', '%m/%d/%Y %H:%M:%S', '%m/%d/%Y %I:%M:%S %p']) at time zone 'UTC'
            when length(billing_period_end_date) = 8 then try_strptime(billing_period_end_date, '%Y%m%d') at time zone 'UTC'
            else to_time(billing_period_end_date)
        end as period_last_day,
        to_quantity(blank_to_null(quantity)) as units,
        case when to_cost(blank_to_null(unit_price)) > 0 then to_cost(blank_to_null(unit_price)) end as negotiated_price,
        case when to_cost(blank_to_null(payg_price)) > 0 then to_cost(blank_to_null(payg_price)) end as retail_price,
        case when to_cost(blank_to_null(effective_price)) > 0 then to_cost(blank_to_null(effective_price)) end as blended_price,
        lower(replace(charge_type, ' ', '')) as charge_word,
        lower(replace(blank_to_null(pricing_model), ' ', '')) as model,
        -- older files write missing ids as zeros
        nullif(blank_to_null(meter_id), '00000000-0000-0000-0000-000000000000') as meter,
        nullif(blank_to_null(subscription_id), '00000000-0000-0000-0000-000000000000') as subscription,
        nullif(blank_to_null(reservation_id), '00000000-0000-0000-0000-000000000000') as reservation,
        nullif(blank_to_null(product_order_id), '00000000-0000-0000-0000-000000000000') as product_order,
        blank_to_null(benefit_id) as benefit,
        lower(trim(unit_of_measure)) as measure,
        coalesce(blank_to_null(resource_location_normalized), blank_to_null(resource_location), blank_to_null("location")) as place,
        blank_to_null(resource_id) as resource,
        lower(split_part(blank_to_null(resource_id), '/providers/', -1)) as resource_path,
        case
            when tags is null or trim(tags) in ('', '""', '{}') then '{}'
            when ends_with(trim(tags), ',}') then left(trim(tags), -2) || '}'
            when starts_with(trim(tags), '{') then trim(tags)
            else '{' || rtrim(trim(tags), ',') || '}'
        end as tag_text,
        -- parsed only where it tells something that a column takes
        case
            when contains(additional_info, '"VCPUs"') or contains(additional_info, '"vCores"') or contains(additional_info, '"ServiceType"')
                or contains(additional_info, '"VMCapacityReservationId"') then
                try(json_extract_string(
                    case when starts_with(trim(additional_info), '{') then additional_info else '{' || additional_info || '}' end,
                    ['$.VCPUs', '$.vCores', '$.ServiceType', '$.ImageType', '$.VMCapacityReservationId']
                ))
        end as details
    from source
),

charges as (
    select
        *,
        case when written_day >= timestamptz '2008-01-01' then written_day end as day,
        -- the oldest pay-as-you-go files have usage only, and no columns to say so
        case
            when charge_word is not null then charge_word
            when frequency is null and publisher_type is null and model is null then 'usage'
        end as kind,
        case
            when charge_word in ('unusedreservation', 'unusedsavingsplan') then true
            when model is not null then model in ('reservation', 'savingsplan')
            else benefit is not null or reservation is not null
        end as is_committed,
        case
            when starts_with(resource_path, '/') or not contains(lower(resource), '/providers/') then
                case
                    when contains(lower(resource), '/resourcegroups/') then 'Resource group'
                    when contains(lower(resource), 'subscriptions/') then 'Subscription'
                end
        end as scope_type,
        split_part(resource_path, '/', 1) || '/' || split_part(resource_path, '/', 2)
            || case when split_part(resource_path, '/', 5) <> '' then '/' || split_part(resource_path, '/', 4) else '' end
            || case when split_part(resource_path, '/', 7) <> '' then '/' || split_part(resource_path, '/', 6) else '' end as type_key,
        -- few are nested deeper
        case
            when split_part(resource_path, '/', 9) <> '' then
                '/' || split_part(resource_path, '/', 8) || case when split_part(resource_path, '/', 11) <> '' then '/' || split_part(resource_path, '/', 10) else '' end
        end as deeper_kinds,
        lower(split_part(resource_path, '/', 1) || '/' || split_part(resource_path, '/', 2)) as top_type_key,
        json_valid(tag_text) and case
            when contains(substr(tag_text, 2), '{') or contains(tag_text, '[') then
                try(len(list_filter(map_values(cast(cast(tag_text as json) as map(varchar, json))), lambda v: json_type(v) in ('OBJECT', 'ARRAY'))) = 0)
            else true
        end is true as tags_fit
    from read_lines
),

kept as (
    select
        *,
        case
            when kind in ('usage', 'unusedreservation', 'unusedsavingsplan') then 'Usage'
            when kind in ('purchase', 'refund') then 'Purchase'
            when kind = 'tax' then 'Tax'
            when kind = 'credit' then 'Credit'
            when kind in ('roundingadjustment', 'adjustment') then 'Adjustment'
        end as category,
        starts_with(kind, 'unused') as is_unused,
        is_committed and kind in ('purchase', 'refund') as is_payment,
        currency <> price_currency as is_converted,
        coalesce(contains(lower(benefit), '/microsoft.billingbenefits/') or model = 'savingsplan' or kind = 'unusedsavingsplan', false) as is_plan
    from charges
    where cost_role <> 'actual' or (is_committed and kind in ('purchase', 'refund')) is true
),

-- UnitOfMeasure is a block and a unit: known ones from the table, others by their form (`750 Hours`, `5M Events`)
measured as (
    select
        kept.*,
        case
            when measure is null or measure = '' then cast(1 as decimal(12, 0))
            when azure_units.block is not null then cast(azure_units.block as decimal(12, 0))
            else coalesce(nullif(
                try_cast(replace(regexp_extract(measure, '^([0-9][0-9,]*)', 1), ',', '') as decimal(12, 0)) * case regexp_extract(measure, '^[0-9][0-9,]*([kmb])([ /]|$)', 1)
                    when 'k' then 1000 when 'm' then 1000000 when 'b' then 1000000000 else 1 end, 0), 1)
        end as block,
        cast(azure_units.reciprocal as decimal(12, 11)) as reciprocal,
        case
            when measure is null or measure = '' then 'Units'
            when azure_units.unit is not null then azure_units.unit
            else coalesce(blank_to_null(regexp_replace(regexp_replace(trim(kept.unit_of_measure), '^[0-9][0-9,]*[kKmMbB]?([ /]|$)', '\1'), '^[0-9][0-9,]*', '')), 'Units')
        end as unit_word
    from kept
    left join azure_units on azure_units.unit_of_measure = kept.measure
),

-- read twice: once for the rows, once for what their meters' other rows show
quantified as not materialized (
    select
        *,
        -- time and data are metered in single units, whatever block their price list has; anything else is counted in blocks
        not regexp_matches(unit_word, '(second|minute|hour|day|week|month|year)s?$|^[kmgtp]i?b([ /-]|$)', 'i') as is_count,
        coalesce(meter, blank_to_null(part_number), blank_to_null(meter_name)) as meter_key,
        case
            when starts_with(unit_word, '/') then 'Unit-' || upper(unit_word[2]) || lower(unit_word[3:]) || 's'
            when contains(unit_word, '/') and lower(split_part(unit_word, '/', -1)) in ('hour', 'day', 'month', 'year') then
                split_part(unit_word, '/', 1) || '-' || upper(split_part(unit_word, '/', -1)[1]) || lower(split_part(unit_word, '/', -1)[2:]) || 's'
            else unit_word
        end as unit,
        -- money given back counts negative units at a positive price; a cost without units counts as one
        case
            when units is null or units = 0 then case when cost <> 0 then cast(sign(cost) as decimal(38, 12)) else coalesce(units, 0) end
            when (cost < 0 and units > 0) or (cost > 0 and units < 0) then -units
            else units
        end as signed_units,
        case
            when block = 1 or units is null or units = 0 then null
            when reciprocal is not null and abs(units) < 10000000000000 then cast(cast(units as decimal(26, 12)) * reciprocal as decimal(38, 12))
            else cast(exact_quotient(cast(units as varchar), cast(block as varchar), 12) as decimal(38, 12))
        end as blocks
    from measured
),

-- Quantity x price is the cost in every file seen (docs/decisions/0005); Microsoft's conversion guide divides by the block: the cost decides.
weighed as not materialized (
    select
        *,
        case
            when blocks is null or coalesce(blended_price, negotiated_price) is null or cost is null or cost = 0 then null
            else coalesce(
                try(
                    multiply(fit_price(coalesce(blended_price, negotiated_price), blocks), abs(blocks)) * 3
                    > abs(case when is_converted then coalesce(to_cost(blank_to_null(cost_in_pricing_currency)), cost) else cost end) * 2
                ),
                false
            )
        end as shows_block_price
    from quantified
),

meters as (
    select
        meter_key,
        measure,
        count_if(shows_block_price) * 2 > count(shows_block_price) as shows_block_price
    from weighed
    where block > 1
    group by meter_key, measure
    having count(shows_block_price) > 0
),

-- a row whose cost shows nothing, as one of cost zero, follows the other rows of its meter
sized as (
    select
        weighed.*,
        coalesce(weighed.shows_block_price, meters.shows_block_price, false) as is_block_price,
        block > 1 and is_count and not coalesce(weighed.shows_block_price, meters.shows_block_price, false) as counts_blocks,
        -- where 12 digits cannot hold the number of blocks, the row is priced by the single unit
        block > 1 and blocks is not null and (abs(blocks) >= 0.000001 or coalesce(try(blocks * block = units), false)) as is_divisible
    from weighed
    left join meters on meters.meter_key = weighed.meter_key and meters.measure = weighed.measure
),

priced as (
    select
        *,
        counts_blocks or is_divisible as by_block,
        case
            when is_divisible and not counts_blocks then blocks * case when sign(signed_units) = sign(units) then 1 else -1 end
            else signed_units
        end as pricing_units,
        case when is_divisible and not is_block_price and not counts_blocks then block else cast(1 as decimal(12, 0)) end as price_factor,
        case when counts_blocks then try(cast(coalesce(units, signed_units) * block as decimal(38, 12))) else coalesce(units, signed_units) end as single_units,
        -- nothing to go by: a cost without units, or a price for a block beside single units
        (cost <> 0 and coalesce(units, 0) = 0) or (is_block_price and not is_divisible) as is_price_made
    from sized
),

costed as (
    select
        *,
        case when not is_price_made then try(cast(negotiated_price * price_factor as decimal(38, 24))) end as contracted_in_price_currency,
        case when not is_price_made then try(cast(retail_price * price_factor as decimal(38, 24))) end as list_in_price_currency,
        -- only where there is no price: this one is slow
        case
            when not is_price_made and negotiated_price is not null then null
            when pricing_units = 0 then cast(0 as decimal(38, 24))
            else try(made_price(cost, pricing_units))
        end as price_made
    from priced
),

rated as (
    select
        *,
        fit_price(coalesce(
            case when is_converted then multiply(fit_price(contracted_in_price_currency, exchange_rate), exchange_rate) else contracted_in_price_currency end,
            price_made
        ), pricing_units) as contracted_price
    from costed
),

listed as (
    select
        *,
        fit_price(coalesce(
            case when is_converted then multiply(fit_price(list_in_price_currency, exchange_rate), exchange_rate) else list_in_price_currency end,
            contracted_price
        ), pricing_units) as list_price,
        case when is_amortized and is_committed then 0 else cost end as billed_cost,
        -- without the amortized view nothing spreads a payment: it counts when it is billed, so that no sum loses it (docs/decisions/0016)
        case when is_payment and cost_role <> 'actual_alone' then 0 else cost end as effective_cost,
        coalesce(category in ('Usage', 'Purchase'), false) as has_sku,
        coalesce(blank_to_null(product_id), meter, blank_to_null(part_number), 'azure/' || lower(coalesce(
            blank_to_null(product_name), blank_to_null(product_order_name), blank_to_null(meter_name), blank_to_null(meter_category),
            blank_to_null(consumed_service), kind))) as sku_id,
        coalesce(benefit, reservation, product_order) as commitment_id,
        coalesce(blank_to_null(billing_profile_id), blank_to_null(billing_account_id)) as account_id,
        blank_to_null(publisher_type) as seller_type,
        -- beside a type's namespace, a consumed service that is a word (Functions) is more precise, another namespace (Microsoft.EventGrid) is not
        not contains(consumed_service, '.') as is_word,
        -- an inclusive last day becomes an exclusive end; an end that is already exclusive falls on the day of the month of the start
        coalesce(period_start, date_trunc('month', day)) as billing_start,
        case
            when period_last_day is null then coalesce(period_start, date_trunc('month', day)) + interval 1 month
            when period_start is not null and period_last_day > period_start and extract(day from period_last_day) = extract(day from period_start) then period_last_day
            else date_trunc('day', period_last_day) + interval 1 day
        end as billing_end
    from rated
),

looked_up as (
    select
        listed.*,
        currencies.code is not null as is_known_currency,
        coalesce(by_type.service_name, case when is_word then by_provider.service_name end, by_namespace.service_name, by_provider.service_name, by_meter.service_name)
            as known_service,
        coalesce(
            by_type.service_category, case when is_word then by_provider.service_category end, by_namespace.service_category, by_provider.service_category,
            by_meter.service_category, 'Other'
        )
            as known_category,
        coalesce(
            by_type.service_subcategory, case when is_word then by_provider.service_subcategory end, by_namespace.service_subcategory, by_provider.service_subcategory,
            by_meter.service_subcategory, 'Other (Other)'
        )
            as known_subcategory,
        coalesce(deeper_types.display_name, azure_resource_types.display_name) as known_type,
        azure_regions."location" is not null as is_known_place,
        azure_regions.region_id as known_region_id,
        azure_regions.region_name as known_region_name,
        seller_type = 'AWS' as is_aws,
        seller_type = 'Marketplace' and blank_to_null(publisher_name) is not null and lower(trim(publisher_name)) not like 'microsoft%' as is_third_party
    from listed
    left join currencies on currencies.code = listed.currency
    left join azure_services as by_type on by_type.source = listed.top_type_key
    left join azure_services as by_provider on by_provider.source = lower(trim(listed.consumed_service))
    left join azure_services as by_namespace on by_namespace.source = split_part(listed.top_type_key, '/', 1)
    left join azure_services as by_meter on by_meter.source = lower(trim(listed.meter_category))
    left join azure_resource_types on azure_resource_types.resource_type = listed.type_key
    left join azure_resource_types as deeper_types on deeper_types.resource_type = listed.type_key || listed.deeper_kinds
    left join azure_regions on azure_regions."location" = replace(lower(trim(listed.place)), ' ', '')
),

judged as (
    select
        *,
        case
            when cost is null then 'cost is not a number that a cost column can store, expected plain digits in CostInBillingCurrency, Cost or PreTaxCost'
            when currency is null or not is_known_currency then 'billing currency is not an ISO 4217 code, expected three letters as in USD'
            when day is null then 'Date is unreadable, expected MM/dd/yyyy, yyyy-MM-dd or yyyyMMdd'
            when blank_to_null(billing_period_start_date) is not null and period_start is null then 'BillingPeriodStartDate is unreadable, expected MM/dd/yyyy, yyyy-MM-dd or yyyyMMdd'
            when blank_to_null(billing_period_end_date) is not null and period_last_day is null then 'BillingPeriodEndDate is unreadable, expected MM/dd/yyyy, yyyy-MM-dd or yyyyMMdd'
            when billing_end <= billing_start then 'BillingPeriodEndDate lies before BillingPeriodStartDate'
            when category is null then 'ChargeType is not known, expected Usage, Purchase, Refund, UnusedReservation, UnusedSavingsPlan, Tax, Credit or RoundingAdjustment'
            when blank_to_null(frequency) is not null and lower(replace(replace(frequency, ' ', ''), '-', '')) not in ('usagebased', 'recurring', 'onetime') then
                'Frequency is not known, expected UsageBased, Recurring or OneTime'
            when coalesce(account_id, subscription) is null then 'no billing account, expected BillingProfileId, BillingAccountId or SubscriptionId'
            when has_sku and units is null and blank_to_null(quantity) is not null then 'Quantity is not a number, expected plain digits'
            when has_sku and (single_units is null or abs(single_units) >= 10000000000000000000000000) then
                'Quantity times the block of UnitOfMeasure has more than 25 integer digits'
            when is_converted and coalesce(exchange_rate, 0) <= 0 then 'exchangeRatePricingToBilling is missing where pricingCurrency is not billingCurrency'
            when is_amortized and is_payment and cost <> 0 then 'amortized file has a payment for a commitment, expected only in the actual file'
            when has_sku and (multiply(list_price, pricing_units) is null or multiply(contracted_price, pricing_units) is null) then
                'price times quantity has more than 14 integer digits'
        end as quarantine_reason,
        case
            when known_category = 'AI and Machine Learning' and category = 'Usage' and not is_unused then coalesce(
                azure_model_usage(blank_to_null(meter_name), getvariable('genai_words')),
                azure_model_usage(blank_to_null(meter_sub_category), getvariable('genai_words'))
            )
        end as tokens
    from looked_up
),

-- what the tenant has agreed on for the tokens of a model
agreeing as (
    select
        *,
        case when tokens is not null then agreed_for(getvariable('agreed_prices'), 'azure', tokens, currency, day) end as found_price
    from judged
),

agreed as (
    select
        * exclude (found_price),
        case when has_sku and not is_converted then found_price end as agreed,
        agreed_unit_price(
            case when has_sku and not is_converted then found_price end,
            tokens.tokens_each * case when single_units = pricing_units * block then block when single_units = pricing_units then 1 end
        ) as raw_agreed_price
    from agreeing
),

contracted as (
    select
        * exclude (raw_agreed_price),
        fit_price(raw_agreed_price, pricing_units) as agreed_price
    from agreed
)

select
    -- costs
    billed_cost as BilledCost,
    effective_cost as EffectiveCost,
    case when has_sku then multiply(list_price, pricing_units) else billed_cost end as ListCost,
    case when has_sku then multiply(coalesce(agreed_price, contracted_price), pricing_units) else billed_cost end as ContractedCost,
    case when has_sku then list_price end as ListUnitPrice,
    case when has_sku then coalesce(agreed_price, contracted_price) end as ContractedUnitPrice,
    currency as BillingCurrency,
    price_currency as PricingCurrency,
    case
        when not has_sku then null
        when not is_converted then list_price
        when list_in_price_currency is not null then list_in_price_currency
        when contracted_in_price_currency is not null then contracted_in_price_currency
        else cast(exact_quotient(cast(list_price as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24))
    end as PricingCurrencyListUnitPrice,
    case
        when not has_sku then null
        when not is_converted then coalesce(agreed_price, contracted_price)
        when contracted_in_price_currency is not null then contracted_in_price_currency
        else cast(exact_quotient(cast(contracted_price as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24))
    end as PricingCurrencyContractedUnitPrice,
    case
        when not is_converted or effective_cost = 0 then effective_cost
        else coalesce(
            to_cost(blank_to_null(cost_in_pricing_currency)),
            cast(exact_quotient(cast(effective_cost as varchar), cast(exchange_rate as varchar), 24) as decimal(38, 24))
        )
    end as PricingCurrencyEffectiveCost,

    -- periods
    billing_start as BillingPeriodStart,
    billing_end as BillingPeriodEnd,
    day as ChargePeriodStart,
    -- a day, midnight here or there; any other time of day is an hour's
    case
        when contains("date", 'T') and substr("date", 12, 5) <> '00:00' and extract(hour from day) <> 0 then day + interval 1 hour
        else day + interval 1 day
    end as ChargePeriodEnd,

    -- accounts and parties
    coalesce(account_id, subscription) as BillingAccountId,
    case
        when account_id is null then blank_to_null(subscription_name)
        when blank_to_null(billing_profile_id) is null then blank_to_null(billing_account_name)
        else coalesce(blank_to_null(billing_profile_name), blank_to_null(billing_account_name))
    end as BillingAccountName,
    case
        when account_id is null then case when subscription is not null then 'Subscription' end
        when blank_to_null(billing_profile_id) is null or billing_profile_id = billing_account_id then 'Billing Account'
        else 'Billing Profile'
    end as BillingAccountType,
    subscription as SubAccountId,
    case when subscription is not null then coalesce(blank_to_null(subscription_name), subscription) end as SubAccountName,
    case when subscription is not null then 'Subscription' end as SubAccountType,
    blank_to_null(invoice_id) as InvoiceId,
    case when is_aws then 'AWS' else coalesce(blank_to_null(partner_name), 'Microsoft') end as InvoiceIssuerName,
    case when is_aws then 'AWS' when is_third_party then trim(publisher_name) else 'Microsoft' end as ServiceProviderName,
    case when is_aws then 'AWS' else 'Microsoft' end as ProviderName,
    case when is_aws then 'AWS' when is_third_party then trim(publisher_name) else 'Microsoft' end as PublisherName,
    case
        when category = 'Usage' or (category = 'Purchase' and not coalesce(is_third_party, false)) then case when is_aws then 'AWS' else 'Microsoft' end
    end as HostProviderName,

    -- charge
    category as ChargeCategory,
    case when kind = 'refund' then 'Correction' end as ChargeClass,
    coalesce(
        blank_to_null(product_name), blank_to_null(product_order_name),
        blank_to_null(concat_ws(' - ', blank_to_null(meter_category), blank_to_null(meter_sub_category), blank_to_null(meter_name))), charge_type
    ) as ChargeDescription,
    case
        when lower(frequency) = 'recurring' then 'Recurring'
        when category = 'Usage' and (frequency is null or lower(frequency) like 'usage%') then 'Usage-Based'
        when category in ('Credit', 'Tax', 'Adjustment') and lower(frequency) like 'usage%' then 'Usage-Based'
        else 'One-Time'
    end as ChargeFrequency,

    -- price and quantity
    case
        when not has_sku then null
        when category = 'Purchase' then 'Standard'
        when is_committed then 'Committed'
        when model = 'spot' then 'Dynamic'
        when model is null or model = 'ondemand' then 'Standard'
        else 'Other'
    end as PricingCategory,
    case when has_sku then pricing_units end as PricingQuantity,
    case when has_sku then case when by_block then cast(block as varchar) || ' ' || unit else unit end end as PricingUnit,
    case when category = 'Usage' and not is_unused then single_units end as ConsumedQuantity,
    case when category = 'Usage' and not is_unused then unit end as ConsumedUnit,
    case when has_sku then sku_id end as SkuId,
    case when has_sku then coalesce(blank_to_null(meter_name), blank_to_null(product_name), blank_to_null(plan_name)) end as SkuMeter,
    case
        when has_sku then concat_ws('/', sku_id, nullif(meter, sku_id), nullif(blank_to_null(part_number), sku_id), blank_to_null(offer_id), nullif(model, 'ondemand'), blank_to_null(term))
    end as SkuPriceId,
    case
        when has_sku and (coalesce(try_cast(details[1] as integer), try_cast(details[2] as integer), 0) > 0 or details[3] is not null or agreed.tier is not null) then
            '{' || concat_ws(
                ',',
                case when try_cast(details[1] as integer) > 0 then '"CoreCount":' || cast(try_cast(details[1] as integer) as varchar)
                    when try_cast(details[2] as integer) > 0 then '"CoreCount":' || cast(try_cast(details[2] as integer) as varchar) end,
                case when blank_to_null(details[3]) is not null then '"InstanceType":' || cast(to_json(details[3]) as varchar) end,
                case when blank_to_null(details[4]) is not null then '"x_ImageType":' || cast(to_json(details[4]) as varchar) end,
                '"x_PriceTier":' || cast(to_json(agreed.tier) as varchar)
            ) || '}'
    end as SkuPriceDetails,

    -- commitments
    case when has_sku and is_committed then commitment_id end as CommitmentDiscountId,
    case
        when has_sku and is_committed and commitment_id is not null then coalesce(blank_to_null(benefit_name), blank_to_null(reservation_name), blank_to_null(product_order_name))
    end as CommitmentDiscountName,
    case when has_sku and is_committed and commitment_id is not null then case when is_plan then 'Spend' else 'Usage' end end as CommitmentDiscountCategory,
    case when has_sku and is_committed and commitment_id is not null then case when is_plan then 'Savings Plan' else 'Reservation' end end as CommitmentDiscountType,
    case when category = 'Usage' and is_committed and commitment_id is not null then case when is_unused then 'Unused' else 'Used' end end as CommitmentDiscountStatus,
    -- hours of a reservation (what a payment buys: those of its billing period, or of the term when paid at once), money of a savings plan
    case
        when not has_sku or not is_committed or commitment_id is null or kind = 'refund' then null
        when is_plan then cost
        when category = 'Usage' then single_units
        when lower(frequency) = 'recurring' or coalesce(try_cast(term as integer), 12 * try_cast(replace(replace(upper(term), 'P', ''), 'Y', '') as integer)) is null then
            signed_units * date_diff('hour', billing_start, billing_end)
        else signed_units * 730 * coalesce(try_cast(term as integer), 12 * try_cast(replace(replace(upper(term), 'P', ''), 'Y', '') as integer))
    end as CommitmentDiscountQuantity,
    case
        when not has_sku or not is_committed or commitment_id is null or kind = 'refund' then null
        when is_plan then currency
        else 'Hours'
    end as CommitmentDiscountUnit,
    case when category = 'Usage' then blank_to_null(details[5]) end as CapacityReservationId,
    case
        when category = 'Usage' and blank_to_null(details[5]) is not null then
            case when type_key = 'microsoft.compute/capacityreservationgroups/capacityreservations' then 'Unused' else 'Used' end
    end as CapacityReservationStatus,

    -- service, place, resource
    coalesce(known_service, blank_to_null(meter_category), blank_to_null(consumed_service), blank_to_null(product_name), 'Azure') as ServiceName,
    known_category as ServiceCategory,
    known_subcategory as ServiceSubcategory,
    case when is_known_place then known_region_id else replace(lower(trim(place)), ' ', '') end as RegionId,
    case when is_known_place then known_region_name else trim(place) end as RegionName,
    blank_to_null(availability_zone) as AvailabilityZone,
    resource as ResourceId,
    case
        when resource is not null then nullif(coalesce(
            blank_to_null(resource_name),
            case when not (length(split_part(resource, '/', -1)) = 36 and split_part(resource, '/', -1) like '________-____-____-____-____________') then
                blank_to_null(split_part(resource, '/', -1)) end
        ), resource)
    end as ResourceName,
    case
        when resource is not null then coalesce(
            known_type, scope_type, blank_to_null(resource_type),
            case when contains(type_key, '.') then type_key end, blank_to_null(consumed_service), 'Resource')
    end as ResourceType,
    case when tags_fit then tag_text else '{}' end as Tags,

    -- what Azure does not tell
    cast(null as varchar) as AllocatedMethodDetails,
    cast(null as varchar) as AllocatedMethodId,
    cast(null as varchar) as AllocatedResourceId,
    cast(null as varchar) as AllocatedResourceName,
    cast(null as varchar) as AllocatedTags,
    cast(null as varchar) as ContractApplied,

    cast(null as varchar) as x_CostCategories,
    '{' || concat_ws(
        ',',
        '"ChargeType":' || to_json(charge_type),
        '"PricingModel":' || to_json(pricing_model),
        '"ResourceGroup":' || to_json(blank_to_null(resource_group)),
        '"CostCenter":' || to_json(blank_to_null(cost_center)),
        '"InvoiceSectionName":' || to_json(blank_to_null(invoice_section_name)),
        '"AccountName":' || to_json(blank_to_null(account_name)),
        '"OfferId":' || to_json(blank_to_null(offer_id)),
        '"MeterId":' || to_json(meter),
        '"MeterCategory":' || to_json(blank_to_null(meter_category)),
        '"MeterSubCategory":' || to_json(blank_to_null(meter_sub_category)),
        '"ServiceFamily":' || to_json(blank_to_null(service_family)),
        '"UnitOfMeasure":' || to_json(blank_to_null(unit_of_measure)),
        '"PlanName":' || to_json(blank_to_null(plan_name)),
        '"PublisherType":' || to_json(seller_type),
        '"CostAllocationRuleName":' || to_json(blank_to_null(cost_allocation_rule_name)),
        '"PreviousInvoiceId":' || to_json(blank_to_null(previous_invoice_id)),
        '"CostInUsd":' || to_json(blank_to_null(cost_in_usd)),
        '"ResellerName":' || to_json(blank_to_null(reseller_name)),
        '"CustomerName":' || to_json(blank_to_null(customer_name)),
        '"CustomerTenantId":' || to_json(blank_to_null(customer_tenant_id)),
        '"PartnerEarnedCreditApplied":' || to_json(blank_to_null(partner_earned_credit_applied)),
        '"PartnerEarnedCreditRate":' || to_json(blank_to_null(partner_earned_credit_rate)),
        case when not tags_fit then '"Tags":' || to_json(tags) end
    ) || '}' as x_Source,
    -- models
    tokens.model as x_Model,
    tokens.family as x_ModelFamily,
    tokens.kind as x_TokenKind,
    try_cast(single_units * tokens.tokens_each as decimal(38, 12)) as x_Tokens,
    null as x_Requests,
    tokens.tier as x_ServiceTier,
    tokens.batch as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,
    source_row_id,
    quarantine_reason
from contracted
