-- A month of a ledger of subscriptions to FOCUS 1.3.
-- Source: the organization's own ledger.  Grain and key: one row a line, line_id.
-- Of a plan with use by day the purchase is what is billed (EffectiveCost 0) and each day is what it is used (BilledCost 0); of one without, the
-- purchase is both.  Tax is billed and effective where it is invoiced.  A credit is a purchase that is reversed: quantity and cost below 0.
with
lines as (
    select
        source_row_id,
        kind,
        to_cost(billed_cost) as billed,
        to_cost(effective_cost) as effective,
        upper(blank_to_null(currency)) as currency,
        to_time(billing_month) as month_start,
        to_time(charge_start) as charge_start,
        to_time(charge_end) as charge_end,
        blank_to_null(subscription_id) as subscription,
        blank_to_null(vendor) as vendor,
        blank_to_null(plan) as plan,
        blank_to_null(subscription_category) as category,
        coalesce(blank_to_null(account), blank_to_null(subscription_id)) as account,
        to_cost(list_unit_price) as list_unit_price,
        to_cost(contracted_unit_price) as contracted_unit_price,
        to_quantity(quantity) as quantity,
        blank_to_null(pricing_unit) as pricing_unit,
        to_quantity(consumed_quantity) as consumed,
        blank_to_null(consumed_unit) as consumed_unit,
        to_cost(formula_cost) as formula,
        blank_to_null(invoice_number) as invoice,
        blank_to_null(description) as description,
        coalesce(tag_object(blank_to_null(tags)), '{}') as given_tags,
        json_object('kind', kind, 'cycle', cycle, 'mode', mode, 'formula_cost', formula_cost) as facts
    from source
),

priced as (
    select
        *,
        kind in ('term', 'seats', 'credit', 'use') as has_price,
        fit_price(list_unit_price, quantity) as list_price,
        fit_price(contracted_unit_price, quantity) as contracted_price,
        vendor || '/' || plan as sku
    from lines
),

costed as (
    select
        priced.*,
        multiply(list_price, quantity) as list_cost,
        multiply(contracted_price, quantity) as contracted_cost,
        saas_categories.service_category,
        saas_categories.service_subcategory,
        case
            when billed is null then 'billed_cost holds no readable number'
            when effective is null then 'effective_cost holds no readable number'
            when priced.currency is null then 'currency is empty, expected an ISO 4217 code'
            when currencies.code is null then 'currency is not an ISO 4217 code'
            when month_start is null or month_start <> date_trunc('month', month_start) then 'billing_month holds no first day of a month'
            when charge_start is null then 'charge_start holds no readable day'
            when charge_end is null then 'charge_end holds no readable day'
            when charge_end <= charge_start then 'charge_end is not after charge_start'
            when subscription is null then 'subscription_id is empty, expected an id'
            when vendor is null then 'vendor is empty, expected a name'
            when plan is null then 'plan is empty, expected a name'
            when kind is null or kind not in ('term', 'seats', 'credit', 'use', 'tax', 'nothing') then 'kind is not known, expected one of a ledger'
            when has_price and (list_price is null or contracted_price is null or quantity is null) then 'a price or the quantity holds no readable number'
            when has_price and (multiply(list_price, quantity) is null or multiply(contracted_price, quantity) is null)
                then 'price times quantity is too large, expected at most 14 integer digits'
        end as quarantine_reason
    from priced
    left join currencies on currencies.code = priced.currency
    left join saas_categories on saas_categories.category = lower(priced.category)
)

select
    -- costs
    billed as BilledCost,
    effective as EffectiveCost,
    case when has_price then list_cost else billed end as ListCost,
    case when has_price then contracted_cost else billed end as ContractedCost,
    case when has_price then list_price end as ListUnitPrice,
    case when has_price then contracted_price end as ContractedUnitPrice,
    currency as BillingCurrency,
    currency as PricingCurrency,
    case when has_price then list_price end as PricingCurrencyListUnitPrice,
    case when has_price then contracted_price end as PricingCurrencyContractedUnitPrice,
    effective as PricingCurrencyEffectiveCost,
    -- periods
    month_start as BillingPeriodStart,
    month_start + interval 1 month as BillingPeriodEnd,
    charge_start as ChargePeriodStart,
    charge_end as ChargePeriodEnd,
    -- accounts
    account as BillingAccountId,
    vendor as BillingAccountName,
    'Subscription' as BillingAccountType,
    null as SubAccountId,
    null as SubAccountName,
    null as SubAccountType,
    invoice as InvoiceId,
    vendor as InvoiceIssuerName,
    -- charge
    case when kind = 'use' then 'Usage' when kind = 'tax' then 'Tax' when kind = 'nothing' then 'Adjustment' else 'Purchase' end as ChargeCategory,
    null as ChargeClass,
    description as ChargeDescription,
    case when kind in ('seats', 'credit', 'nothing') then 'One-Time' else 'Recurring' end as ChargeFrequency,
    -- pricing and usage
    case when has_price then 'Standard' end as PricingCategory,
    case when has_price then quantity end as PricingQuantity,
    case when has_price then pricing_unit end as PricingUnit,
    case when kind = 'use' then consumed end as ConsumedQuantity,
    case when kind = 'use' then consumed_unit end as ConsumedUnit,
    -- service
    plan as ServiceName,
    coalesce(service_category, 'Business Applications') as ServiceCategory,
    coalesce(service_subcategory, 'Other (Business Applications)') as ServiceSubcategory,
    vendor as ServiceProviderName,
    null as HostProviderName,
    vendor as ProviderName,
    vendor as PublisherName,
    -- place and resource
    null as RegionId,
    null as RegionName,
    null as AvailabilityZone,
    subscription as ResourceId,
    nullif(plan, subscription) as ResourceName,
    'Subscription' as ResourceType,
    given_tags as Tags,
    -- SKU
    case when has_price then sku end as SkuId,
    case when has_price then case when consumed_unit = 'Days' then 'Subscriptions' else 'Seats' end end as SkuMeter,
    case when has_price then sku || '/' || pricing_unit end as SkuPriceId,
    null as SkuPriceDetails,
    -- what a subscription does not have
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
    facts as x_Source,
    lower(category) as x_SubscriptionCategory,
    source_row_id,
    quarantine_reason
from costed
