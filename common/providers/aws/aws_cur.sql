-- AWS Cost and Usage Report (legacy, Athena names, CUR 2.0) -> FOCUS 1.3.
-- Grain: one row a line item; a recurring commitment fee with an unused part gives a second row (`#unused`); a savings plan negation
-- gives none, its covered usage being billed at 0 (aws_cur.pairs.sql proves that the two cancel).
-- Key: source_row_id, the line item id with the start of its usage: AWS repeats an id for each day or hour of the same item.
-- Sources: AWS CUR user guide, data dictionary; AWS Data Exports guide, CUR 2.0; FOCUS 1.3.
with texts as (
    select
        *,
        -- discount rows of any name are one kind
        case when ends_with(line_item_line_item_type, 'Discount') then 'Discount' else line_item_line_item_type end as kind,
        case when getvariable('net_costs') then line_item_net_unblended_cost else line_item_unblended_cost end as cost_text,
        case when getvariable('net_costs') then line_item_net_unblended_rate else line_item_unblended_rate end as rate_text,
        coalesce(bill_billing_entity = 'AWS Marketplace', false) as marketplace,
        -- attributes that CUR 2.0 keeps in its map, in one pass over the JSON text; null without a map
        json_extract_string(product, [
            '$.product_name', '$.region', '$.operating_system', '$.vcpu', '$.memory', '$.gpu', '$.storage_class', '$.storage_media',
            '$.instance_type_family', '$.tenancy', '$.volume_api_name', '$.capacitystatus'
        ]) as attributes
    from source
),

typed as (
    select
        *,
        to_cost(cost_text) as cost,
        to_quantity(line_item_usage_amount) as amount,
        to_cost(rate_text) as rate,
        -- times as whole UTC seconds
        epoch_us(try_cast(line_item_usage_start_date as timestamptz)) // 1000000 as charge_start,
        epoch_us(coalesce(
            try_cast(line_item_usage_end_date as timestamptz),
            try_cast(split_part(identity_time_interval, '/', 2) as timestamptz)
        )) // 1000000 as charge_last,
        epoch_us(try_cast(bill_billing_period_start_date as timestamptz)) // 1000000 as period_start,
        epoch_us(try_cast(bill_billing_period_end_date as timestamptz)) // 1000000 as period_last,
        coalesce(blank_to_null(product_product_name), attributes[1]) as product_name,
        -- a model of another company, sold through AWS Marketplace and served by Bedrock
        marketplace and contains(product_name, '(Amazon Bedrock Edition)') is true as is_model,
        -- a line without a code may name the place
        case
            when coalesce(product_region_code, product_region, attributes[2]) is not null
                then nullif(coalesce(product_region_code, product_region, attributes[2]), 'global')
            when product_location is not null then getvariable('aws_region_names')[lower(product_location)]
        end as product_region_id,
        coalesce(product_operating_system, attributes[3]) as operating_system,
        coalesce(product_vcpu, attributes[4]) as vcpu,
        coalesce(product_memory, attributes[5]) as memory,
        coalesce(product_gpu, attributes[6]) as gpu,
        coalesce(product_storage_class, attributes[7]) as storage_class,
        coalesce(product_storage_media, attributes[8]) as storage_media,
        coalesce(product_instance_type_family, attributes[9]) as instance_family,
        coalesce(product_tenancy, attributes[10]) as tenancy,
        coalesce(product_volume_api_name, attributes[11]) as volume_type,
        coalesce(product_capacitystatus, attributes[12]) as capacity_status,
        -- a zone's name ends in a digit and a letter (us-east-1a, us-west-2-lax-1a), but in Wavelength (us-east-1-wl1-bos-wlz-1); a zone's id
        -- names its number (use1-az1, use1-wl1-bos-wlz1); the column may also hold a region.  Source: Amazon EC2, DescribeAvailabilityZones
        case
            when right(line_item_availability_zone, 1) between 'a' and 'z' and left(right(line_item_availability_zone, 2), 1) between '0' and '9'
                then line_item_availability_zone
            when contains(line_item_availability_zone, '-wlz') or contains(line_item_availability_zone, '-az') then line_item_availability_zone
        end as zone,
        -- the region that the place is in: Local Zones and Wavelength Zones belong to their parent; a zone's id begins with a short form of it
        case
            when split_part(product_region_id, '-', 4) = '' then product_region_id
            when product_region_id is not null
                then coalesce(nullif(regexp_extract(product_region_id, '^[a-z]+(-[a-z]+)+-[0-9]+'), ''), product_region_id)
            else coalesce(
                nullif(regexp_extract(line_item_availability_zone, '^[a-z]+(-[a-z]+)+-[0-9]+'), ''),
                case when zone is not null then split_part(line_item_availability_zone, '-', 1) end
            )
        end as region_key,
        blank_to_null(line_item_resource_id) as resource_id,
        -- AWS: the subscription id may serve where a reservation line has no ARN
        case
            when kind in ('DiscountedUsage', 'RIFee') then coalesce(reservation_reservation_a_r_n, reservation_subscription_id)
            when kind = 'Fee' then reservation_reservation_a_r_n
        end as reservation_id,
        -- on the lines of a plan's fee the resource is the plan
        case
            when starts_with(kind, 'SavingsPlan') then coalesce(
                savings_plan_savings_plan_a_r_n,
                case when contains(line_item_resource_id, ':savingsplan/') then line_item_resource_id end
            )
        end as plan_id,
        aws_service_key(
            case
                when line_item_product_code is null and coalesce(product_product_name, attributes[1]) = 'Amazon Elastic Compute Cloud' then 'AmazonEC2'
                else line_item_product_code
            end,
            line_item_usage_type,
            product_servicecode = 'AWSDataTransfer' or product_product_family = 'Data Transfer'
        ) as service_key
    from texts
),

