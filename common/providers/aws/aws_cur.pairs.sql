-- What savings plan covered usage and its negation leave of each other in one chunk; adjustments.sql adds the chunks up.
-- Grain: savings plan and start of usage, per account, currency and period; only where something is left, so a chunk without savings
-- plans, or one whose lines all cancel, gives no row.  Key: pair_key.
-- It leaves out the lines that the mapping quarantines: those are accounted for there.
with lines as (
    select
        bill_payer_account_id,
        bill_payer_account_name,
        bill_invoicing_entity,
        line_item_legal_entity,
        line_item_currency_code,
        line_item_usage_start_date,
        coalesce(savings_plan_savings_plan_a_r_n, '') as plan,
        to_cost(case when getvariable('net_costs') then line_item_net_unblended_cost else line_item_unblended_cost end) as cost,
        epoch_us(try_cast(line_item_usage_start_date as timestamptz)) // 1000000 as charge_start,
        epoch_us(coalesce(
            try_cast(line_item_usage_end_date as timestamptz),
            try_cast(split_part(identity_time_interval, '/', 2) as timestamptz)
        )) // 1000000 as charge_last,
        epoch_us(try_cast(bill_billing_period_start_date as timestamptz)) // 1000000 as period_start,
        epoch_us(try_cast(bill_billing_period_end_date as timestamptz)) // 1000000 as period_last
    from source
    where line_item_line_item_type in ('SavingsPlanCoveredUsage', 'SavingsPlanNegation')
)

select
    concat_ws('|', bill_payer_account_id, line_item_currency_code, period_start, plan, charge_start) as pair_key,
    plan,
    bill_payer_account_id as billing_account_id,
    min(bill_payer_account_name) as billing_account_name,
    line_item_currency_code as currency,
    min(coalesce(bill_invoicing_entity, line_item_legal_entity, 'AWS')) as invoice_issuer,
    period_start,
    max(case when period_last % 60 = 59 then period_last + 1 else period_last end) as period_end,
    charge_start,
    max(greatest(case when charge_last % 60 = 59 then charge_last + 1 else charge_last end, charge_start + 1)) as charge_end,
    cast(sum(cost) as decimal(38, 24)) as amount
from lines
where
    cost is not null
    and line_item_currency_code in (select code from currencies)
    and blank_to_null(bill_payer_account_id) is not null
    and period_start < period_last
    and charge_start <= charge_last
group by bill_payer_account_id, line_item_currency_code, period_start, plan, charge_start
having sum(cost) <> 0
