-- replacements: which delivery took another one's place, and when.  One that changed no cost and no number of rows is not listed.
-- grain: one row per replacement
select
    integration_id,
    billing_period,
    delivery_replaced,
    delivery_now,
    replaced_at
from restatements
group by integration_id, billing_period, delivery_replaced, delivery_now, replaced_at
order by replaced_at, integration_id, billing_period