joined as (
    select
        typed.*,
        kinds.part,
        kinds.charge_category,
        kinds.charge_frequency,
        kinds.pricing_category,
        coalesce(reservation_id, plan_id) as commitment_id,
        coalesce(by_code.service_name, by_name.service_name, product_name, line_item_product_code, 'AWS') as service_name,
        coalesce(by_code.service_category, by_name.service_category, case when is_model then 'AI and Machine Learning' end, 'Other')
            as service_category,
        coalesce(by_code.service_subcategory, by_name.service_subcategory, case when is_model then 'Generative AI' end, 'Other (Other)')
            as service_subcategory,
        case when is_model then getvariable('aws_model_sellers')[lower(split_part(product_name, ' ', 1))] end as model_seller,
        coalesce(by_zone_id.region_id, case when product_region_id is not null or contains(region_key, '-') then region_key end) as region_id,
        case
            when by_zone_id.region_id is not null then by_zone_id.region_name
            when product_region_id is not null or contains(region_key, '-') then coalesce(
                regions.region_name, case when region_key = product_region_id then product_location end, region_key
            )
        end as region_name,
        coalesce(aws_units.focus_unit, typed.pricing_unit, 'Units') as unit,
        aws_resource_types.resource_type,
        -- an end of 23:59:59 is meant inclusive; a moment without length is given one second
        greatest(case when charge_last % 60 = 59 then charge_last + 1 else charge_last end, charge_start + 1) as charge_end,
        case when period_last % 60 = 59 then period_last + 1 else period_last end as period_end,
        case
            when kinds.part is null then 'line_item_line_item_type is not one of the types that this release knows'
            when cost is null then
                case when getvariable('net_costs') then 'line_item_net_unblended_cost' else 'line_item_unblended_cost' end
                || ' is not a number, expected a decimal cost'
            when currencies.code is null then 'line_item_currency_code is not an ISO 4217 currency code'
            when blank_to_null(bill_payer_account_id) is null then 'bill_payer_account_id is empty, expected an account id'
            when period_start is null then 'bill_billing_period_start_date is not a time'
            when period_last is null then 'bill_billing_period_end_date is not a time'
            when period_last <= period_start then 'bill_billing_period_end_date is not after bill_billing_period_start_date'
            when charge_start is null then 'line_item_usage_start_date is not a time'
            when charge_last is null then 'line_item_usage_end_date is not a time'
            when charge_last < charge_start then 'line_item_usage_end_date is before line_item_usage_start_date'
        end as reason
    from typed
    left join aws_line_item_types as kinds on typed.kind = kinds.line_item_type
    left join aws_services as by_code on typed.service_key = by_code.service_key
    left join aws_services as by_name on typed.product_name = by_name.service_key
    left join aws_regions as regions on typed.region_key = regions.region_id
    left join aws_regions as by_zone_id on typed.region_key = by_zone_id.zone_id_prefix
    left join aws_units on typed.pricing_unit = aws_units.pricing_unit
    left join aws_resource_types
        on case
            when starts_with(typed.resource_id, 'arn:')
                then split_part(typed.resource_id, ':', 3) || ':' || split_part(split_part(typed.resource_id, ':', 6), '/', 1)
            else split_part(typed.resource_id, '-', 1)
        end = aws_resource_types.resource_kind
    left join currencies on typed.line_item_currency_code = currencies.code
),

