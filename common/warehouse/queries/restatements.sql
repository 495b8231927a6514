-- restatements: what newer deliveries changed, the latest replacement first.
-- grain: one row per replacement, currency, service and charge day
select *
from restatements
order by replaced_at desc, integration_id, billing_period, delivery_now, currency, service_name, charge_date
