-- Google Cloud Billing export, standard and detailed, to FOCUS 1.3.
-- Sources: Cloud Billing documentation, structure of standard and detailed usage cost data, analyze credits, adjustments.
-- Grain: one row per line of the export, and one more for each of
-- * `#promotion`, a line that a promotion pays for: PROMOTION is a means of payment, every other credit is a discount and is folded into its
--   line, so that sum(BilledCost) = sum(cost) + sum(credits.amount);
-- * `#uncovered`, the rest of usage that a commitment covers in part.  The credit of a commitment is the whole cost of the usage that it
--   covers, so credit / cost is the covered share of the quantities too; other credits belong to the rest.
-- Where the meaning bends:
-- * Fee of a spend-based commitment, new model (credit FEE_UTILIZATION_OFFSET, or a SKU of gcp_commitment_fees, which has no such credit in an
--   hour with nothing used): what is left of the fee is the unused part, a Usage row with status Unused.  The covered usage carries its
--   discounted cost itself.
-- * Other commitment fees (legacy and resource-based): the export does not say which usage they paid for, so they are Purchase rows whose
--   EffectiveCost is the fee.  FOCUS wants 0 there, with the fee spread over the usage; to keep sum(EffectiveCost) true, they carry no
--   CommitmentDiscountId (x_Source.subscription_id has it).
-- * Prices are in the billing currency, like the cost; currency_conversion_rate leads to the PricingCurrency (USD).
-- * A charge may be billed in a later month than that of its usage; only adjustment_info makes it a correction.
-- * A billing period is the invoice month from 00:00 UTC to 00:00 UTC.  Google's own months begin at midnight Pacific time (its FOCUS view
--   parses invoice.month in America/Los_Angeles), so usage of the first 7 or 8 hours of a month in UTC belongs to the month before.
with
lines as (
    select
        source_row_id,
        to_cost(cost) as cost_amount,
        cost as cost_text,
        blank_to_null(currency) as billing_currency,
        to_cost(currency_conversion_rate) as rate,
        "invoice.month" as invoice_month,
        -- the invoice month as a calendar month in UTC; see the head for Google's own bounds
        case when length("invoice.month") = 6 then to_time(left("invoice.month", 4) || '-' || right("invoice.month", 2) || '-01') end
            as period_start,
        to_time(usage_start_time) as usage_start,
        to_time(usage_end_time) as usage_end,
        export_time,
        blank_to_null(billing_account_id) as account,
        blank_to_null("project.id") as project,
        blank_to_null("project.name") as project_name,
        "project.number" as project_number,
        lower(blank_to_null(cost_type)) as cost_kind,
        upper(blank_to_null("adjustment_info.type")) as adjustment,
        "adjustment_info.id" as adjustment_id,
        upper("adjustment_info.mode") as adjustment_mode,
        blank_to_null("adjustment_info.description") as adjustment_description,
        "service.id" as service_id,
        coalesce(
            blank_to_null("service.description"),
            blank_to_null("service.id"),
            -- Google's own name of the service behind lines that belong to no service
            case when lower(blank_to_null(cost_type)) <> 'regular' then 'Invoice' end
        ) as service,
        coalesce(blank_to_null("sku.id"), blank_to_null("sku.description")) as sku,
        coalesce(blank_to_null("sku.description"), blank_to_null("sku.id")) as meter,
        blank_to_null("location.region") as region_text,
        blank_to_null("location.zone") as zone_text,
        blank_to_null("resource.global_name") as global_name,
        blank_to_null("resource.name") as short_name,
        to_quantity("usage.amount") as consumed,
        "usage.amount" as consumed_text,
        blank_to_null("usage.unit") as consumed_source_unit,
        to_quantity("usage.amount_in_pricing_units") as quantity,
        "usage.amount_in_pricing_units" as quantity_text,
        coalesce(blank_to_null("usage.pricing_unit"), blank_to_null("price.unit")) as pricing_source_unit,
        to_quantity("price.pricing_unit_quantity") as units_per_price,
        to_cost("price.list_price") as list_price,
        coalesce(to_cost("price.effective_price_default"), to_cost("price.effective_price")) as contracted_price,
        to_cost(cost_at_list) as list_amount,
        to_cost(cost_at_effective_price_default) as contracted_amount,
        blank_to_null("price.tier_start_amount") as tier_start,
        blank_to_null("consumption_model.id") as model_id,
        blank_to_null("consumption_model.description") as model,
        coalesce(lower(blank_to_null("consumption_model.description")), 'default') <> 'default' as special_model,
        blank_to_null("subscription.instance_id") as subscription,
        case
            when upper("transaction_type") like 'THIRD_PARTY%' or upper("invoice.publisher_type") = 'PARTNER'
                then case when seller_name not like 'Google%' then blank_to_null(seller_name) end
        end as seller,
        nullif(credits, '[]') as credit_text,
        from_json(
            strict_list(credits), '[{"id":"VARCHAR","name":"VARCHAR","full_name":"VARCHAR","type":"VARCHAR","amount":"VARCHAR"}]'
        ) as credit_list,
        json_list(labels) as label_text,
        from_json(json_list(labels), '[{"key":"VARCHAR","value":"VARCHAR"}]') as own_labels,
        from_json(json_list("project.labels"), '[{"key":"VARCHAR","value":"VARCHAR"}]') as project_labels,
        from_json(json_list(system_labels), '[{"key":"VARCHAR","value":"VARCHAR"}]') as system_list,
        from_json(json_list(tags), '[{"key":"VARCHAR","value":"VARCHAR","inherited":"VARCHAR"}]') as tag_list,
        coalesce(labels not in ('[]', 'null', 'None'), false) as has_labels,
        coalesce("project.labels" not in ('[]', 'null', 'None'), false) as has_project_labels,
        coalesce(system_labels not in ('[]', 'null', 'None'), false) as has_system_labels,
        coalesce(tags not in ('[]', 'null', 'None'), false) as has_tags
    from source
),