-- what AWS counts on a line of a reservation, as numbers
reservation_counts as (
    select
        *,
        part in ('fee', 'reservation_fee') as is_fee,
        case when reservation_id is not null then to_quantity(reservation_number_of_reservations) end as reservations,
        case when reservation_id is not null then to_quantity(reservation_total_reserved_units) end as total_units,
        case when reservation_id is not null then to_quantity(reservation_units_per_reservation) end as units_each,
        case when reservation_id is not null then to_quantity(reservation_unused_quantity) end as unused_units,
        case when reservation_id is not null then to_quantity(reservation_total_reserved_normalized_units) end as total_normalized,
        case when reservation_id is not null then to_quantity(reservation_normalized_units_per_reservation) end as normalized_each,
        case when reservation_id is not null then to_quantity(reservation_unused_normalized_unit_quantity) end as unused_normalized,
        case when reservation_id is not null then to_quantity(line_item_normalized_usage_amount) end as used_normalized,
        case when reservation_id is not null then to_quantity(line_item_normalization_factor) end as factor,
        case pricing_lease_contract_length when '1yr' then 8760 when '3yr' then 26280 end as term_hours
    from joined
),

-- How much of a reservation a line is about: in normalized hours where AWS gives such, else in the unit of its usage, mostly hours; null where
-- the line does not show it.  On an upfront Fee AWS gives the units of the whole term, on an RIFee those of the month.
-- Sources: AWS CUR user guide, reservation details (TotalReservedUnits, UnitsPerReservation) and lineItem/NormalizationFactor; Amazon EC2 user
-- guide, term commitment (a term is 365 or 1095 days).
reserved as (
    select
        *,
        case
            when reservation_id is null then null
            when part = 'reserved_usage' then amount
            when part = 'unused_reservation' then unused_units
            -- the usage amount of a monthly fee is its hours, that of an upfront fee the number of reservations
            else coalesce(
                total_units,
                try(cast(reservations * units_each as decimal(38, 12))),
                case when part = 'reservation_fee' then amount else try(cast(coalesce(reservations, amount) * term_hours as decimal(38, 12))) end
            )
        end as plain_units,
        coalesce(
            case part
                when 'reserved_usage' then used_normalized
                when 'unused_reservation' then unused_normalized
                when 'reservation_fee'
                    then coalesce(total_normalized, try(cast(reservations * normalized_each as decimal(38, 12))), used_normalized)
                else coalesce(total_normalized, try(cast(reservations * normalized_each as decimal(38, 12))))
            end,
            try(cast(plain_units * factor as decimal(38, 12)))
        ) as normalized_units,
        coalesce(
            nullif(used_normalized, 0), nullif(factor, 0), nullif(total_normalized, 0), nullif(normalized_each, 0), nullif(unused_normalized, 0)
        ) is not null as is_normalized,
        case
            when is_normalized then 'Normalized Hours'
            -- the price of an upfront fee is per reservation, not per unit; only DynamoDB reserves something else than hours
            when part = 'fee' and unit = 'Units' then
                case when coalesce(line_item_product_code, product_name, '') not in ('AmazonDynamoDB', 'Amazon DynamoDB') then 'Hours' end
            else unit
        end as reserved_unit,
        case when is_normalized then normalized_units when reserved_unit is not null then plain_units end as reserved_units
    from reservation_counts
),

