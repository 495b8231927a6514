-- Between which moments the charges of each billing period lie.  Not every charge lies in its invoice's month: corrections come late.
-- Source: cost_data_standard_1_3.  Grain: billing period.  It reads two columns, and lets the other questions read few partitions.
select
    BillingPeriodStart as billing_period_start,
    min(ChargePeriodStart) as first_charge,
    max(ChargePeriodStart) as last_charge
from cost_data_standard_1_3
group by BillingPeriodStart