-- credits: what is folded, what a promotion pays, and which commitment they tell of
credited as (
    select
        *,
        case
            when credit_list is null then cast(0 as decimal(38, 24))
            else coalesce(
                cost_sum(list_transform(list_filter(credit_list, lambda c: c."type" <> 'PROMOTION'), lambda c: to_cost(c.amount))),
                cast(0 as decimal(38, 24))
            )
        end as folded,
        list_filter(credit_list, lambda c: c."type" = 'PROMOTION') as promotions,
        list_filter(
            credit_list,
            lambda c: c."type" in ('COMMITTED_USAGE_DISCOUNT', 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE', 'FEE_UTILIZATION_OFFSET')
        ) as commitments,
        case
            when credit_text is null or credit_text in ('null', 'None') then null
            when credit_list is null then 'credits is not a list of credits, expected JSON'
            when len(list_filter(credit_list, lambda c: to_cost(c.amount) is null)) > 0 then 'credits has an amount that is not a readable number'
            when len(list_filter(
                credit_list,
                lambda c: c."type" is null or c."type" not in (
                    'SUSTAINED_USAGE_DISCOUNT', 'DISCOUNT', 'COMMITTED_USAGE_DISCOUNT', 'COMMITTED_USAGE_DISCOUNT_DOLLAR_BASE',
                    'FEE_UTILIZATION_OFFSET', 'FREE_TIER', 'PROMOTION', 'SUBSCRIPTION_BENEFIT', 'RESELLER_MARGIN'
                )
            )) > 0 then 'credits has a type that is not known, expected one of those that Google documents'
            when len(credit_list) > 0 and cost_sum(list_transform(credit_list, lambda c: abs(to_cost(c.amount)))) is null
                then 'credits adds up to more than a cost column holds, expected less than 10^14'
        end as credits_fault
    from lines
),

-- fees of the new model of spend-based commitments; Google names their SKUs after the discount, those of the legacy model Commitment
recognized as (
    select
        credited.*,
        coalesce(
            cost_kind <> 'tax' and (
                list_contains(list_transform(commitments, lambda c: c."type"), 'FEE_UTILIZATION_OFFSET')
                or fees.sku_id is not null
                or contains(lower(meter), 'committed use discounts - ')
            ),
            false
        ) as is_fee
    from credited
    left join gcp_commitment_fees as fees on fees.sku_id = sku
),

kinds as (
    select
        *,
        coalesce(try(cost_amount + folded), cost_amount) as net_cost,
        is_fee as is_unused,
        -- the cost of the usage that a commitment covers
        case when not is_fee then cast(-cost_sum(list_transform(commitments, lambda c: to_cost(c.amount))) as decimal(38, 24)) end as covered_cost,
        coalesce(list_contains(list_transform(commitments, lambda c: c."type"), 'COMMITTED_USAGE_DISCOUNT'), false) as by_resource,
        case
            when cost_kind not in ('regular', 'tax', 'adjustment', 'rounding_error') then null
            when cost_kind = 'tax' then 'Tax'
            when cost_kind = 'rounding_error' then 'Adjustment'
            when adjustment in ('GOODWILL', 'SALES_BASED_GOODWILL', 'SLA_VIOLATION') then 'Credit'
            when adjustment in ('BALANCE_TRANSFER', 'ACCOUNT_CLOSURE', 'GENERAL_ADJUSTMENT') then 'Adjustment'
            when adjustment not in ('USAGE_CORRECTION', 'PRICE_CORRECTION', 'METADATA_CORRECTION') then null
            when adjustment is null and cost_kind = 'adjustment' then 'Adjustment'
            when is_fee then 'Usage'
            when lower(meter) like 'commitment %' or lower(meter) like 'commitment:%' then 'Purchase'
            when cost_kind is not null then 'Usage'
        end as line_category,
        case
            when substr(region_text, -2, 1) = '-' and right(region_text, 1) between 'a' and 'z' then region_text else zone_text
        end as zone,
        period_start + interval 1 month as period_end
    from recognized
),

-- what a line is charged for; a fee's rest, and a cost without usage, is charged once: one unit at the price of the cost
measured as (
    select
        *,
        is_unused or quantity is null or (quantity = 0 and cost_amount <> 0) as charged_once,
        case when is_unused then net_cost else cost_amount end as charged,
        case
            when is_unused or quantity is null or (quantity = 0 and cost_amount <> 0)
                then cast(case when (case when is_unused then net_cost else cost_amount end) < 0 then -1 else 1 end as decimal(38, 12))
            when cost_amount < 0 then -abs(quantity)
            when cost_amount > 0 then abs(quantity)
            else quantity
        end as pricing_quantity,
        line_category = 'Usage' and (is_unused or len(commitments) > 0 or (special_model and subscription is not null)) is true
            as is_committed,
        coalesce(
            case when substr(region_text, -2, 1) = '-' and right(region_text, 1) between 'a' and 'z' then left(region_text, -2) else region_text end,
            case when substr(zone_text, -2, 1) = '-' then left(zone_text, -2) end
        ) as region,
        coalesce(units_per_price, 1) as price_units
    from kinds
),

priced as (
    select
        measured.* exclude (consumed),
        -- both quantities of a row have one sign, also where a correction repeats the positive usage that it takes back
        case
            when pricing_quantity < 0 then -abs(measured.consumed)
            when pricing_quantity > 0 then abs(measured.consumed)
            else measured.consumed
        end as consumed,
        fit_price(
            case
                when charged_once then abs(charged)
                when contracted_price is not null then abs(divide(contracted_price, price_units))
                when quantity = 0 then cast(0 as decimal(38, 24))
                else made_price(coalesce(contracted_amount, charged), pricing_quantity)
            end,
            pricing_quantity
        ) as contracted_unit_price,
        coalesce(pricing_units.unit, pricing_source_unit, 'Units') as known_pricing_unit,
        case when charged_once then 'Units' else coalesce(pricing_units.unit, pricing_source_unit, 'Units') end as pricing_unit,
        case when measured.consumed is null then null else coalesce(consumed_units.unit, consumed_source_unit) end as known_consumed_unit,
        -- the billing currency's value of one unit of the pricing currency; 1 where they are the same or nothing tells
        case when billing_currency = 'USD' or rate is null or rate <= 0 or rate = 1 then cast(1 as decimal(38, 24)) else rate end as exchange,
        list_concat(
            own_labels,
            project_labels,
            list_transform(list_filter(tag_list, lambda t: coalesce(lower(t.inherited), '') <> 'true'),
                lambda t: {'key': 'tags:' || t.key, 'value': t.value}),
            list_transform(list_filter(tag_list, lambda t: lower(t.inherited) = 'true'),
                lambda t: {'key': 'tags:' || t.key, 'value': t.value})
        ) as all_labels,
        list_filter(system_list, lambda s: s.key = 'compute.googleapis.com/machine_spec')[1]."value" as machine,
        try_cast(list_filter(system_list, lambda s: s.key = 'compute.googleapis.com/cores')[1]."value" as integer) as cores,
        to_quantity(list_filter(system_list, lambda s: s.key = 'compute.googleapis.com/memory')[1]."value") as megabytes,
        list_filter(system_list, lambda s: s.key = 'compute.googleapis.com/reservation_name')[1]."value" as reservation,
        lower(list_filter(system_list, lambda s: s.key = 'compute.googleapis.com/is_unused_reservation')[1]."value") as reservation_unused
    from measured
    left join gcp_units as pricing_units on pricing_units.source_unit = pricing_source_unit
    left join gcp_units as consumed_units on consumed_units.source_unit = consumed_source_unit
),

listed as (
    select
        *,
        case
            when charged_once then contracted_unit_price
            when list_price is not null then fit_price(abs(divide(list_price, price_units)), pricing_quantity)
            when list_amount is not null and quantity <> 0 then fit_price(made_price(list_amount, pricing_quantity), pricing_quantity)
            else contracted_unit_price
        end as list_unit_price
    from priced
),

checked as (
    select
        listed.*,
        list_transform(all_labels, lambda e: e.key) as label_keys,
        case
            when cost_amount is null then 'cost holds no readable number'
            when billing_currency is null or currencies.code is null then 'currency is not an ISO 4217 code'
            when period_start is null then 'invoice.month is not a month, expected YYYYMM'
            when account is null then 'billing_account_id is empty, expected the billing account'
            when credits_fault is not null then credits_fault
            when cost_kind is null or cost_kind not in ('regular', 'tax', 'adjustment', 'rounding_error')
                then 'cost_type is not known, expected regular, tax, adjustment or rounding_error'
            when line_category is null then 'adjustment_info.type is not known, expected one of those that Google documents'
            when line_category in ('Usage', 'Purchase') and (usage_start is null or usage_end is null)
                then 'usage_start_time or usage_end_time holds no readable time'
            when line_category in ('Usage', 'Purchase') and usage_end <= usage_start then 'usage_end_time is not after usage_start_time'
            when service is null then 'service.description is empty, expected the name of a service'
            when line_category in ('Usage', 'Purchase') and sku is null then 'sku.id is empty, expected a SKU'
            when quantity is null and blank_to_null(quantity_text) is not null
                then 'usage.amount_in_pricing_units holds no readable number'
            when consumed is null and blank_to_null(consumed_text) is not null then 'usage.amount holds no readable number'
            when has_labels and (own_labels is null or list_contains(list_transform(own_labels, lambda e: e.key is null), true))
                or has_project_labels and (project_labels is null or list_contains(list_transform(project_labels, lambda e: e.key is null), true))
                or has_tags and (tag_list is null or list_contains(list_transform(tag_list, lambda e: e.key is null), true))
                or has_system_labels and system_list is null
                then 'labels, system_labels, project.labels or tags is not a list of key and value, expected JSON'
            when multiply(list_unit_price, pricing_quantity) is null or multiply(contracted_unit_price, pricing_quantity) is null
                or try(cost_amount + folded) is null
                then 'price times usage.amount_in_pricing_units, or cost plus credits, is too large, expected at most 14 integer digits'
        end as reason
    from listed
    left join currencies on currencies.code = billing_currency
),

-- the covered share of a cost of which a commitment covers a part; a millionth of it is the noise of Google's binary floats
shared as (
    select
        * exclude (pricing_quantity, consumed),
        pricing_quantity as whole_quantity,
        consumed as whole_consumed,
        case
            when reason is null and is_committed and covered_cost <> 0 and (covered_cost > 0) = (cost_amount > 0)
                and abs(cost_amount) - abs(covered_cost) > multiply(abs(cost_amount), cast('0.000001' as decimal(38, 12)))
                then cast(exact_quotient(cast(abs(covered_cost) as varchar), cast(abs(cost_amount) as varchar), 12) as decimal(38, 12))
        end as share
    from checked
),

divided as (
    select
        *,
        share_of(whole_quantity, share) as covered_quantity,
        share_of(whole_consumed, share) as covered_consumed,
        -- a quantity too small to divide leaves the row whole
        share is not null and share_of(whole_quantity, share) not in (0, whole_quantity) as is_divided
    from shared
),

-- one row, and one each for what a commitment leaves uncovered and for what promotions pay
parts as (
    select
        *,
        unnest(list_concat(
            [''],
            case when is_divided then ['#uncovered'] else [] end,
            case when reason is null and len(promotions) > 0 then ['#promotion'] else [] end
        )) as part
    from divided
),

charges as (
    select
        * exclude (list_unit_price, contracted_unit_price),
        part = '#promotion' as is_promotion,
        case when part = '#promotion' then 'Credit' else line_category end as category,
        part <> '#promotion' and line_category in ('Usage', 'Purchase') as has_sku,
        case
            when part = '#promotion' then cost_sum(list_transform(promotions, lambda c: to_cost(c.amount)))
            -- what a commitment covers costs nothing here: its fee is a charge of its own
            when part = '' and is_divided then 0
            else net_cost
        end as billed,
        case part when '#promotion' then 0 when '#uncovered' then cost_amount - covered_cost else if(is_divided, covered_cost, cost_amount) end
            as part_cost,
        case
            when not is_divided then whole_quantity
            when part = '' then covered_quantity
            else whole_quantity - covered_quantity
        end as pricing_quantity,
        case
            when not is_divided then whole_consumed
            when part = '' then covered_consumed
            else whole_consumed - covered_consumed
        end as consumed,
        -- one price for both parts
        case
            when is_divided then fit_price(fit_price(list_unit_price, covered_quantity), whole_quantity - covered_quantity)
            else list_unit_price
        end as list_unit_price,
        case
            when is_divided then fit_price(fit_price(contracted_unit_price, covered_quantity), whole_quantity - covered_quantity)
            else contracted_unit_price
        end as contracted_unit_price,
        part = '' and is_committed as committed,
        case
            when global_name is null then null
            when contains(ltrim(global_name, '/'), '/')
                then split_part(ltrim(global_name, '/'), '/', 1) || '/' || split_part(rtrim(global_name, '/'), '/', -2)
        end as collection,
        case
            when part <> '#promotion' and line_category = 'Usage' and not is_unused and left(meter, 7) in ('Gemini ', 'gemini ')
                then gcp_model_usage(meter, consumed_source_unit, getvariable('genai_words'))
            when part <> '#promotion' and line_category = 'Usage' and not is_unused and lower(service) like '%vertex ai%'
                then partner_model_usage(meter, consumed_source_unit, getvariable('genai_words'))
        end as tokens,
        coalesce(usage_start < usage_end, false) as has_period
    from parts
),

-- what the tenant has agreed on for the tokens of a model
agreeing as (
    select
        *,
        case when tokens is not null then agreed_for(getvariable('agreed_prices'), 'gcp', tokens, billing_currency, usage_start) end as found_price
    from charges
),

agreed as (
    select
        * exclude (found_price),
        case when consumed = pricing_quantity then found_price end as agreed,
        agreed_unit_price(case when consumed = pricing_quantity then found_price end, tokens.tokens_each) as raw_agreed_price
    from agreeing
),

contracted as (
    select
        * exclude (raw_agreed_price),
        fit_price(raw_agreed_price, pricing_quantity) as agreed_price
    from agreed
)

select
    -- costs
    billed as BilledCost,
    billed as EffectiveCost,
    case when has_sku then multiply(list_unit_price, pricing_quantity) else billed end as ListCost,
    case when has_sku then multiply(coalesce(agreed_price, contracted_unit_price), pricing_quantity) else billed end as ContractedCost,
    case when has_sku then list_unit_price end as ListUnitPrice,
    case when has_sku then coalesce(agreed_price, contracted_unit_price) end as ContractedUnitPrice,
    billing_currency as BillingCurrency,
    case when exchange = 1 then billing_currency else 'USD' end as PricingCurrency,
    case when has_sku then divide(list_unit_price, exchange) end as PricingCurrencyListUnitPrice,
    case when has_sku then divide(coalesce(agreed_price, contracted_unit_price), exchange) end as PricingCurrencyContractedUnitPrice,
    divide(billed, exchange) as PricingCurrencyEffectiveCost,
    -- periods; a charge for no usage, whose times are often empty, is for the month of the invoice
    period_start as BillingPeriodStart,
    period_end as BillingPeriodEnd,
    case when has_period or has_sku then usage_start else period_start end as ChargePeriodStart,
    case when has_period or has_sku then usage_end else period_end end as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    null as BillingAccountName,
    'Billing Account' as BillingAccountType,
    project as SubAccountId,
    case when project is not null then coalesce(project_name, project) end as SubAccountName,
    case when project is not null then 'Project' end as SubAccountType,
    null as InvoiceId,
    'Google Cloud' as InvoiceIssuerName,
    -- charge
    category as ChargeCategory,
    case
        when adjustment in ('USAGE_CORRECTION', 'PRICE_CORRECTION', 'METADATA_CORRECTION') and category in ('Usage', 'Purchase', 'Tax')
            and date_trunc('month', timezone('America/Los_Angeles', usage_start)) < timezone('UTC', period_start)
            then 'Correction'
    end as ChargeClass,
    case
        when is_promotion
            then coalesce(promotions[1].full_name, promotions[1]."name", promotions[1].id, 'Promotion') || ': ' || coalesce(meter, service)
        else coalesce(meter, adjustment_description, service)
    end as ChargeDescription,
    case
        when category = 'Purchase' or (is_unused and category = 'Usage') then 'Recurring'
        when category = 'Usage' then 'Usage-Based'
        else 'One-Time'
    end as ChargeFrequency,
    -- pricing and usage
    case
        when not has_sku then null
        when category = 'Purchase' then 'Standard'
        when committed then 'Committed'
        when regexp_matches(meter, '\b(spot|preemptible)\b', 'i') then 'Dynamic'
        when special_model then 'Other'
        else 'Standard'
    end as PricingCategory,
    case when has_sku then pricing_quantity end as PricingQuantity,
    case when has_sku then pricing_unit end as PricingUnit,
    case when category = 'Usage' and not is_unused then coalesce(consumed, pricing_quantity) end as ConsumedQuantity,
    case when category = 'Usage' and not is_unused then coalesce(known_consumed_unit, pricing_unit) end as ConsumedUnit,
    -- commitments
    case when committed then coalesce(subscription, commitments[1].id, commitments[1]."name", sku) end as CommitmentDiscountId,
    case when committed and subscription is null then commitments[1]."name" end as CommitmentDiscountName,
    case when committed then case when by_resource then 'Usage' else 'Spend' end end as CommitmentDiscountCategory,
    case when committed then 'Committed Use Discount' end as CommitmentDiscountType,
    case when committed then case when is_unused then 'Unused' else 'Used' end end as CommitmentDiscountStatus,
    case
        when not committed then null
        when by_resource then case when charged_once then quantity else pricing_quantity end
        when is_unused or len(commitments) is null or len(commitments) = 0 then cast(billed as decimal(38, 12))
        else cast(covered_cost as decimal(38, 12))
    end as CommitmentDiscountQuantity,
    case
        when committed and by_resource then case when quantity is not null then known_pricing_unit end
        when committed then billing_currency
    end as CommitmentDiscountUnit,
    case when category = 'Usage' then reservation end as CapacityReservationId,
    case
        when category = 'Usage' and reservation is not null then case when reservation_unused = 'true' then 'Unused' else 'Used' end
    end as CapacityReservationStatus,
    -- service
    service as ServiceName,
    coalesce(gcp_services.service_category, 'Other') as ServiceCategory,
    coalesce(gcp_services.service_subcategory, 'Other (Other)') as ServiceSubcategory,
    coalesce(seller, 'Google Cloud') as ServiceProviderName,
    case when category in ('Usage', 'Purchase', 'Credit') then 'Google Cloud' end as HostProviderName,
    coalesce(seller, 'Google Cloud') as ProviderName,
    coalesce(model_maker(tokens.model), seller, 'Google Cloud') as PublisherName,
    -- place and resource
    region as RegionId,
    case when region is not null then coalesce(gcp_regions.region_name, region) end as RegionName,
    zone as AvailabilityZone,
    coalesce(global_name, short_name) as ResourceId,
    case when global_name is not null and short_name <> global_name and try_cast(short_name as hugeint) is null then short_name end
        as ResourceName,
    case
        when global_name is null and short_name is null then null
        else coalesce(gcp_resource_types.resource_type, contracted.collection, service || ' resource')
    end as ResourceType,
    case
        when len(all_labels) > 0 then
            '{' || array_to_string(
                list_transform(
                    list_filter(all_labels, lambda e, i: list_position(label_keys, e.key) = i),
                    lambda e: to_json(e.key) || ':' || case when e."value" is null then 'true' else to_json(e."value") end
                ),
                ','
            ) || '}'
        else '{}'
    end as Tags,
    -- SKU
    case when has_sku then sku end as SkuId,
    case when has_sku then meter end as SkuMeter,
    case
        when has_sku then
            sku || '/' || case when tier_start is null or tier_start in ('0', '0.0') then '0' else tier_start end
            || case when special_model then '/' || coalesce(model_id, model) else '' end
            || case when pricing_unit = 'Units' then '/Units' else '' end
    end as SkuPriceId,
    case
        when has_sku and coalesce(machine, cast(cores as varchar), cast(megabytes as varchar), model, tier_start, agreed.tier) is not null then
            '{' || concat_ws(
                ',',
                '"CoreCount":' || cast(cores as varchar),
                '"InstanceSeries":' || to_json(upper(split_part(machine, '-', 1))),
                '"InstanceType":' || to_json(machine),
                -- the label is in MB, FOCUS wants GiB
                '"MemorySize":' || rtrim(rtrim(cast(cast(megabytes * 0.0009765625 as decimal(28, 10)) as varchar), '0'), '.'),
                '"x_ConsumptionModel":' || to_json(model),
                '"x_PriceTier":' || to_json(agreed.tier),
                '"x_TierStartAmount":' || to_json(tier_start)
            ) || '}'
    end as SkuPriceDetails,
    -- what the export does not have
    null as AllocatedMethodDetails,
    null as AllocatedMethodId,
    null as AllocatedResourceId,
    null as AllocatedResourceName,
    null as AllocatedTags,
    null as ContractApplied,
    null as x_CostCategories,
    json_object(
        'service_id', service_id,
        'sku_description', meter,
        'invoice_month', invoice_month,
        'cost', case when is_promotion then '0' when is_divided then cast(part_cost as varchar) else cost_text end,
        'credits', case
            when is_promotion then cast(billed as varchar)
            when is_divided then cast(billed - part_cost as varchar)
            when credit_list is null then '0'
            else cast(folded as varchar)
        end,
        'export_time', export_time,
        'labels', cast(coalesce(label_text, '[]') as json),
        'project_number', project_number,
        'subscription_id', subscription,
        'adjustment_id', adjustment_id,
        'adjustment_type', adjustment,
        'adjustment_mode', adjustment_mode
    ) as x_Source,
    -- models
    tokens.model as x_Model,
    tokens.family as x_ModelFamily,
    tokens.kind as x_TokenKind,
    try_cast(consumed * tokens.tokens_each as decimal(38, 12)) as x_Tokens,
    null as x_Requests,
    tokens.tier as x_ServiceTier,
    tokens.batch as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,
    source_row_id || part as source_row_id,
    reason as quarantine_reason
from contracted
left join gcp_services on gcp_services.service_name = service
left join gcp_regions on gcp_regions.region_id = region
left join gcp_resource_types on gcp_resource_types.collection = contracted.collection