-- EffectiveCost as far as the source gives it: null where it gives none
accrued as (
    select
        *,
        case part
            when 'usage' then cost
            when 'amount' then cost
            when 'fee' then case when reservation_id is null then cost else 0 end
            when 'reserved_usage' then coalesce(
                case when getvariable('net_costs') then coalesce(
                    to_cost(reservation_net_effective_cost),
                    to_cost(reservation_net_recurring_fee_for_usage) + to_cost(reservation_net_amortized_upfront_cost_for_usage)
                ) end,
                to_cost(reservation_effective_cost),
                to_cost(reservation_recurring_fee_for_usage) + to_cost(reservation_amortized_upfront_cost_for_usage)
            )
            when 'planned_usage' then coalesce(
                case when getvariable('net_costs') then to_cost(savings_plan_net_savings_plan_effective_cost) end,
                to_cost(savings_plan_savings_plan_effective_cost)
            )
            when 'unused_reservation' then coalesce(
                case when getvariable('net_costs') then
                    to_cost(reservation_net_unused_amortized_upfront_fee_for_billing_period)
                    + to_cost(reservation_net_unused_recurring_fee)
                end,
                to_cost(reservation_unused_amortized_upfront_fee_for_billing_period) + to_cost(reservation_unused_recurring_fee)
            )
            when 'unused_plan' then case
                when getvariable('net_costs') and to_cost(savings_plan_net_recurring_commitment_for_billing_period) is not null
                    -- the unused part has no net twin: its share of the commitment's net amount
                    then multiply(
                        round(to_cost(savings_plan_total_commitment_to_date) - to_cost(savings_plan_used_commitment), 12),
                        cast(exact_quotient(
                            cast(
                                coalesce(to_cost(savings_plan_net_amortized_upfront_commitment_for_billing_period), 0)
                                + to_cost(savings_plan_net_recurring_commitment_for_billing_period) as varchar
                            ),
                            cast(
                                coalesce(to_cost(savings_plan_amortized_upfront_commitment_for_billing_period), 0)
                                + to_cost(savings_plan_recurring_commitment_for_billing_period) as varchar
                            ),
                            12
                        ) as decimal(38, 12))
                    )
                else to_cost(savings_plan_total_commitment_to_date) - to_cost(savings_plan_used_commitment)
            end
            else 0
        end as accrued_cost
    from reserved
),

-- quantity and prices: 1 unit at the amount of the row where it is a fee or its usage amount cannot carry the amount
measured as (
    select
        *,
        coalesce(accrued_cost, 0) as effective,
        part in ('unused_reservation', 'unused_plan') as unused,
        part <> 'amount' as has_sku,
        case when part in ('reserved_usage', 'unused_reservation', 'unused_plan') then coalesce(accrued_cost, 0) else cost end as basis
    from accrued
    where reason is not null or (part <> 'negation' and (part not in ('unused_reservation', 'unused_plan') or coalesce(accrued_cost, 0) <> 0))
),

counted as (
    select
        *,
        part not in ('usage', 'reserved_usage', 'planned_usage') or amount is null or (amount = 0 and basis <> 0) as as_fee
    from measured
),

priced as (
    select
        *,
        case
            when not has_sku then null
            when as_fee then cast(case when basis < 0 then -1 else 1 end as decimal(38, 12))
            when (basis < 0) <> (amount < 0) and basis <> 0 then -amount
            else amount
        end as quantity,
        case
            when as_fee then abs(basis)
            -- a reservation brings the rate to 0: before it stands the public rate
            when part = 'reserved_usage' then null
            when rate <> 0 or cost = 0 then abs(rate)
        end as source_price,
        case
            when not as_fee and coalesce(pricing_currency = line_item_currency_code, true)
                then abs(case when pricing_public_on_demand_rate = rate_text then rate else to_cost(pricing_public_on_demand_rate) end)
        end as public_price,
        case
            when basis = 0 and part = 'usage' then cast(0 as decimal(38, 24))
            when pricing_public_on_demand_rate is null or part = 'reserved_usage' then to_cost(pricing_public_on_demand_cost)
        end as public_cost
    from counted
),

listed as (
    select
        *,
        case when public_price is not null or as_fee then public_price else made_price(public_cost, amount) end as public_or_made
    from priced
),

chosen as (
    select
        *,
        case
            when not has_sku then null
            when source_price is not null then source_price
            when part = 'reserved_usage' and public_or_made is not null then public_or_made
            when basis = 0 then 0
            else made_price(basis, quantity)
        end as raw_price
    from listed
),

