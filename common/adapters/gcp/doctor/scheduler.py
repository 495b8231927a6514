"""The jobs of Cloud Scheduler: each exists, is enabled, and its last attempt was accepted; one for every tenant with bills to fetch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from google.cloud import scheduler_v1

from common.adapters.gcp.doctor.notes import CALL_SECONDS, Notes
from common.adapters.gcp.doctor.tenants import Tenant
from common.adapters.gcp.scheduler import EMULATOR_VARIABLE, PREFIX
from common.messages import SyncRequested

_State = scheduler_v1.Job.State


def look_at_schedules(notes: Notes, tenants: Sequence[Tenant] | None) -> None:
    """Jobs are told by their names, whom they are for by their messages."""
    client = notes.deployment.client(scheduler_v1.CloudSchedulerClient, EMULATOR_VARIABLE)
    parent = f"projects/{notes.deployment.project}/locations/{notes.deployment.region}"
    listed = notes.ask(
        "Cloud Scheduler jobs",
        lambda: list(client.list_jobs(parent=parent, timeout=CALL_SECONDS, retry=None)),
        notes.deployment.deploy,
    )
    if listed is None:
        return
    jobs = {name: job for job in listed if (name := job.name.rsplit("/", 1)[-1]).startswith(PREFIX)}
    for name, job in sorted(jobs.items()):
        _look_at_job(notes, name, job)
    _look_at_tenants(notes, jobs, tenants)


def _look_at_job(notes: Notes, name: str, job: scheduler_v1.Job) -> None:
    flags = f"--location={notes.deployment.region} --project={notes.deployment.project}"
    faults = {}
    if job.state == _State.PAUSED:
        faults["is paused"] = f"gcloud scheduler jobs resume {name} {flags}"
    elif job.state == _State.DISABLED:
        faults["is disabled by the service"] = f"gcloud scheduler jobs resume {name} {flags}"
    if job.status.code:
        faults[f"its last attempt failed with code {job.status.code}"] = f"gcloud scheduler jobs run {name} {flags}"
    attempt = job.last_attempt_time
    last = f"last tried {attempt:%Y-%m-%d %H:%M}" if attempt else "not tried yet"
    notes.expect(f"job {name}", f"{job.schedule}, {last}", faults)


def _look_at_tenants(notes: Notes, jobs: Mapping[str, scheduler_v1.Job], tenants: Sequence[Tenant] | None) -> None:
    if tenants is None:
        notes.unchecked("schedules of tenants", "the tenants could not be read")
        return
    served = {org for job in jobs.values() if (org := _served(job)) is not None}
    wanted = [one.org_slug for one in tenants if one.may_run and one.active and one.scheduled]
    for org_slug in wanted:
        if not served & {org_slug, ""}:
            notes.fault(
                f"schedule of {org_slug}", "there is no job: its bills are fetched only on request",
                f"costwire schedule --every-hours 4 --org {org_slug}",
            )  # fmt: skip
    running = {"", *(one.org_slug for one in tenants if one.may_run)}
    known = {one.org_slug for one in tenants}
    idle = sorted(served - running)
    for org_slug in idle:
        there = org_slug in known
        notes.fault(
            f"schedule of {org_slug}",
            f"a job exists for an organization that {'may not run' if there else 'does not exist'}: each run becomes a dead letter",
            f"costwire tenants suspend {org_slug}" if there else f"costwire tenants remove {org_slug} --yes",
        )
    if wanted and not idle and served.issuperset(wanted):
        notes.ok("schedules of tenants", f"every one of {len(wanted)} tenants with integrations has one")


def _served(job: scheduler_v1.Job) -> str | None:
    """For which tenant a job asks for bills; "" for all of them, None for a job that does something else."""
    if not job.pubsub_target.topic_name.endswith(f"/{SyncRequested.topic}"):
        return None
    try:
        return str(json.loads(job.pubsub_target.data)["data"].get("org_slug") or "")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
