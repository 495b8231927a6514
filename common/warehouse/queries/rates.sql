-- rates: the exchange rates that the organization has set.  grain: one row per month and currency
select
    month,
    currency,
    usd_rate,
    source
from exchange_rates
order by month, currency