fitted as (
    select
        *,
        coalesce(public_or_made, raw_price) is distinct from raw_price as has_list_price,
        fit_price(raw_price, quantity) as contracted_price,
        case when part in ('planned_usage', 'unused_reservation', 'unused_plan') then 0 else cost end as billed_amount,
        case
            when has_sku then coalesce(
                product_sku, concat_ws('/', coalesce(line_item_product_code, product_servicecode, service_name), line_item_usage_type)
            )
        end as sku
    from chosen
),

-- most rows have one price
compared as (
    select
        *,
        case when has_list_price and has_sku then fit_price(public_or_made, quantity) else contracted_price end as list_price,
        case when has_sku then multiply(contracted_price, quantity) else billed_amount end as contracted_cost,
        case when has_sku then
            case
                when starts_with(pricing_rate_code, sku || '.') then pricing_rate_code
                else concat_ws('/', sku, coalesce(pricing_rate_code, pricing_rate_id, pricing_term, kind))
            end
        end as sku_price
    from fitted
),

multiplied as (
    select
        *,
        case when has_list_price and has_sku then multiply(list_price, quantity) else contracted_cost end as list_cost
    from compared
),

described as (
    select
        *,
        case
            when model_seller is not null then model_seller
            when not marketplace then 'AWS'
            -- the seller of a model is not named where Amazon collects for it
            when starts_with(line_item_legal_entity, 'Amazon ') or starts_with(line_item_legal_entity, 'AWS ')
                then case when is_model then 'AWS Marketplace' else 'AWS' end
            else coalesce(line_item_legal_entity, 'AWS Marketplace')
        end as seller,
        case
            when capacity_reservation_capacity_reservation_arn is not null then capacity_reservation_capacity_reservation_arn
            when contains(resource_id, ':capacity-reservation/') then resource_id
        end as capacity_reservation,
        coalesce(line_item_line_item_description, line_item_tax_type, concat_ws(' ', service_name, line_item_usage_type)) as description,
        case
            when (is_model or contains(line_item_product_code, 'Bedrock')) and charge_category = 'Usage' and not unused then aws_model_usage(
                line_item_usage_type, product_name, case when as_fee then null else unit end, line_item_line_item_description,
                getvariable('genai_words'), getvariable('genai_models')
            )
        end as tokens,
        -- the part of an ARN that people chose; ids that AWS made are no names
        case when starts_with(resource_id, 'arn:') then regexp_extract(resource_id, '[^/:]+$') end as last_of_arn,
        case
            when reason is not null then reason
            when list_cost is null or contracted_cost is null
                then 'line_item_usage_amount times its price has more than 14 integer digits'
        end as quarantine
    from multiplied
),

-- what the tenant has agreed on for the tokens of a model
agreeing as (
    select
        *,
        case when tokens is not null then agreed_for(getvariable('agreed_prices'), 'aws', tokens, line_item_currency_code, make_timestamptz(charge_start * 1000000)) end as found_price
    from described
),

agreed as (
    select
        * exclude (found_price),
        found_price as agreed,
        agreed_unit_price(found_price, tokens.tokens_each) as raw_agreed_price
    from agreeing
),

contracted as (
    select
        * exclude (raw_agreed_price),
        fit_price(raw_agreed_price, quantity) as agreed_price
    from agreed
)

