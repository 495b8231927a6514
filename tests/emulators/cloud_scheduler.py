"""Cloud Scheduler in memory: jobs are kept, shown and refused as the service does; nothing ticks
(https://cloud.google.com/scheduler/docs/reference/rpc/google.cloud.scheduler.v1)."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import grpc
from google.cloud import scheduler_v1 as api
from google.protobuf.empty_pb2 import Empty

from tests.emulators.grpc_answers import Method, Refused

SERVICE = "google.cloud.scheduler.v1.CloudScheduler"
PAGE = 7
"""Jobs a page, however many were asked for: fewer than asked is allowed."""
_NAME = re.compile(r"projects/([a-z0-9.:-]+)/locations/([a-z]+-[a-z]+\d+)/jobs/[A-Za-z0-9_-]{1,500}")
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_NAMES = {
    3: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
    4: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
}
_ENGLISH = re.compile(r"every \d+ (minutes|mins|hours)( from \d\d:\d\d to \d\d:\d\d)?")
_INVALID = grpc.StatusCode.INVALID_ARGUMENT


class Jobs:
    """Jobs by their full names."""

    def __init__(self) -> None:
        self._jobs: dict[str, api.Job] = {}

    def methods(self) -> dict[str, Method]:
        """What the service answers, by method."""
        return {
            "CreateJob": (self.create, api.CreateJobRequest, api.Job),
            "UpdateJob": (self.update, api.UpdateJobRequest, api.Job),
            "DeleteJob": (self.delete, api.DeleteJobRequest, Empty),
            "GetJob": (lambda request: self._job(request.name), api.GetJobRequest, api.Job),
            "ListJobs": (self.list, api.ListJobsRequest, api.ListJobsResponse),
            "PauseJob": (self.pause, api.PauseJobRequest, api.Job),
        }

    def create(self, request: api.CreateJobRequest) -> api.Job:
        _check(request.job)
        if request.job.name in self._jobs:
            raise Refused(grpc.StatusCode.ALREADY_EXISTS, f"Job {request.job.name} already exists.")
        return self._keep(request.job, api.Job.State.ENABLED)

    def update(self, request: api.UpdateJobRequest) -> api.Job:
        _check(request.job)
        return self._keep(request.job, self._job(request.job.name).state)

    def delete(self, request: api.DeleteJobRequest) -> Empty:
        self._job(request.name)
        del self._jobs[request.name]
        return Empty()

    def pause(self, request: api.PauseJobRequest) -> api.Job:
        return self._keep(self._job(request.name), api.Job.State.PAUSED)

    def list(self, request: api.ListJobsRequest) -> api.ListJobsResponse:
        names = sorted(name for name in self._jobs if name.startswith(request.parent + "/jobs/"))
        start = int(request.page_token or 0)
        following = str(start + PAGE) if start + PAGE < len(names) else ""
        page = [self._jobs[name] for name in names[start : start + PAGE]]
        return api.ListJobsResponse(jobs=page, next_page_token=following)

    def _keep(self, job: api.Job, state: api.Job.State) -> api.Job:
        kept = api.Job(job)
        kept.state = state
        self._jobs[job.name] = kept
        return kept

    def _job(self, name: str) -> api.Job:
        if name not in self._jobs:
            raise Refused(grpc.StatusCode.NOT_FOUND, "Job not found.")
        return self._jobs[name]


def _check(job: api.Job) -> None:
    name = _NAME.fullmatch(job.name)
    if name is None:
        raise Refused(_INVALID, "Job name must be formatted projects/<p>/locations/<l>/jobs/<j>.")
    if name[2].startswith("nowhere"):
        raise Refused(grpc.StatusCode.NOT_FOUND, f"Location '{name[2]}' is not found or access is unauthorized.")
    topic = job.pubsub_target.topic_name
    if not topic.startswith(f"projects/{name[1]}/topics/") or not (
        job.pubsub_target.data or job.pubsub_target.attributes
    ):
        raise Refused(_INVALID, "PubsubTarget must name a topic of the same project and carry data or attributes.")
    if not _is_cron(job.schedule) and not _ENGLISH.fullmatch(job.schedule):
        raise Refused(_INVALID, "Schedule or time zone is invalid.")
    try:
        ZoneInfo(job.time_zone or "Etc/UTC")
    except (ZoneInfoNotFoundError, ValueError):
        raise Refused(_INVALID, "Schedule or time zone is invalid.") from None
    if job.retry_config.retry_count not in range(6):
        raise Refused(_INVALID, "RetryConfig.retry_count must be between 0 and 5.")


def _is_cron(text: str) -> bool:
    fields = text.split()
    return len(fields) == 5 and all(
        _fits(term, place) for place, field in enumerate(fields) for term in field.split(",")
    )


def _fits(term: str, place: int) -> bool:
    values, slash, step = term.partition("/")
    if slash and not (step.isdigit() and int(step) > 0 and (values == "*" or "-" in values)):
        return False
    if values == "*":
        return True
    numbers = [_number(value, place) for value in values.split("-")]
    return len(numbers) <= 2 and all(number is not None for number in numbers) and numbers == sorted(numbers)  # type: ignore[type-var]


def _number(value: str, place: int) -> int | None:
    names = _NAMES.get(place, [])
    if value in names:
        return names.index(value) + _RANGES[place][0]
    low, high = _RANGES[place]
    return int(value) if value.isdigit() and low <= int(value) <= high else None
