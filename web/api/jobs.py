"""The platform's jobs, for operators."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from common.tenancy.jobs import JOBS, run_job
from web.api.declare import Call, Needs, Routes
from web.api.shapes import NoArguments

routes = Routes("Jobs")
_PATH = "/api/v1/admin"
JobName = Annotated[str, Field(pattern=r"^[a-z-]{1,40}$", description="The job's name")]


class Job(BaseModel):
    """One job."""

    job: str
    what: str
    when: str


class Jobs(BaseModel):
    """Jobs."""

    jobs: list[Job]


class JobDone(BaseModel):
    """What a job did."""

    job: str
    done: list[str] = Field(description="In sentences; empty where there was nothing to do")


@routes.get(f"{_PATH}/jobs", needs=Needs.ROOT, answer=Jobs)
def list_jobs(call: Call) -> dict[str, Any]:
    """The jobs that can be run here.  Those of functions run by their schedules, and by hand with costwire job."""
    return {"jobs": [{"job": one.name, "what": one.what, "when": one.when} for one in JOBS.values()]}


@routes.post(f"{_PATH}/bootstrap", needs=Needs.ROOT, answer=JobDone, action="job.run")
def bootstrap_platform(call: Call, body: NoArguments) -> dict[str, Any]:
    """Create what the platform and its organizations lack, and migrate what is old.  Again does nothing."""
    return _run(call, "bootstrap")


@routes.post(f"{_PATH}/jobs/{{job}}", needs=Needs.ROOT, answer=JobDone, action="job.run")
def run_one_job(call: Call, job: JobName, body: NoArguments) -> dict[str, Any]:
    """Run a job now."""
    return _run(call, job)


def _run(call: Call, name: str) -> dict[str, Any]:
    ran = run_job(call.rt, name)
    return {"job": name, "done": list(ran.done)}