select
    -- split cost allocation re-describes the cost of other rows: its columns stay in x_Source
    cast(null as varchar) as AllocatedMethodDetails,
    cast(null as varchar) as AllocatedMethodId,
    cast(null as varchar) as AllocatedResourceId,
    cast(null as varchar) as AllocatedResourceName,
    cast(null as varchar) as AllocatedTags,
    zone as AvailabilityZone,

    -- who is billed, for when
    cast(billed_amount as decimal(38, 24)) as BilledCost,
    bill_payer_account_id as BillingAccountId,
    bill_payer_account_name as BillingAccountName,
    'Management Account' as BillingAccountType,
    line_item_currency_code as BillingCurrency,
    make_timestamptz(period_end * 1000000) as BillingPeriodEnd,
    make_timestamptz(period_start * 1000000) as BillingPeriodStart,

    capacity_reservation as CapacityReservationId,
    case
        when capacity_reservation is null or charge_category <> 'Usage' then null
        when starts_with(lower(capacity_reservation_capacity_reservation_status), 'unused') or starts_with(capacity_status, 'Unused')
            or contains(line_item_usage_type, 'UnusedBox') or contains(line_item_usage_type, 'UnusedDed') then 'Unused'
        else 'Used'
    end as CapacityReservationStatus,

    -- what kind of charge
    charge_category as ChargeCategory,
    -- a refund bill is issued after the invoice; the id of an invoice says nothing, as every line of a month gets one when it is invoiced
    case when kind = 'Refund' and (bill_bill_type = 'Refund' or charge_start < period_start) then 'Correction' end as ChargeClass,
    case when unused then 'Unused: ' || description else description end as ChargeDescription,
    charge_frequency as ChargeFrequency,
    make_timestamptz(charge_end * 1000000) as ChargePeriodEnd,
    make_timestamptz(charge_start * 1000000) as ChargePeriodStart,

    -- commitments
    case when reservation_id is not null then 'Usage' when plan_id is not null then 'Spend' end as CommitmentDiscountCategory,
    commitment_id as CommitmentDiscountId,
    cast(null as varchar) as CommitmentDiscountName,
    case
        when commitment_id is null then null
        when reservation_id is not null then case when is_fee and cost < 0 then -abs(reserved_units) else reserved_units end
        when part = 'plan_fee' then coalesce(
            case when charge_frequency = 'Recurring' then to_quantity(savings_plan_total_commitment_to_date) end,
            cast(cost as decimal(38, 12))
        )
        when part = 'unused_plan'
            then to_quantity(savings_plan_total_commitment_to_date) - to_quantity(savings_plan_used_commitment)
        when part = 'planned_usage' then cast(effective as decimal(38, 12))
    end as CommitmentDiscountQuantity,
    case when commitment_id is not null and charge_category = 'Usage' then case when unused then 'Unused' else 'Used' end end
        as CommitmentDiscountStatus,
    case when reservation_id is not null then 'Reserved Instance' when plan_id is not null then 'Savings Plan' end
        as CommitmentDiscountType,
    case
        when commitment_id is null then null
        when plan_id is not null then line_item_currency_code
        when reserved_units is not null then reserved_unit
    end as CommitmentDiscountUnit,

    -- what was consumed
    case
        when charge_category = 'Usage' and not (unused and commitment_id is not null)
            then case when unused or amount = 0 then 0 when amount is null then quantity else quantity end
    end as ConsumedQuantity,
    case
        when charge_category = 'Usage' and not (unused and commitment_id is not null)
            then case when amount is null then 'Units' else unit end
    end as ConsumedUnit,

    cast(null as varchar) as ContractApplied,
    cast(case when agreed_price is null then contracted_cost else multiply(agreed_price, quantity) end as decimal(38, 24)) as ContractedCost,
    coalesce(agreed_price, contracted_price) as ContractedUnitPrice,
    cast(effective as decimal(38, 24)) as EffectiveCost,

    -- the parties
    case
        when charge_category = 'Tax' then null
        -- sellers host what is not installed on an instance
        when marketplace and not is_model and not coalesce(contains(line_item_usage_type, 'Usage:'), false) then seller
        else 'AWS'
    end as HostProviderName,
    bill_invoice_id as InvoiceId,
    coalesce(
        bill_invoicing_entity, case when marketplace then 'AWS Marketplace' else line_item_legal_entity end, 'AWS'
    ) as InvoiceIssuerName,
    cast(list_cost as decimal(38, 24)) as ListCost,
    list_price as ListUnitPrice,

    -- prices
    case when pricing_category = 'Standard' and contains(line_item_usage_type, 'SpotUsage') then 'Dynamic' else pricing_category end
        as PricingCategory,
    line_item_currency_code as PricingCurrency,
    coalesce(agreed_price, contracted_price) as PricingCurrencyContractedUnitPrice,
    cast(effective as decimal(38, 24)) as PricingCurrencyEffectiveCost,
    list_price as PricingCurrencyListUnitPrice,
    quantity as PricingQuantity,
    case when quantity is null then null when as_fee then 'Units' else unit end as PricingUnit,
    'AWS' as ProviderName,
    seller as PublisherName,

    -- where and what
    region_id as RegionId,
    region_name as RegionName,
    resource_id as ResourceId,
    case when not regexp_matches(last_of_arn, '^([a-z]+-)?[0-9a-f-]{8,}$|^[0-9A-Z]{10,}$') then last_of_arn end as ResourceName,
    case
        when resource_id is not null then coalesce(
            resource_type,
            case when line_item_product_code = 'AmazonS3' then 'S3 Bucket' end,
            blank_to_null(product_product_family),
            service_name
        )
    end as ResourceType,
    service_category as ServiceCategory,
    service_name as ServiceName,
    seller as ServiceProviderName,
    service_subcategory as ServiceSubcategory,
    sku as SkuId,
    case when has_sku then line_item_usage_type end as SkuMeter,
    case
        when has_sku then nullif('{' || concat_ws(
            ',',
            '"InstanceType":' || to_json(product_instance_type),
            '"InstanceSeries":' || to_json(instance_family),
            '"OperatingSystem":' || to_json(operating_system),
            '"CoreCount":' || try_cast(vcpu as integer),
            '"MemorySize":' || try_cast(replace(split_part(memory, ' ', 1), ',', '') as decimal(18, 3)),
            '"GpuCount":' || try_cast(gpu as integer),
            '"StorageClass":' || to_json(storage_class),
            '"DiskType":' || case storage_media when 'SSD-backed' then '"SSD"' when 'HDD-backed' then '"HDD"' end,
            '"x_PriceTier":' || to_json(agreed.tier),
            '"x_Tenancy":' || to_json(tenancy),
            '"x_VolumeType":' || to_json(volume_type)
        ) || '}', '{}')
    end as SkuPriceDetails,
    sku_price as SkuPriceId,
    line_item_usage_account_id as SubAccountId,
    coalesce(line_item_usage_account_name, line_item_usage_account_id) as SubAccountName,
    case when line_item_usage_account_id is not null then 'Account' end as SubAccountType,
    resource_tags as Tags,

    -- ours
    nullif(cost_category, '{}') as x_CostCategories,
    '{' || concat_ws(
        ',',
        '"x_LineItemType":' || to_json(line_item_line_item_type),
        '"x_ProductCode":' || to_json(line_item_product_code),
        '"x_Operation":' || to_json(line_item_operation),
        '"x_TaxType":' || to_json(line_item_tax_type),
        '"x_BillType":' || to_json(nullif(bill_bill_type, 'Anniversary')),
        '"x_ZoneGroup":' || to_json(case when region_id <> product_region_id then product_region_id end),
        '"x_PricingCurrency":' || to_json(case when pricing_currency <> line_item_currency_code then pricing_currency end),
        '"x_Discounts":' || nullif(discount, '{}'),
        '"x_SplitParentResourceId":' || to_json(split_line_item_parent_resource_id),
        '"x_SplitCost":' || to_json(split_line_item_split_cost),
        '"x_SplitUnusedCost":' || to_json(split_line_item_unused_cost),
        case when accrued_cost is null then '"x_EffectiveCostMissing":true' end
    ) || '}' as x_Source,

    -- models
    tokens.model as x_Model,
    tokens.family as x_ModelFamily,
    tokens.kind as x_TokenKind,
    try_cast(quantity * tokens.tokens_each as decimal(38, 12)) as x_Tokens,
    null as x_Requests,
    tokens.tier as x_ServiceTier,
    tokens.batch as x_Batch,
    null as x_ApiKeyId,
    null as x_ListUnitPrice,

    concat(
        -- a line without an id is known by what it says
        coalesce(source_row_id, md5(concat_ws(
            '|', kind, cost_text, line_item_usage_account_id, line_item_usage_amount, line_item_usage_type, line_item_operation, resource_id,
            line_item_line_item_description, resource_tags, product, bill_bill_type, charge_last
        ))),
        '@' || line_item_usage_start_date,
        case when unused then '#unused' end
    ) as source_row_id,
    quarantine as quarantine_reason
from contracted
-- what cannot be mapped is one row, whatever it would have become
where quarantine is null or unused is distinct from true
