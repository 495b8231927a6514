-- runs: every synchronisation, newest first.  grain: one row per run
select
    run_id,
    org_slug,
    integration_id,
    trigger,
    status,
    started_at,
    ended_at,
    records,
    bytes,
    error,
    delivery_ids
from pipeline_runs
order by started_at desc, run_id
