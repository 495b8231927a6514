-- sources: what the charges rest on.  grain: one row per integration and billing period that shows charges
select
    integration_id,
    billing_period,
    delivery_id,
    delivered_at,
    first_start,
    last_start
from slices
where last_start is not null
order by integration_id, billing_period
