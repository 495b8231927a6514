-- restated: what replacements changed of days between @first_day and @last_day (both included), the latest replacement last.
-- grain: one row per replacement, currency and charge day whose BilledCost changed
select
    integration_id,
    delivery_replaced,
    delivery_now,
    replaced_at,
    charge_date,
    currency,
    sum(billed_cost_delta) as delta
from restatements
where charge_date >= @first_day
    and charge_date <= @last_day
group by integration_id, delivery_replaced, delivery_now, replaced_at, charge_date, currency
having sum(billed_cost_delta) <> 0
order by replaced_at, integration_id, charge_date, currency
