-- Between which moments the charges of each billing period lie.  Not every charge lies in its invoice's month: corrections come late.
-- Source: daily_charges.  Grain: billing period.  It lets the other questions read few partitions.
select
    BillingPeriodStart as billing_period_start,
    min(x_FirstChargePeriodStart) as first_charge,
    max(x_LastChargePeriodStart) as last_charge
from daily_charges
group by BillingPeriodStart
