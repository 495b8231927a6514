"""The platform's jobs that are done at once: what runs by itself, and can be run by hand at any time.  All are idempotent.

Jobs that have functions of their own are in `asked_jobs.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from common.domain.nearest import did_you_mean
from common.errors import NotFound
from common.ports import Runtime
from common.records.organizations import below
from common.records.stalled import end_stalled
from common.records.usage import forget_usage
from common.tenancy.upkeep import bootstrap, sync_organizations

Ran = Callable[[Runtime], list[str]]


@dataclass(frozen=True)
class Job:
    """One job.  what, when: in words.  run: does it, and returns what was done, in sentences; nothing for nothing.

    by_message: a function does the work; who runs the job only asks for it.
    """

    name: str
    what: str
    when: str
    run: Ran
    by_message: bool = False


def end_stale_runs(rt: Runtime) -> list[str]:
    """End runs of which every message was given up."""
    done = []
    for org_slug, _ in rt.documents.list("orgs"):
        before = _open_runs(rt, org_slug)
        end_stalled(rt.documents, rt.clock, org_slug)
        ended = before - _open_runs(rt, org_slug)
        done += [f"{org_slug}: run {run_id} is ended" for run_id in sorted(ended)]
    return done


def _open_runs(rt: Runtime, org_slug: str) -> set[str]:
    several = (rt.documents.list(below(org_slug, "runs"), {"status": status}) for status in ("queued", "running"))
    return {run_id for found in several for run_id, _ in found}


def clean_quotas(rt: Runtime) -> list[str]:
    """Remove counters of runs that are older than their life, and names of runs that ended or are stale."""
    done = []
    for org_slug, _ in rt.documents.list("orgs"):
        months, runs = forget_usage(rt.documents, org_slug, rt.clock.now())
        done += [f"{org_slug}: {months} months and {runs} ended runs are no longer counted"] if months or runs else []
    return done


JOBS: Mapping[str, Job] = {
    one.name: one
    for one in (
        Job(
            "quota-clean-up",
            "remove counters of runs that are past their life, and names of ended runs",
            "with every clean-up; counters need no job to be right",
            clean_quotas,
        ),
        Job(
            "stale-runs",
            "end runs whose messages were given up unanswered",
            "with every synchronization",
            end_stale_runs,
        ),
        Job(
            "bootstrap",
            "create what the platform lacks, then org-sync",
            "after a deployment",
            bootstrap,
        ),
        Job(
            "org-sync",
            "add to every organization what it lacks, and migrate what an earlier release wrote",
            "after a deployment",
            sync_organizations,
        ),
    )
}
"""Name -> job."""


@dataclass(frozen=True)
class JobDone:
    """What a job did.  done: in sentences; empty where there was nothing to do."""

    job: Job
    done: tuple[str, ...]


def run_job(rt: Runtime, name: str, jobs: Mapping[str, Job] = JOBS) -> JobDone:
    """Run one of the jobs.  Raises NotFound for a name that is none, and what the job raises."""
    job = jobs.get(name)
    if job is None:
        raise NotFound(f"there is no job {name}, expected one of {', '.join(jobs)}{did_you_mean(name, jobs)}")
    return JobDone(job, tuple(job.run(rt)))
