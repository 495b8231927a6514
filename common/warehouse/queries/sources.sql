-- sources: what the charges rest on.  grain: one row per integration that shows charges
select
    integration_id,
    max(delivered_at) as delivered_at,
    min(first_start) as first_start,
    max(last_start) as last_start
from slices
group by integration_id
order by integration_id
