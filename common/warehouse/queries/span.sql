-- span: the days that have charges.  grain: one row; null where there is no charge
select
    min(date(ChargePeriodStart)) as first_day,
    max(date(ChargePeriodStart)) as last_day
from cost_data_standard_1_3
